//! A device that is ready to compute.

use burn::tensor::Device;
use derive_more::Display;

use super::backend::Backend;
use super::error::DeviceError;
use super::name::DeviceName;

/// A device that is ready to compute.
#[derive(Debug, Clone, Display)]
#[display("{name} ({adapter})")]
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
    /// Opens the adapter `index` of a backend, or the recommended one. `name` is the device's name.
    pub(super) fn new(backend: Backend, index: Option<usize>, name: &str) -> Result<Self, DeviceError> {
        let mut adapters = backend.adapters().into_iter();
        let (count, name) = (adapters.len(), name.to_string());
        let device = match index {
            Some(index) => adapters.nth(index),
            None => adapters.next().map(|first| backend.recommended(first)),
        };
        let Some(device) = device else { return Err(DeviceError::NoAdapter { name, count, help: backend.help() }) };
        #[cfg(any(feature = "cuda", feature = "wgpu"))]
        if backend.is_gpu() {
            let identity = device.identity();
            // A software renderer is no physical device.
            let software = identity.as_ref().is_some_and(|identity| identity.physical.is_none());
            let adapter = identity.map_or_else(|| "unnamed".into(), |identity| identity.name);
            return Ok(Self { device, name, adapter, software });
        }
        Ok(Self { device, name, adapter: "CPU".into(), software: false })
    }

    /// Whether it uses this program's own memory, as CPUs do, so that tensors need no transfer.
    pub fn shares_memory(&self) -> bool {
        matches!(DeviceName::parse(&self.name), Some(DeviceName::Local { backend, .. }) if !backend.is_gpu())
    }
}
