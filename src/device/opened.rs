//! A device that is ready to compute.

use std::fmt;

use burn::tensor::Device;

use super::name::DeviceName;

/// A device that is ready to compute.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Burn's handle, without autodiff.
    pub device: Device,
    /// The name that opens it again: `ndarray`, `wgpu`, `wgpu:1`.
    pub name: String,
    /// The adapter's own name, `CPU`, or `worker`, whatever that computes on.
    pub adapter: String,
    /// Whether the adapter is a CPU that plays a GPU, which is slow.
    pub software: bool,
}

impl Opened {
    /// Whether it computes in this program's own memory, as CPUs do, so that nothing is sent to it.
    pub fn shares_memory(&self) -> bool {
        matches!(DeviceName::parse(&self.name), Some(DeviceName::Local { backend, .. }) if !backend.is_gpu())
    }
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.adapter)
    }
}
