//! Writes progress and diagnostics to stderr.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::text::printable_lines;

static QUIET: AtomicBool = AtomicBool::new(false);

pub fn set_quiet(is_quiet: bool) {
    QUIET.store(is_quiet, Ordering::Relaxed);
}

pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Writes what is not an error or a warning to stderr, unless the user wants quiet.
pub fn notice(lines: impl Display) {
    if !is_quiet() {
        say(lines);
    }
}

/// Writes lines to stderr, with control characters escaped. Unlike `eprintln!`, it does not panic if stderr is closed.
pub fn say(lines: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", printable_lines(&lines.to_string()));
}

pub fn warn(warning: impl Display) {
    say(format!("warning: {warning}"));
}
