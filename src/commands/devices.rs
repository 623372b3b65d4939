//! `mnist-burn devices`: what can be computed on, here or on another machine.

use super::print::print;
use crate::cli::Devices;
use crate::device::remote::WorkerAddress;
use crate::{Error, device};

/// Prints a line a device: the name that `--device` takes, and what it is.
pub fn run(arguments: &Devices) -> Result<(), Error> {
    match &arguments.of {
        None => here(),
        Some(address) => of(&address.worker),
    }
}

fn here() -> Result<(), Error> {
    for backend in device::list() {
        for adapter in &backend.adapters {
            let note = if adapter.software { "  (a software renderer on the CPU: slow)" } else { "" };
            print(&format!("{:10} {}{note}", adapter.name, adapter.adapter))?;
        }
        if backend.adapters.is_empty() {
            print(&format!("{:10} compiled in, but no adapter found", backend.backend))?;
        }
    }
    Ok(())
}

fn of(worker: &WorkerAddress) -> Result<(), Error> {
    let offered = device::offered(worker)?;
    for address in &offered {
        print(&format!("{address} device {} of {}", address.device + 1, offered.len()))?;
    }
    Ok(())
}
