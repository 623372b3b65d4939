//! The errors of opening a device.

use thiserror::Error;

use super::remote::RemoteError;

#[derive(Debug, Error)]
pub enum DeviceError {
    #[error(
        "device `{name}` is unknown: this build has auto, {built}; a GPU's name may end with a number, as in :1; for a \
         device of another machine, use the name that `mnist-burn worker` prints there"
    )]
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
