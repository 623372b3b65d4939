//! Writes progress and diagnostics to stderr.

use std::fmt::Display;
use std::io::{self, Write};

use crate::text::printable_lines;

/// Writes lines to stderr, with control characters escaped. Unlike `eprintln!`, it does not panic if stderr is closed,
/// as in `2>&1 | head`.
pub fn notice(lines: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", printable_lines(&lines.to_string()));
}

/// Writes a warning to stderr.
pub fn warn(warning: impl Display) {
    notice(format!("warning: {warning}"));
}
