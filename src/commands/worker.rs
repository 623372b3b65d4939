//! `mnist-burn worker`: serves this machine's devices to other machines.

use tokio::sync::Notify;

use super::{opening::open_device, output::print};
use crate::cli::{Worker, notice, signals, warn};
use crate::{Error, device::remote};

pub fn run(arguments: &Worker) -> Result<(), Error> {
    static STOP: Notify = Notify::const_new();
    let opened = arguments.device.split(',').map(|name| open_device(name).map(|opened| opened.device));
    let devices = opened.collect::<Result<Vec<_>, _>>()?;
    let Worker { expose, port, websocket, ref identity, .. } = *arguments;
    let worker = remote::Worker::listen(devices, expose, port, websocket, identity.as_deref(), |line| notice(line))?;

    let _listening = signals::listen(|| STOP.notify_one());
    if let Some(address) = expose.filter(|_| websocket) {
        warn(format!("WebSocket is not encrypted: whoever can read the traffic to {address} can read the token"));
    }
    let names: Vec<_> = worker.addresses.iter().map(|address| format!("{:?}", address.to_string())).collect();
    let line = match names.as_slice() {
        [name] => format!("device = {name}"),
        names => format!("device = [{}]", names.join(", ")),
    };
    let mut printed = Ok(());
    worker.serve(&STOP, || {
        printed = print(&line);
        match printed {
            Ok(()) => notice(
                "serving clients that have the token; put the line above into a config to compute here; press Ctrl-C \
                 to stop",
            ),
            Err(_) => STOP.notify_one(),
        }
    })?;
    printed
}
