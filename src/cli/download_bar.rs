//! Shows the progress of a download: a bar in a terminal, otherwise a line at its start.

use std::cell::RefCell;
use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use super::notice::notice;
use crate::data::DownloadProgress;

/// Shows downloads, one after the other, on stderr.
#[derive(Debug, Default)]
pub struct DownloadBar {
    bar: RefCell<Option<ProgressBar>>,
}

impl DownloadProgress for DownloadBar {
    fn start(&self, url: &str, size: u64) {
        if !io::stderr().is_terminal() {
            notice(format!("downloading {url} ({size} bytes)"));
            return;
        }
        let style = ProgressStyle::with_template("downloading {msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}")
            .expect("the template above is well-formed");
        let bar = ProgressBar::new(size).with_style(style).with_message(url.to_owned());
        // Abandon: the bar stays on the screen and shows how far the download got.
        *self.bar.borrow_mut() = Some(bar.with_finish(ProgressFinish::Abandon));
    }

    fn advance(&self, bytes: u64) {
        if let Some(bar) = &*self.bar.borrow() {
            bar.set_position(bytes);
        }
    }

    fn finish(&self) {
        self.bar.take();
    }
}
