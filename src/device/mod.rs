//! Devices by name: opening one, on this machine or on another one, and listing them.
//!
//! Burn's default device is never used: where several backends are compiled in, it is not the one that was asked for.

mod backend;
mod error;
mod name;
mod opened;
pub mod remote;

use std::panic::catch_unwind;

use backend::names;
pub use error::DeviceError;
pub use name::{Backend, DeviceName};
pub use opened::Opened;
use remote::{Address, WorkerAddress};

/// Opens a device by its name. `auto` takes the first GPU of the backends compiled in, and a CPU if none of them is
/// for GPUs.
///
/// # Errors
/// If the name is unknown, the backend not compiled in, or no such adapter present.
pub fn open(name: &str) -> Result<Opened, DeviceError> {
    let (backend, index) = match DeviceName::parse(name) {
        Some(DeviceName::Auto) => return automatic(),
        Some(DeviceName::Remote(address)) => return open_remote(&address),
        Some(DeviceName::Local { backend, index }) => (backend, index),
        None => return Err(DeviceError::Unknown { name: name.into(), known: names(Backend::ALL.into_iter()) }),
    };
    if !backend.is_built() {
        return Err(DeviceError::NotBuilt { name: backend.name(), built: names(Backend::built()) });
    }
    // A missing or broken driver makes Burn panic, not fail.
    match catch_unwind(|| backend.open(name, index)) {
        Ok(result) => result,
        Err(_) => Err(DeviceError::Refused { name: name.into(), help: backend.help() }),
    }
}

#[cfg_attr(not(feature = "remote"), expect(unused_variables, reason = "this build reaches none"))]
fn open_remote(address: &Address) -> Result<Opened, DeviceError> {
    #[cfg(feature = "remote")]
    return Ok(Opened {
        device: remote::open(address)?,
        name: address.to_string(),
        adapter: "worker".into(),
        software: false,
    });
    #[cfg(not(feature = "remote"))]
    Err(without_remote())
}

/// The devices that a worker serves.
///
/// # Errors
/// If it does not answer, or refuses.
#[cfg_attr(not(feature = "remote"), expect(unused_variables, reason = "this build reaches none"))]
pub fn offered(worker: &WorkerAddress) -> Result<Vec<Address>, DeviceError> {
    #[cfg(feature = "remote")]
    return Ok(remote::devices(worker)?);
    #[cfg(not(feature = "remote"))]
    Err(without_remote())
}

/// The error of a build that can't reach other machines.
#[cfg(not(feature = "remote"))]
pub fn without_remote() -> DeviceError {
    DeviceError::NotBuilt { name: "remote", built: names(Backend::built()) }
}

fn automatic() -> Result<Opened, DeviceError> {
    let has_gpu = Backend::built().any(Backend::is_gpu);
    let mut found = Backend::built().filter(|backend| backend.is_gpu() == has_gpu).map(|backend| open(backend.name()));
    let first = found.next().unwrap_or_else(|| open("ndarray"));
    // The first one's error, if none opens, is the one to mend.
    first.or_else(|error| found.find_map(Result::ok).ok_or(error))
}

/// A backend compiled into this program, and the adapters it finds.
#[derive(Debug)]
pub struct ListedBackend {
    /// The backend's name.
    pub backend: &'static str,
    /// Its adapters, in the order of their numbers.
    pub adapters: Vec<Opened>,
}

/// Every backend compiled in, in the order in which `auto` prefers them.
pub fn list() -> Vec<ListedBackend> {
    let adapters = |backend: Backend| match catch_unwind(|| backend.adapters()) {
        Ok(adapters) => (0..adapters.len())
            .filter_map(|index| {
                open(&if backend.is_gpu() { format!("{}:{index}", backend.name()) } else { backend.name().into() }).ok()
            })
            .collect(),
        Err(_) => vec![],
    };
    Backend::built().map(|backend| ListedBackend { backend: backend.name(), adapters: adapters(backend) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let message = open("gpu").unwrap_err().to_string();
        assert!(message.contains("`gpu` is unknown") && message.contains("wgpu, ndarray, flex"), "{message}");
    }

    #[test]
    #[cfg(not(feature = "metal"))]
    fn a_backend_that_is_not_compiled_in_names_the_build_that_has_it() {
        let message = open("metal").unwrap_err().to_string();
        assert!(message.contains("--features metal"), "{message}");
    }

    #[test]
    #[cfg(feature = "ndarray")]
    fn asking_for_ndarray_gives_ndarray() {
        let opened = open("ndarray").unwrap();
        assert!(format!("{:?}", opened.device).contains("NdArray"), "{:?}", opened.device);
        assert_eq!(opened.to_string(), "ndarray (CPU)");
    }

    #[test]
    #[cfg(feature = "wgpu")]
    fn an_adapter_that_is_not_there_is_an_error_with_the_way_out() {
        let message = open("wgpu:99").unwrap_err().to_string();
        assert!(message.contains("wgpu:99") && message.contains("--device ndarray"), "{message}");
    }
}
