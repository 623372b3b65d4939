//! Devices of other machines, over Burn's remote backend: both ends of it.
//!
//! An `address` is a device's name. A `worker` serves the devices of its machine to whoever has its `token`; a `client`
//! opens one of them. From then on a `heartbeat` reports an `error` once the worker is gone: Burn would wait for it,
//! or panic. Encrypted connections have an `endpoint` at each end.

mod address;
#[cfg(feature = "remote")]
mod client;
#[cfg(feature = "remote")]
mod endpoint;
mod error;
#[cfg(feature = "remote")]
mod heartbeat;
mod token;
#[cfg(feature = "remote")]
mod worker;

pub use address::{Address, WorkerAddress};
#[cfg(feature = "remote")]
pub use client::{devices, open};
pub use error::RemoteError;
#[cfg(feature = "remote")]
pub use heartbeat::{Leaving, Report, before_leaving, close, report_to, verdict};
pub use token::TokenError;
#[cfg(feature = "remote")]
pub use worker::{Transport, Worker};
