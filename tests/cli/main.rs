//! The built program, used as a user does. One module a command, and `trained` for what they share.
//!
//! The tests compute on the CPU, whatever the build: `DEVICE` is given wherever a device is not what is tested.

mod config;
#[cfg(all(feature = "tui", target_os = "linux"))]
mod dashboard;
mod data;
mod devices;
mod errors;
mod evaluate;
mod export;
mod images;
mod pictures;
mod predict;
mod report;
mod reproduce;
mod resume;
mod runs;
mod serve;
mod serve_load;
mod serve_refusals;
mod served;
mod sweep;
mod tensorboard;
mod train;
mod trained;
mod transfer;
mod ui;
#[cfg(all(feature = "remote", unix))]
mod workers;
#[cfg(all(feature = "remote", unix))]
mod workers_lost;
#[cfg(all(feature = "remote", unix))]
mod workers_refusals;
#[cfg(all(feature = "remote", unix))]
mod working;

/// The mirror that the library's own tests download from.
#[path = "../../src/data/server.rs"]
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A CPU backend of this build.
const DEVICE: &str = if cfg!(feature = "ndarray") { "ndarray" } else { "flex" };

/// The program, in the root of the checkout.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mnist-burn"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// What a command prints on stdout and on stderr; it must succeed.
fn success(command: &mut Command) -> (String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{command:?}: {status}\n{stdout}{stderr}");
    (stdout, stderr)
}

/// What a command prints on stdout; it must succeed.
fn stdout(command: &mut Command) -> String {
    success(command).0
}

/// What a command prints on stderr; it must fail with exit code 1, without a panic.
fn failure(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{command:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// The folders in `runs`.
fn folders(runs: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}
