//! Parses the command line, runs the command, and reports errors. Only this file ends the process.

use std::process::{self, ExitCode};
use std::{error::Error, iter};

use mnist_burn::cli::{Cli, notice, say, signals};
use mnist_burn::commands;
#[cfg(feature = "remote")]
use mnist_burn::device::remote;

fn main() -> ExitCode {
    signals::quit_with(|| {
        notice("interrupted");
        process::exit(signals::EXIT_CODE.into())
    });
    #[cfg(feature = "remote")]
    remote::report_to(report_remote);
    let result = commands::run(Cli::read());
    #[cfg(feature = "remote")]
    {
        if result.as_ref().is_err_and(mnist_burn::Error::may_be_a_lost_device) {
            remote::verdict();
        }
        remote::close();
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Prints an error and its causes.
fn report(error: &dyn Error) {
    say(format!("error: {error}"));
    let causes = iter::successors(error.source(), |&cause| cause.source());
    causes.for_each(|cause| say(format!("  because: {cause}")));
}

/// Prints a report about workers. After a loss, Burn's threads may wait forever, so this ends the process.
#[cfg(feature = "remote")]
fn report_remote(what: remote::Report) {
    match what {
        remote::Report::Panic(message) => notice(message),
        remote::Report::Lost(error) => {
            report(&error);
            process::exit(mnist_burn::Error::DEVICE.into());
        }
    }
}
