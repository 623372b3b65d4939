//! A device that is ready to compute.

use std::fmt;

use burn::tensor::Device;

use super::name::DeviceName;

/// A device that is ready to compute.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Burn's handle, without autodiff.
    pub device: Device,
    /// The name that opens it again: `flex`, `wgpu`, `wgpu:1`.
    pub name: String,
    /// The adapter's own name. `CPU` for a CPU, and `worker` for any device of a worker.
    pub adapter: String,
    /// Whether the adapter is a software renderer on the CPU, which is slow.
    pub software: bool,
}

impl Opened {
    /// Whether it uses this program's own memory, as CPUs do, so that tensors need no transfer.
    pub fn shares_memory(&self) -> bool {
        matches!(DeviceName::parse(&self.name), Some(DeviceName::Local { backend, .. }) if !backend.is_gpu())
    }
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.adapter)
    }
}
