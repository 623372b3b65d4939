//! Shows the progress of a training, as lines or in the dashboard, and stops it on Ctrl-C.

use std::io::{self, IsTerminal};
use std::{any::Any, sync::Arc};

use burn::train::renderer::MetricsRenderer;
use clap::ValueEnum;
use thiserror::Error;

#[cfg(feature = "tui")]
use super::dashboard::Dashboard;
use super::signals::{self, Listening};
use super::{notice::notice, progress::Progress};
#[cfg(feature = "remote")]
use crate::device::remote;
use crate::training::{self, History};

/// How to show the progress of a training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Ui {
    /// A line for each epoch, and a progress bar in a terminal
    #[default]
    Lines,
    /// Burn's dashboard with curves, in the whole terminal; press q, then s, to stop as with Ctrl-C
    Tui,
}

#[derive(Debug, Error)]
pub enum UiError {
    #[error("`--ui tui` is not compiled in: use `cargo run --release --features tui`, or `--ui lines`")]
    NotBuilt,
    #[error("`--ui tui` needs a terminal, but {stream} is not one; use `--ui lines`")]
    NoTerminal { stream: &'static str },
}

impl Ui {
    /// Checks that the display is compiled in, and that it has the terminal that it needs.
    pub fn check(self) -> Result<(), UiError> {
        match self {
            Self::Tui if !cfg!(feature = "tui") => Err(UiError::NotBuilt),
            Self::Tui if !io::stdin().is_terminal() => Err(UiError::NoTerminal { stream: "standard input" }),
            Self::Tui if !io::stdout().is_terminal() => Err(UiError::NoTerminal { stream: "standard output" }),
            Self::Lines | Self::Tui => Ok(()),
        }
    }
}

/// Shows one training, and stops it on Ctrl-C.
pub struct Display {
    /// How it is shown.
    pub ui: Ui,
    /// The maximum number of epochs.
    pub epochs: usize,
    /// What the first signal says before it ends the program. Without it, the signal stops the training after the step.
    pub quits_with: Option<&'static str>,
}

type Close = Arc<dyn Fn() + Send + Sync>;

/// What is shown, until this is dropped.
struct Shown {
    close: Close,
    _listening: Listening,
}

impl Drop for Shown {
    fn drop(&mut self) {
        (self.close)();
        #[cfg(feature = "remote")]
        remote::before_leaving(None);
    }
}

impl training::Display for Display {
    fn open(&self, history: &History) -> (Box<dyn MetricsRenderer>, Box<dyn Any>) {
        let (renderer, close): (Box<dyn MetricsRenderer>, Close) = match self.ui {
            #[cfg(feature = "tui")]
            Ui::Tui => {
                let dashboard = Dashboard::new(history.clone(), self.epochs);
                (Box::new(dashboard.clone()), Arc::new(move || dashboard.close()))
            }
            _ => (Box::new(Progress::new(history.interrupter.clone())), Arc::new(|| ())),
        };
        let (stop, close_first, quits_with) = (history.interrupter.clone(), Arc::clone(&close), self.quits_with);
        let _listening = signals::listen(move || {
            close_first();
            notice(quits_with.unwrap_or("stopping after this step; press Ctrl-C again to quit now"));
            if quits_with.is_some() { signals::quit() } else { stop.stop(None) }
        });
        #[cfg(feature = "remote")]
        remote::before_leaving(Some(Arc::clone(&close)));
        (renderer, Box::new(Shown { close, _listening }))
    }
}
