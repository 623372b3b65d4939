//! `mnist-burn serve`: serves a page to draw digits on, until Ctrl-C.

use std::path::Path;

use tokio::sync::Notify;

use super::opening::{choose_run, open_recorded};
use super::output::print;
use crate::cli::{Serve, notice, signals, warn};
use crate::serve::{Hosts, RunRegistry, listen, serve};
use crate::{Error, run::RunFolder};

pub fn run(arguments: &Serve, folder: &Path) -> Result<(), Error> {
    static STOP: Notify = Notify::const_new();
    let (named, _bundled) = choose_run(arguments.run.as_deref(), folder)?;
    let device = open_recorded(arguments.device.as_deref(), &RunFolder::at(&named.path).record()?.device)?;
    let runs = RunRegistry::open(folder, named.clone(), device)?;
    let hosts = Hosts { is_exposed: arguments.expose.is_some(), names: arguments.allow_host.clone() };
    let (listener, address) = listen(arguments.expose, arguments.port)?;

    let _listening = signals::listen(|| {
        notice("finishing open requests; press Ctrl-C again to quit now");
        STOP.notify_one();
    });
    if let Some(address) = arguments.expose {
        warn(format!("whoever can reach {address} can use the networks and read the runs and their reports"));
    }
    print(&format!("http://{address}/"))?;
    notice(format!("{} classifies what is drawn there; press Ctrl-C to stop the server", named.name));
    Ok(serve(listener, runs, hosts, &STOP)?)
}
