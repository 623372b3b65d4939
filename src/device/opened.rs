//! A device: its name, `auto`, `flex`, `wgpu:1`, or `remote:...` for one of another machine, and the device once it is open.

use burn::tensor::Device;
use derive_more::Display;
use thiserror::Error;

use super::backend::Backend;
use super::remote::{Address, RemoteError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceName {
    /// `gpu` with `true`, `cpu` with `false`, `auto` with neither.
    Auto(Option<bool>),
    /// A backend and the number of its GPU, `None` for the one that the driver recommends.
    Local(Backend, Option<usize>),
    Remote(Address),
}

impl DeviceName {
    /// Parses a device name. The device need not be compiled in or present.
    pub fn parse(name: &str) -> Option<Self> {
        if let "auto" | "cpu" | "gpu" = name {
            return Some(Self::Auto((name != "auto").then_some(name == "gpu")));
        }
        if let Some(address) = Address::parse(name) {
            return Some(Self::Remote(address));
        }
        let (backend, index) = match name.split_once(':') {
            Some((backend, index)) => (backend, Some(index.parse().ok()?)),
            None => (name, None),
        };
        let backend: Backend = backend.parse().ok()?;
        // A CPU has no number.
        (backend.is_gpu() || index.is_none()).then_some(Self::Local(backend, index))
    }
}

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
        matches!(DeviceName::parse(&self.name), Some(DeviceName::Local(backend, _)) if !backend.is_gpu())
    }
}

#[derive(Debug, Error)]
pub enum DeviceError {
    #[error("device `{name}` is unknown: use auto, cpu, gpu, {built}, or a name that `mnist-burn worker` prints")]
    Unknown { name: String, built: String },
    #[error("device `{name}` is not compiled in (this build has {built}); use `cargo run --release --features {name}`")]
    NotBuilt { name: &'static str, built: String },
    #[error("no adapter found for device `{name}` ({count} in all, see `mnist-burn devices`); {help}")]
    NoAdapter { name: String, count: usize, help: String },
    #[error("device `{name}` can't be opened, see the message above; {help}")]
    Refused { name: String, help: String },
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_name_is_parsed_into_backend_and_number() {
        let local = |backend, index| Some(DeviceName::Local(backend, index));
        assert_eq!(DeviceName::parse("auto"), Some(DeviceName::Auto(None)));
        assert_eq!(DeviceName::parse("cpu"), Some(DeviceName::Auto(Some(false))));
        assert_eq!(DeviceName::parse("gpu"), Some(DeviceName::Auto(Some(true))));
        assert_eq!(DeviceName::parse("wgpu:1"), local(Backend::Wgpu, Some(1)));
        assert_eq!(DeviceName::parse("ndarray"), local(Backend::NdArray, None));
        assert!(matches!(DeviceName::parse("remote:ws://gpu:1"), Some(DeviceName::Remote(_))));
    }

    #[test]
    fn device_name_has_a_number_only_for_gpus_and_only_a_whole_one() {
        for name in ["wgpu:one", "ndarray:0", ":", "", "tpu", "auto:1", "gpu:1"] {
            assert_eq!(DeviceName::parse(name), None, "{name}");
        }
    }
}
