//! Why the server can't start.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

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
}
