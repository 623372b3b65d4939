//! Devices by name: opening one, here or on another machine, and listing them. `backend` has what this build can compute on.
//!
//! Burn's default device is never used: with several backends compiled in, it takes flex where ndarray was asked for.

mod backend;

use std::fmt;
use std::panic::catch_unwind;

use burn::tensor::Device;
use thiserror::Error;

use backend::{Backend, names};

#[cfg(feature = "remote")]
use crate::remote;
use crate::remote::{Address, RemoteError, WorkerAddress};

/// Why a device can't be had, and what would help.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// The name is none of the known ones.
    #[error(
        "device `{name}` is unknown: choose auto, {known}; a GPU may have a number, as in wgpu:1, and another machine's has \
         the name that `mnist-burn worker` prints there"
    )]
    Unknown {
        /// The name as given.
        name: String,
        /// The known names.
        known: String,
    },
    /// The backend exists, but not in this build.
    #[error(
        "device `{name}` is not compiled in (this program has {built}); `cargo run --release --features {name}` has it"
    )]
    NotBuilt {
        /// The backend asked for.
        name: &'static str,
        /// The backends that are compiled in.
        built: String,
    },
    /// The backend is there, but no adapter for it, or not one of this number.
    #[error(
        "device `{name}` finds no adapter ({count} in all, see `mnist-burn devices`); {help}, or take the CPU with `--device ndarray`"
    )]
    NoAdapter {
        /// The device as asked for.
        name: String,
        /// How many adapters the backend has.
        count: usize,
        /// What to install.
        help: &'static str,
    },
    /// The driver gave up; it has said why on stderr.
    #[error("device `{name}` can't be opened, see the message above; {help}, or take the CPU with `--device ndarray`")]
    Refused {
        /// The device as asked for.
        name: String,
        /// What to install.
        help: &'static str,
    },
    /// Another machine's device can't be had.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

impl DeviceError {
    /// That this build has no part in what other machines compute.
    #[cfg(not(feature = "remote"))]
    pub fn without_remote() -> Self {
        Self::NotBuilt { name: "remote", built: names(Backend::built()) }
    }
}

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
        parse(&self.name).is_some_and(|(backend, _)| !backend.is_gpu())
    }
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.adapter)
    }
}

/// Whether `name` can name a device, of this build or of another.
pub fn is_name(name: &str) -> bool {
    name == "auto" || parse(name).is_some() || Address::parse(name).is_some()
}

/// The backend and the adapter's number in a name such as `wgpu:1`. CPUs have no numbers.
fn parse(name: &str) -> Option<(Backend, Option<usize>)> {
    let (backend, index) = match name.split_once(':') {
        Some((backend, index)) => (backend, Some(index.parse().ok()?)),
        None => (name, None),
    };
    let known = Backend::ALL.into_iter().find(|known| known.name() == backend)?;
    (known.is_gpu() || index.is_none()).then_some((known, index))
}

/// Opens a device by its name. `auto` takes the first GPU of the backends compiled in, and a CPU if none of them is
/// for GPUs.
///
/// # Errors
/// If the name is unknown, the backend not compiled in, or no such adapter present.
pub fn open(name: &str) -> Result<Opened, DeviceError> {
    if name == "auto" {
        return automatic();
    }
    if let Some(address) = Address::parse(name) {
        return elsewhere(&address);
    }
    let unknown = || DeviceError::Unknown { name: name.into(), known: names(Backend::ALL.into_iter()) };
    let (backend, index) = parse(name).ok_or_else(unknown)?;
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
fn elsewhere(address: &Address) -> Result<Opened, DeviceError> {
    #[cfg(feature = "remote")]
    return Ok(Opened {
        device: remote::open(address)?,
        name: address.to_string(),
        adapter: "worker".into(),
        software: false,
    });
    #[cfg(not(feature = "remote"))]
    Err(DeviceError::without_remote())
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
    Err(DeviceError::without_remote())
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
pub struct Listed {
    /// The backend's name.
    pub backend: &'static str,
    /// Its adapters, in the order of their numbers.
    pub adapters: Vec<Opened>,
}

/// Every backend compiled in, in the order in which `auto` prefers them.
pub fn list() -> Vec<Listed> {
    let adapters = |backend: Backend| match catch_unwind(|| backend.adapters()) {
        Ok(adapters) => (0..adapters.len())
            .filter_map(|index| {
                open(&if backend.is_gpu() { format!("{}:{index}", backend.name()) } else { backend.name().into() }).ok()
            })
            .collect(),
        Err(_) => vec![],
    };
    Backend::built().map(|backend| Listed { backend: backend.name(), adapters: adapters(backend) }).collect()
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
    fn a_number_that_is_none_or_that_a_cpu_cannot_have_is_unknown() {
        for name in ["wgpu:one", "ndarray:0", ":"] {
            assert!(matches!(open(name), Err(DeviceError::Unknown { .. })), "{name}");
        }
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
