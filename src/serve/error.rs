//! Why the server can't start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::run::RunError;

/// Why the server can't start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The server can't listen on the address.
    #[error("can't listen on {address}; `--port 0` takes any free port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The system refuses what the server needs.
    #[error("the server can't work: {task}")]
    System {
        /// What is missing.
        task: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// The runs can't be listed, or the run can't be loaded.
    #[error(transparent)]
    Run(#[from] RunError),
    /// No run is finished.
    #[error("no run in {runs} is finished: train one first, or name a run{unreadable}")]
    NoRun {
        /// The folder that was searched.
        runs: PathBuf,
        /// A run that can't be read, with the reason, if there is one.
        unreadable: String,
    },
}
