//! `mnist-burn devices`: what can be computed on.

use super::print;
use crate::{Error, device};

/// Prints a line an adapter: the name that `--device` takes, and the adapter's own.
pub fn run() -> Result<(), Error> {
    for backend in device::list() {
        for adapter in &backend.adapters {
            let note = if adapter.software { "  (a CPU that plays a graphics card: slow)" } else { "" };
            print(&format!("{:10} {}{note}", adapter.name, adapter.adapter))?;
        }
        if backend.adapters.is_empty() {
            print(&format!("{:10} compiled in, but no adapter found", backend.backend))?;
        }
    }
    Ok(())
}
