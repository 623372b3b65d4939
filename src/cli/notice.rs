//! Writes progress and diagnostics to stderr.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::text::printable_lines;

static QUIET: AtomicBool = AtomicBool::new(false);

pub fn set_quiet(is_quiet: bool) {
    QUIET.store(is_quiet, Ordering::Relaxed);
}

pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Writes the logs of this program and of its libraries to stderr, but not what Burn logs of every batch.
pub fn show_logs() {
    let shown = Targets::new().with_default(LevelFilter::DEBUG).with_target("burn_train::learner", LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(io::stderr);
    let _ = tracing_subscriber::registry().with(lines).with(shown).try_init();
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
