//! `--ui`: what can't be had is told before anything else.

use std::path::PathBuf;

use super::{DEVICE, failure, folders, program};

/// What `mnist-burn train --ui tui` says where no terminal is; it leaves nothing behind.
fn refused() -> String {
    let runs = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--ui", "tui", "--runs"]).arg(runs.path());
    let message = failure(&mut command);
    assert_eq!(folders(runs.path()), [] as [PathBuf; 0], "{message}");
    assert_eq!(message.lines().count(), 1, "before any work: {message}");
    assert_eq!(failure(program().args(["resume", "no-run", "--ui", "tui"])), message, "resuming as well");
    message
}

#[test]
#[cfg(not(feature = "tui"))]
fn without_the_feature_the_build_that_has_the_dashboard_is_named() {
    let message = refused();
    assert!(message.contains("`--ui tui` is not compiled in"), "{message}");
    assert!(message.contains("`cargo run --release --features tui` has it"), "{message}");
}

#[test]
#[cfg(feature = "tui")]
fn without_a_terminal_there_is_no_dashboard() {
    let message = refused();
    assert!(message.contains("`--ui tui` needs a terminal, and standard input is none"), "{message}");
    assert!(message.contains("`--ui lines` needs none"), "{message}");
}
