//! How a training is shown while it runs, and how it is stopped: lines or the dashboard, and Ctrl-C.

use std::cell::RefCell;
use std::io::{self, IsTerminal};

use burn::train::Interrupter;
use burn::train::renderer::MetricsRenderer;
use thiserror::Error;

#[cfg(feature = "tui")]
use super::dashboard::Dashboard;
use super::notice::notice;
use super::progress::Progress;
use super::signals::{self, Listening};
#[cfg(feature = "remote")]
use crate::device::remote::{self, Leaving};
use crate::training::{self, History};

/// How to show the progress of a training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ui {
    /// A line an epoch, and a bar in a terminal.
    #[default]
    Lines,
    /// Burn's dashboard.
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
    /// There is no terminal to draw the dashboard on, or to read keys from.
    #[error("`--ui tui` needs a terminal, and {stream} is none; `--ui lines` needs none")]
    NoTerminal {
        /// What is not a terminal.
        stream: &'static str,
    },
}

impl Ui {
    /// Checks that this build has it, and this process what it needs.
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

/// Shows one training, and stops it on Ctrl-C.
pub struct Display {
    #[cfg_attr(not(feature = "tui"), expect(dead_code, reason = "this build has lines only"))]
    ui: Ui,
    /// The number of epochs, at most.
    #[cfg_attr(not(feature = "tui"), expect(dead_code, reason = "only the dashboard tells of them"))]
    epochs: usize,
    open: RefCell<Option<Open>>,
}

/// What is undone when the training ends.
struct Open {
    screen: Screen,
    _listening: Listening,
    #[cfg(feature = "remote")]
    _leaving: Leaving,
}

impl Display {
    /// A display of a training of at most `epochs` epochs.
    pub fn new(ui: Ui, epochs: usize) -> Self {
        Self { ui, epochs, open: RefCell::default() }
    }

    #[cfg_attr(not(feature = "tui"), expect(unused_variables, reason = "only the dashboard tells of them"))]
    fn screen(&self, history: &History) -> Screen {
        #[cfg(feature = "tui")]
        if self.ui == Ui::Tui {
            return Screen::Dashboard(Dashboard::new(history.clone(), self.epochs));
        }
        Screen::Lines
    }
}

impl training::Display for Display {
    fn open(&self, history: &History, interrupter: &Interrupter) -> Box<dyn MetricsRenderer> {
        let screen = self.screen(history);
        let (stop, shown) = (interrupter.clone(), screen.clone());
        let listening = signals::listen(move || {
            shown.close();
            notice("stopping after this step; press Ctrl-C again to quit now");
            stop.stop(None);
        });
        #[cfg(feature = "remote")]
        let leaving = {
            let shown = screen.clone();
            remote::before_leaving(move || shown.close())
        };
        let renderer = screen.renderer(interrupter);
        *self.open.borrow_mut() = Some(Open {
            screen,
            _listening: listening,
            #[cfg(feature = "remote")]
            _leaving: leaving,
        });
        renderer
    }

    fn close(&self) {
        if let Some(open) = self.open.take() {
            open.screen.close();
        }
    }
}

/// What a training is shown on. Copies share it.
#[derive(Clone)]
enum Screen {
    /// Lines, which need not be closed.
    Lines,
    /// The whole terminal.
    #[cfg(feature = "tui")]
    Dashboard(Dashboard),
}

impl Screen {
    /// Opens it, and gives what Burn reports the training to.
    fn renderer(&self, interrupter: &Interrupter) -> Box<dyn MetricsRenderer> {
        match self {
            Self::Lines => Box::new(Progress::new(interrupter.clone())),
            #[cfg(feature = "tui")]
            Self::Dashboard(dashboard) => {
                dashboard.open();
                Box::new(dashboard.clone())
            }
        }
    }

    /// Leaves the terminal as it was.
    fn close(&self) {
        #[cfg(feature = "tui")]
        if let Self::Dashboard(dashboard) = self {
            dashboard.close();
        }
    }
}
