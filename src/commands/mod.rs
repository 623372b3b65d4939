//! One file per command, from its arguments to its output. Results go to stdout, everything else to stderr.

mod config;
mod devices;
mod ensemble;
mod evaluate;
mod evaluation;
mod export;
mod images;
mod lr_find;
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
    let runs = &cli.runs;
    match cli.command.unwrap_or(Command::Train(cli.train)) {
        Command::Train(arguments) => train::run(&arguments, runs),
        Command::Resume(arguments) => train::resume(&arguments, runs),
        Command::Evaluate(arguments) => evaluate::run(&arguments, runs),
        Command::Ensemble(arguments) => ensemble::run(&arguments, runs),
        Command::Export(arguments) => export::run(&arguments, runs),
        Command::Predict(arguments) => predict::run(&arguments, runs),
        Command::Report(arguments) => report::run(&arguments, runs),
        Command::Serve(arguments) => serve::run(&arguments, runs),
        Command::Runs(arguments) => runs::run(&arguments, runs),
        Command::Show(arguments) => show::run(&arguments, runs),
        Command::Summary(arguments) => show::summary(&arguments, runs),
        Command::Sweep(arguments) => sweep::run(&arguments, runs),
        Command::LrFind(arguments) => lr_find::run(&arguments, runs),
        Command::Images(arguments) => images::run(&arguments, runs),
        Command::Privacy(arguments) => privacy::run(&arguments, runs),
        Command::Config(arguments) => config::run(&arguments, runs),
        Command::Devices { of } => devices::run(of.as_ref()),
        #[cfg(feature = "remote")]
        Command::Worker(arguments) => worker::run(&arguments),
        #[cfg(not(feature = "remote"))]
        Command::Worker(_) => Err(crate::device::without_remote().into()),
        Command::Completions { shell } => shell::completions(&shell),
        Command::Man { command } => shell::man(command.as_deref()),
    }
}
