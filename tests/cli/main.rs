//! Tests of the built program, which use it as a user does. There is a module per command; `trained`, `working` and
//! `served` are shared.
//!
//! The tests use a CPU in every build: they pass `DEVICE` unless they test devices.

#[cfg(target_os = "linux")]
mod collisions;
mod config;
#[cfg(all(feature = "tui", target_os = "linux"))]
mod dashboard;
mod data;
mod described;
mod devices;
mod distillation;
mod ensemble;
mod errors;
mod evaluate;
mod export;
#[cfg(target_os = "linux")]
mod file_systems;
mod images;
mod lr_find;
mod named;
mod onnx;
mod options;
mod pictures;
mod predict;
mod privacy;
mod removal;
mod report;
mod reproduce;
mod resume;
mod runs;
mod scripts;
mod serve;
mod serve_load;
mod serve_refusals;
mod served;
#[cfg(unix)]
mod signals;
mod snapshots;
mod stale;
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

/// The mirror server of the library's own tests.
#[path = "../../src/data/tests/server.rs"]
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A CPU backend of this build.
const DEVICE: &str = if cfg!(feature = "ndarray") { "ndarray" } else { "flex" };

/// A command that runs the program in the root of the checkout.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mnist-burn"));
    served::hear_signals(&mut command);
    for variable in ["MNIST_BURN_RUNS", "MNIST_BURN_DEVICE", "MNIST_BURN_DATA"] {
        command.env_remove(variable);
    }
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Runs a command, which must succeed. Returns its stdout and stderr.
fn success(command: &mut Command) -> (String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{command:?}: {status}\n{stdout}{stderr}");
    (stdout, stderr)
}

/// Runs a command, which must succeed. Returns its stdout.
fn stdout(command: &mut Command) -> String {
    success(command).0
}

/// Runs a command, which must fail with an exit code of the program's errors, without a panic. Returns its stderr.
fn failure(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(1..=8)), "{command:?}: {:?} {message}", output.status);
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// The entries of the folder `runs`, sorted.
fn folders(runs: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}
