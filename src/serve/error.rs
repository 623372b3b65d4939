//! Why the server can't start.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum ServeError {
    #[error("can't listen on {address}; `--port 0` takes any free port")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the server can't work: {task}")]
    System { task: &'static str, source: io::Error },
}
