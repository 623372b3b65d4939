//! What each command does, from its arguments to its output: results to stdout, everything else to stderr.

mod config;
mod devices;
mod evaluate;
mod export;
mod images;
mod output;
mod predict;
mod report;
mod resume;
mod runs;
mod serve;
mod sweep;
mod train;
mod worker;

use std::io::{self, Write};

use serde::Serialize;

use crate::Error;
use crate::cli::{Cli, Command};
use crate::config::Devices;
use crate::device::{self, DeviceError, Opened};
use crate::evaluation::Evaluation;
use crate::notice::notice;
use crate::terminal;

/// Runs the command that was typed.
///
/// # Errors
/// Whatever stopped it.
pub fn run(cli: Cli) -> Result<(), Error> {
    match cli.command {
        None => train::run(&cli.train),
        Some(Command::Train(arguments)) => train::run(&arguments),
        Some(Command::Resume(arguments)) => resume::run(&arguments),
        Some(Command::Evaluate(arguments)) => evaluate::run(&arguments),
        Some(Command::Export(arguments)) => export::run(&arguments),
        Some(Command::Predict(arguments)) => predict::run(&arguments),
        Some(Command::Report(arguments)) => report::run(&arguments),
        Some(Command::Serve(arguments)) => serve::run(&arguments),
        Some(Command::Runs(arguments)) => runs::run(&arguments),
        Some(Command::Sweep(arguments)) => sweep::run(&arguments),
        Some(Command::Images(arguments)) => images::run(&arguments),
        Some(Command::Config(arguments)) => config::run(&arguments),
        Some(Command::Devices(arguments)) => devices::run(&arguments),
        Some(Command::Worker(arguments)) => worker::run(&arguments),
    }
}

/// Opens a device and says which one it is.
fn open_device(name: &str) -> Result<Opened, DeviceError> {
    let device = device::open(name)?;
    notice(format!("device: {device}"));
    if device.software {
        notice("warning: a CPU plays the graphics card, which is slow; `--device ndarray` is faster");
    }
    Ok(device)
}

/// Opens each device of an experiment. There is one at least; with several, says what becomes of an update.
fn open_devices(devices: &Devices) -> Result<Vec<Opened>, DeviceError> {
    let opened = devices.names().into_iter().map(open_device).collect::<Result<Vec<_>, _>>()?;
    if opened.len() > 1 {
        notice(format!(
            "an update has a batch of each of the {} devices; their gradients meet on the first one (Burn's `multi` \
             strategy: its `ddp`, for CUDA alone, waits for ever for a device that has a batch fewer or stops first)",
            opened.len()
        ));
    }
    Ok(opened)
}

/// Writes a result to stdout as JSON.
fn print_json(value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    print(&serde_json::to_string_pretty(value).map_err(io::Error::from)?)
}

/// Writes an evaluation to stdout, in colours where they are shown, with `ending` after it.
fn print_evaluation(evaluation: &Evaluation, ending: &str) -> Result<(), Error> {
    let text = if terminal::is_coloured() { terminal::evaluation(evaluation) } else { evaluation.to_string() };
    print(&(text + ending))
}

/// Writes a result to stdout, its colours only where they are shown. A reader that has seen enough, as in `| head`, is no
/// error.
fn print(text: &str) -> Result<(), Error> {
    match writeln!(anstream::stdout().lock(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
