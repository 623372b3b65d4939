//! Shows the progress of a download: a bar in a terminal, otherwise a line at its start.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use super::notice::notice;

/// Shows a download of `size` bytes on stderr. The result is called with the bytes that have arrived so far.
pub fn download_bar(url: &str, size: u64) -> Box<dyn Fn(u64)> {
    if !io::stderr().is_terminal() {
        notice(format!("downloading {url} ({size} bytes)"));
        return Box::new(|_| ());
    }
    let style = ProgressStyle::with_template("downloading {msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}")
        .expect("the template above is well-formed");
    // Abandon: the bar stays on the screen and shows how far the download got.
    let bar = ProgressBar::new(size).with_style(style).with_finish(ProgressFinish::Abandon);
    let bar = bar.with_message(url.to_owned());
    Box::new(move |bytes| bar.set_position(bytes))
}
