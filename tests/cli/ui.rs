//! `--ui`: an unavailable display is refused before any work.

use std::path::PathBuf;

use super::{DEVICE, failure, folders, program};

/// The error of `mnist-burn train --ui tui` without a terminal. It must create nothing.
fn refused() -> String {
    let runs = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--ui", "tui", "--runs"]).arg(runs.path());
    let message = failure(&mut command);
    assert_eq!(folders(runs.path()), [] as [PathBuf; 0], "{message}");
    assert_eq!(message.lines().count(), 1, "before any work: {message}");
    assert_eq!(failure(program().args(["resume", "no-run", "--ui", "tui"])), message, "the same for resume");
    message
}

#[test]
#[cfg(not(feature = "tui"))]
fn dashboard_needs_the_feature_tui() {
    let message = refused();
    assert!(message.contains("`--ui tui` is not compiled in"), "{message}");
    assert!(message.contains("use `cargo run --release --features tui`"), "{message}");
}

#[test]
#[cfg(feature = "tui")]
fn dashboard_needs_a_terminal() {
    let message = refused();
    assert!(message.contains("`--ui tui` needs a terminal, but standard input is not one"), "{message}");
    assert!(message.contains("use `--ui lines`"), "{message}");
}
