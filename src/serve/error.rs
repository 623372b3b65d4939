//! Why there is no server.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::run::RunError;

/// Why there is no server.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address can't be had.
    #[error("can't listen on {address}; `--port 0` takes any free port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The runs can't be listed, or the run can't be loaded.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is nothing to use.
    #[error("no run in {runs} is finished: train one first, or name a run")]
    NoRun {
        /// The folder that was searched.
        runs: PathBuf,
    },
}
