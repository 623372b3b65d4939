//! `mnist-burn serve`: a page on which one draws a digit.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{open_device, print};
use crate::Error;
use crate::cli::Serve;
use crate::interrupt;
use crate::notice::notice;
use crate::run::RunFolder;
use crate::serve::{Runs, listen, newest};

/// Prints the page's address, and answers until Ctrl-C.
pub fn run(arguments: &Serve) -> Result<(), Error> {
    let run = arguments.run.clone().map_or_else(|| newest(&arguments.runs), Ok)?;
    let record = RunFolder::open(&run).record()?;
    let device = open_device(arguments.device.as_ref().unwrap_or(&record.device))?;
    let server = listen(Runs::open(&arguments.runs, &run, device)?, arguments.expose, arguments.port)?;

    let stop = Arc::new(Notify::new());
    let signal = Arc::clone(&stop);
    let _listening = interrupt::listen(move || {
        notice("finishing what is under way; once more leaves at once");
        signal.notify_one();
    });
    if let Some(address) = arguments.expose {
        notice(format!("warning: whoever reaches {address} can use the networks and read the runs and their reports"));
    }
    print(&format!("http://{}/", server.address()?))?;
    notice(format!("{} reads what is drawn there; Ctrl-C ends it", run.display()));
    Ok(server.serve(&stop)?)
}
