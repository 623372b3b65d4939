//! The built program, used as a user does. One module a command, and `trained` for what they share.
//!
//! The tests compute on the CPU, whatever the build: `DEVICE` is given wherever a device is not what is tested.

mod config;
mod data;
mod devices;
mod evaluate;
mod predict;
mod train;
mod trained;

/// The mirror that the library's own tests download from.
#[path = "../../src/data/server.rs"]
mod server;

use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// A CPU backend of this build.
const DEVICE: &str = if cfg!(feature = "ndarray") { "ndarray" } else { "flex" };

/// The program, in the root of the checkout.
fn program() -> Command {
    let mut command = Command::cargo_bin("mnist-burn").unwrap();
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// What a command prints on stdout; it must succeed.
fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

/// What a command prints on stderr; it must fail with exit code 1, without a panic.
fn failure(command: &mut Command) -> String {
    let output = command.assert().failure().code(1).get_output().clone();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// The folders in `runs`.
fn folders(runs: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}
