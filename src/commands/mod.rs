//! One file per command, from its arguments to its output. Results go to stdout, everything else to stderr.

mod config;
mod devices;
mod epochs;
mod evaluate;
mod evaluation;
mod export;
mod images;
mod opening;
mod output;
mod predict;
mod prepared;
mod privacy;
mod removal;
mod report;
mod runs;
mod serve;
mod shell;
mod show;
mod sweep;
mod train;
#[cfg(feature = "remote")]
mod worker;

use crate::Error;
use crate::cli::{Cli, Command};

/// Runs the command.
pub fn run(cli: Cli) -> Result<(), Error> {
    match cli.command {
        None => train::run(&cli.train),
        Some(Command::Train(arguments)) => train::run(&arguments),
        Some(Command::Resume(arguments)) => train::resume(&arguments),
        Some(Command::Evaluate(arguments)) => evaluate::run(&arguments),
        Some(Command::Export(arguments)) => export::run(&arguments),
        Some(Command::Predict(arguments)) => predict::run(&arguments),
        Some(Command::Report(arguments)) => report::run(&arguments),
        Some(Command::Serve(arguments)) => serve::run(&arguments),
        Some(Command::Runs(arguments)) => runs::run(&arguments),
        Some(Command::Show(arguments)) => show::run(&arguments),
        Some(Command::Summary(arguments)) => show::summary(&arguments),
        Some(Command::Sweep(arguments)) => sweep::run(&arguments),
        Some(Command::Images(arguments)) => images::run(&arguments),
        Some(Command::Privacy(arguments)) => privacy::run(&arguments),
        Some(Command::Config(arguments)) => config::run(&arguments),
        Some(Command::Devices { of }) => devices::run(of.as_ref()),
        #[cfg(feature = "remote")]
        Some(Command::Worker(arguments)) => worker::run(&arguments),
        #[cfg(not(feature = "remote"))]
        Some(Command::Worker(_)) => Err(crate::device::without_remote().into()),
        Some(Command::Completions { shell }) => shell::completions(&shell),
        Some(Command::Man { command }) => shell::man(command.as_deref()),
    }
}
