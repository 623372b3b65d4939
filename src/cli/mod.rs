//! The command line, the output on a terminal, and signals.
//!
//! `arguments` has the commands and their options, in the order of the help. A `display` shows a training: as lines with a
//! `progress` bar, or as Burn's `dashboard`. `notice` writes messages and warnings to stderr. A shell asks `completion`.

/// Burn requires a renderer to show evaluations too. This program does not use Burn's evaluator.
macro_rules! shows_no_evaluation {
    ($renderer:ty) => {
        impl burn::train::renderer::MetricsRendererEvaluation for $renderer {
            fn update_test(&mut self, _: burn::train::renderer::EvaluationName, _: MetricState) {}
        }

        impl burn::train::logger::EvaluationProgressLogger for $renderer {
            fn start_global_progress(&mut self, _: usize) {}
            fn start_test(&mut self, _: &str, _: usize) {}
            fn update_test_progress(&mut self, _: usize) {}
            fn end_test(&mut self) {}
            fn end_global_progress(&mut self) {}
            fn log_event_evaluation(&mut self, _: String) {}
        }
    };
}

mod arguments;
pub(crate) mod completion;
#[cfg(feature = "tui")]
mod dashboard;
mod display;
mod notice;
mod progress;
pub mod signals;
pub(crate) mod terminal;

pub(crate) use arguments::*;
pub use display::{Display, Ui};
pub use notice::{notice, say};
pub use {arguments::Cli, progress::Progress};
pub(crate) use {display::UiError, notice::warn, progress::download_bar, terminal::Table};
