//! Serves and uses devices of other machines, over Burn's remote backend.
//!
//! An `address` names a device. A `worker` serves the devices of its machine to clients with its token. A `client` opens one,
//! and a `heartbeat` reports an error when its worker is lost. The token and encrypted connections are in `endpoint`.

mod address;
#[cfg(feature = "remote")]
mod client;
#[cfg(feature = "remote")]
mod endpoint;
#[cfg(feature = "remote")]
mod heartbeat;
#[cfg(feature = "remote")]
mod worker;

pub(crate) use address::{Address, RemoteError, WorkerAddress};
#[cfg(feature = "remote")]
pub use heartbeat::{Report, close, report_to, verdict};
#[cfg(feature = "remote")]
pub(crate) use {client::devices, client::open, heartbeat::before_leaving, worker::Worker};
