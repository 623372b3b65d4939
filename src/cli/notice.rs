//! Writes progress and diagnostics to stderr.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line to stderr. Unlike `eprintln!`, it does not panic if stderr is closed, as in `2>&1 | head`.
pub fn notice(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes a warning to stderr.
pub fn warn(warning: impl Display) {
    notice(format!("warning: {warning}"));
}
