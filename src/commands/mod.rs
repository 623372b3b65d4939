//! One file per command, from its arguments to its output. Results go to stdout, everything else to stderr.

mod config;
mod devices;
mod ensemble;
mod epochs;
mod evaluate;
mod evaluation;
mod export;
mod images;
mod membership;
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
    match cli.command.unwrap_or(Command::Train(cli.train)) {
        Command::Train(arguments) => train::run(&arguments),
        Command::Resume(arguments) => train::resume(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Ensemble(arguments) => ensemble::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Runs(arguments) => runs::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Summary(arguments) => show::summary(&arguments),
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::Images(arguments) => images::run(&arguments),
        Command::Privacy(arguments) => privacy::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Devices { of } => devices::run(of.as_ref()),
        #[cfg(feature = "remote")]
        Command::Worker(arguments) => worker::run(&arguments),
        #[cfg(not(feature = "remote"))]
        Command::Worker(_) => Err(crate::device::without_remote().into()),
        Command::Completions { shell } => shell::completions(&shell),
        Command::Man { command } => shell::man(command.as_deref()),
    }
}
