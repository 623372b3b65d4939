//! The errors of opening a device.

use thiserror::Error;

use super::remote::RemoteError;

/// Why a device can't be used, and what helps.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// The name is unknown.
    #[error(
        "device `{name}` is unknown: this build has auto, {built}; a GPU's name may end with a number, as in :1; for a \
         device of another machine, use the name that `mnist-burn worker` prints there"
    )]
    Unknown {
        /// The name as given.
        name: String,
        /// The backends that are compiled in.
        built: String,
    },
    /// The backend is not compiled into this build.
    #[error("device `{name}` is not compiled in (this build has {built}); use `cargo run --release --features {name}`")]
    NotBuilt {
        /// The backend asked for.
        name: &'static str,
        /// The backends that are compiled in.
        built: String,
    },
    /// The backend has no adapter, or no adapter with this number.
    #[error("no adapter found for device `{name}` ({count} in all, see `mnist-burn devices`); {help}")]
    NoAdapter {
        /// The device as asked for.
        name: String,
        /// The number of the backend's adapters.
        count: usize,
        /// What to install, or to use instead.
        help: String,
    },
    /// The driver failed. It has printed the reason to stderr.
    #[error("device `{name}` can't be opened, see the message above; {help}")]
    Refused {
        /// The device as asked for.
        name: String,
        /// What to install, or to use instead.
        help: String,
    },
    /// Another machine's device can't be used.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}
