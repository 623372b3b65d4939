//! Why a device can't be used, and what would help.

use thiserror::Error;

use super::remote::RemoteError;

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
