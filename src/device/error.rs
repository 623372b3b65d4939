//! The errors of opening a device.

use thiserror::Error;

use super::remote::RemoteError;

/// Why a device can't be used, and what helps.
#[derive(Debug, Error)]
pub enum DeviceError {
    #[error(
        "device `{name}` is unknown: choose auto, {known}; a GPU may have a number, as in wgpu:1; for a device of \
         another machine, use the name that `mnist-burn worker` prints there"
    )]
    Unknown { name: String, known: String },
    #[error("device `{name}` is not compiled in (this build has {built}); use `cargo run --release --features {name}`")]
    NotBuilt { name: &'static str, built: String },
    #[error(
        "no adapter found for device `{name}` ({count} in all, see `mnist-burn devices`); {help}, or use the CPU with \
         `--device ndarray`"
    )]
    NoAdapter { name: String, count: usize, help: &'static str },
    /// The driver failed, and has printed the reason to stderr.
    #[error("device `{name}` can't be opened, see the message above; {help}, or use the CPU with `--device ndarray`")]
    Refused { name: String, help: &'static str },
    #[error(transparent)]
    Remote(#[from] RemoteError),
}
