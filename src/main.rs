//! Parses the command line, runs the command, and reports what went wrong.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use mnist_burn::cli::Cli;
use mnist_burn::notice::notice;
use mnist_burn::training::TrainingError;
use mnist_burn::{commands, interrupt};

fn main() -> ExitCode {
    let ended = commands::run(Cli::parse());
    #[cfg(feature = "remote")]
    {
        if ended.as_ref().is_err_and(mnist_burn::Error::may_be_a_lost_device) {
            mnist_burn::remote::verdict();
        }
        mnist_burn::remote::close();
    }
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            notice(format!("error: {error}"));
            let mut cause = error.source();
            while let Some(error) = cause {
                notice(format!("  because: {error}"));
                cause = error.source();
            }
            match error {
                mnist_burn::Error::Training(TrainingError::Interrupted { .. }) => ExitCode::from(interrupt::EXIT_CODE),
                _ => ExitCode::FAILURE,
            }
        }
    }
}
