//! The command line, the output on a terminal, and signals.
//!
//! `arguments` has the commands and their options, in the order of the help. A `display` shows a training: as lines with a
//! `progress` bar, or as Burn's `dashboard`. `notice` writes messages and warnings to stderr.

mod arguments;
#[cfg(feature = "tui")]
mod dashboard;
mod display;
mod download_bar;
mod notice;
mod progress;
pub mod signals;
mod table;
pub(crate) mod terminal;

pub use arguments::Cli;
pub(crate) use arguments::*;
pub(crate) use display::UiError;
pub use display::{Display, Ui};
pub(crate) use download_bar::DownloadBar;
pub use notice::notice;
pub(crate) use notice::warn;
pub use progress::Progress;
pub(crate) use table::Table;
