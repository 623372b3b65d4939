//! `mnist-burn devices`: lists the devices of this machine, or of a worker.

use super::output::print;
use crate::{Error, device, device::remote::Address};

pub fn run(of: Option<&Address>) -> Result<(), Error> {
    if let Some(Address { worker, .. }) = of {
        let offered = device::offered(worker)?;
        let line = |address: &Address| format!("{address} device {} of {}", address.device + 1, offered.len());
        return offered.iter().try_for_each(|address| print(&line(address)));
    }
    for (backend, adapters) in device::list() {
        for adapter in &adapters {
            let note = if adapter.software { "  (a software renderer on the CPU: slow)" } else { "" };
            print(&format!("{:10} {}{note}", adapter.name, adapter.adapter))?;
        }
        if adapters.is_empty() {
            print(&format!("{backend:10} compiled in, but no adapter found"))?;
        }
    }
    Ok(())
}
