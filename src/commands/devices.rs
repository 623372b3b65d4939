//! `mnist-burn devices`: lists the devices of this machine, or of a worker.

use super::output::print;
use crate::device::remote::{Address, WorkerAddress};
use crate::{Error, device};

/// Prints a line per device: the name that `--device` takes, and the adapter.
pub fn run(of: Option<&Address>) -> Result<(), Error> {
    match of {
        None => print_local(),
        Some(address) => print_remote(&address.worker),
    }
}

fn print_local() -> Result<(), Error> {
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

fn print_remote(worker: &WorkerAddress) -> Result<(), Error> {
    let offered = device::offered(worker)?;
    for address in &offered {
        print(&format!("{address} device {} of {}", address.device + 1, offered.len()))?;
    }
    Ok(())
}
