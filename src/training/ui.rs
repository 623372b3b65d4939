//! What shows a training under way: lines, or the dashboard.

use std::io::{self, IsTerminal};

use burn::train::Interrupter;
use burn::train::renderer::MetricsRenderer;
use clap::ValueEnum;
use thiserror::Error;

#[cfg(feature = "tui")]
use super::dashboard::Dashboard;
use super::{Journal, Progress};

/// What shows a training under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Ui {
    /// A line an epoch, and a bar in a terminal
    #[default]
    Lines,
    /// Burn's dashboard, with curves, in the whole terminal; q, then s, stops the training as Ctrl-C does
    Tui,
}

/// Why a training can't be shown as asked for.
#[derive(Debug, Error)]
pub enum UiError {
    /// The dashboard exists, but not in this build.
    #[error(
        "`--ui tui` is not compiled in; `cargo run --release --features tui` has it, and `--ui lines` needs nothing"
    )]
    NotBuilt,
    /// There is nothing to draw the dashboard on, or to read keys from.
    #[error("`--ui tui` needs a terminal, and {stream} is none; `--ui lines` needs none")]
    NoTerminal {
        /// What is no terminal.
        stream: &'static str,
    },
}

impl Ui {
    /// Whether this build has it, and this process what it needs.
    ///
    /// # Errors
    /// If one of them does not.
    pub fn check(self) -> Result<(), UiError> {
        let streams = [("standard input", io::stdin().is_terminal()), ("standard output", io::stdout().is_terminal())];
        let missing = streams.into_iter().find(|(_, is_terminal)| !is_terminal);
        match (self, missing) {
            (Self::Tui, _) if !cfg!(feature = "tui") => Err(UiError::NotBuilt),
            (Self::Tui, Some((stream, _))) => Err(UiError::NoTerminal { stream }),
            (Self::Lines, _) | (Self::Tui, None) => Ok(()),
        }
    }
}

/// What one training is shown on, until it is closed; copies share it.
#[derive(Clone)]
pub enum Screen {
    /// Nothing is to be closed.
    Lines,
    /// The whole terminal.
    #[cfg(feature = "tui")]
    Dashboard(Dashboard),
}

impl Screen {
    /// For a training of `epochs` epochs, of which `journal` has those before.
    #[cfg_attr(not(feature = "tui"), expect(unused_variables, reason = "only the dashboard tells of them"))]
    pub fn new(ui: Ui, journal: &Journal, epochs: usize) -> Self {
        match ui {
            #[cfg(feature = "tui")]
            Ui::Tui => Self::Dashboard(Dashboard::new(journal.clone(), epochs)),
            _ => Self::Lines,
        }
    }

    /// Opens it, and gives what Burn is to tell of the training, which `interrupter` may break off.
    pub fn open(&self, interrupter: &Interrupter) -> Box<dyn MetricsRenderer> {
        match self {
            Self::Lines => Box::new(Progress::new(interrupter.clone())),
            #[cfg(feature = "tui")]
            Self::Dashboard(dashboard) => {
                dashboard.open();
                Box::new(dashboard.clone())
            }
        }
    }

    /// Leaves the terminal as it was found.
    pub fn close(&self) {
        #[cfg(feature = "tui")]
        if let Self::Dashboard(dashboard) = self {
            dashboard.close();
        }
    }
}
