//! The command line as typed, what a terminal shows, and signals.

mod arguments;
#[cfg(feature = "tui")]
mod dashboard;
mod display;
mod download_bar;
mod notice;
mod progress;
pub mod signals;
mod table;
pub mod terminal;

pub use arguments::*;
pub use display::{Display, Ui, UiError};
pub use download_bar::DownloadBar;
pub use notice::{notice, warn};
pub use progress::Progress;
pub use table::Table;
