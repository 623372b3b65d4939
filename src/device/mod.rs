//! Opens devices by name, on this machine or on another one, and lists them. It never uses Burn's default device: with
//! several compiled backends, that need not be the requested one.
//!
//! `backend` lists the backends of this build. An `opened` device is ready to compute; its name is `flex` or `wgpu:1`.
//! [`remote`] has devices of other machines, and the worker that offers those of this one.

mod backend;
mod opened;
pub mod remote;

use std::panic::catch_unwind;

pub(crate) use backend::Backend;
pub use opened::Opened;
pub(crate) use opened::{DeviceError, DeviceName};
use remote::{Address, WorkerAddress};

/// Opens a device by its name: for `auto`, as for `gpu`, the first GPU of the compiled backends, or the CPU if none is for GPUs.
/// Refused if the name is unknown, the backend is not compiled in, or there is no such adapter.
pub fn open(name: &str) -> Result<Opened, DeviceError> {
    match DeviceName::parse(name) {
        Some(DeviceName::Auto(gpu)) => automatic(gpu),
        #[cfg(feature = "remote")]
        Some(DeviceName::Remote(address)) => {
            let (name, adapter) = (address.to_string(), "worker".into());
            Ok(Opened { device: remote::open(&address)?, name, adapter, software: false })
        }
        #[cfg(not(feature = "remote"))]
        Some(DeviceName::Remote(_)) => Err(without_remote()),
        Some(DeviceName::Local(backend, _)) if !backend.is_built() => {
            Err(DeviceError::NotBuilt { name: backend.name(), built: Backend::names() })
        }
        // Burn panics if a driver is missing or broken.
        Some(DeviceName::Local(backend, index)) => catch_unwind(|| Opened::new(backend, index, name))
            .unwrap_or_else(|_| Err(DeviceError::Refused { name: name.into(), help: backend.help() })),
        None => Err(DeviceError::Unknown { name: name.into(), built: Backend::names() }),
    }
}

#[cfg_attr(not(feature = "remote"), expect(unused_variables, reason = "this build can't reach workers"))]
pub(crate) fn offered(worker: &WorkerAddress) -> Result<Vec<Address>, DeviceError> {
    #[cfg(feature = "remote")]
    return Ok(remote::devices(worker)?);
    #[cfg(not(feature = "remote"))]
    Err(without_remote())
}

#[cfg(not(feature = "remote"))]
pub(crate) fn without_remote() -> DeviceError {
    DeviceError::NotBuilt { name: "remote", built: Backend::names() }
}

fn automatic(gpu: Option<bool>) -> Result<Opened, DeviceError> {
    let gpu = gpu.unwrap_or_else(|| Backend::built().any(Backend::is_gpu));
    let mut found = Backend::built().filter(|backend| backend.is_gpu() == gpu).map(|backend| open(backend.name()));
    let first = found.next().unwrap_or_else(|| open(if gpu { "wgpu" } else { "flex" }));
    // If none opens, report the error of the preferred one.
    first.or_else(|error| found.find_map(Result::ok).ok_or(error))
}

/// Lists the names of all backends that are compiled in, in the order in which `auto` prefers them, and their adapters.
pub fn list() -> Vec<(&'static str, Vec<Opened>)> {
    let listed = |backend: Backend| {
        let name = |index| if backend.is_gpu() { format!("{}:{index}", backend.name()) } else { backend.name().into() };
        let count = catch_unwind(|| backend.adapters().len()).unwrap_or(0);
        let adapters = (0..count).filter_map(|index| open(&name(index)).ok()).collect();
        (backend.name(), adapters)
    };
    Backend::built().map(listed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_device_name_is_refused_with_the_names_of_this_build() {
        let (message, built) = (open("tpu").unwrap_err().to_string(), Backend::names());
        assert!(message.contains(&format!("`tpu` is unknown: use auto, cpu, gpu, {built}, or")), "{message}");
    }

    #[test]
    #[cfg(not(feature = "metal"))]
    fn backend_that_is_not_compiled_in_is_refused_with_the_build_that_has_it() {
        let message = open("metal").unwrap_err().to_string();
        assert!(message.contains("--features metal"), "{message}");
    }

    #[test]
    #[cfg(feature = "ndarray")]
    fn ndarray_opens_the_ndarray_backend() {
        let opened = open("ndarray").unwrap();
        assert!(format!("{:?}", opened.device).contains("NdArray"), "{:?}", opened.device);
        assert_eq!(opened.to_string(), "ndarray (CPU)");
    }

    #[test]
    #[cfg(feature = "wgpu")]
    fn missing_adapter_is_refused_with_what_helps() {
        let message = open("wgpu:99").unwrap_err().to_string();
        assert!(message.contains("wgpu:99") && message.ends_with(&Backend::Wgpu.help()), "{message}");
    }

    #[test]
    fn cpu_of_this_build_helps_where_no_gpu_is_found() {
        let cpu = if cfg!(feature = "ndarray") { "ndarray" } else { "flex" };
        assert!(Backend::Cuda.help().ends_with(&format!("or use the CPU with `--device {cpu}`")), "{cpu}");
    }
}
