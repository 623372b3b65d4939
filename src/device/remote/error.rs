//! The errors of serving and using the devices of other machines.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use super::address::WorkerAddress;
use super::token::TokenError;

/// Why a device can't be served or used, or is lost.
#[derive(Debug, Error)]
pub enum RemoteError {
    /// The token is missing or unusable.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The worker's identity can't be read or created.
    #[error("can't use the worker's identity file {path}")]
    Identity {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The address can't be listened on.
    #[error("can't listen on {address} ({reason}); `--port 0` takes any free port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        reason: String,
    },
    /// The devices can't be served.
    #[error("can't serve these devices: {0}")]
    Serve(String),
    /// The threads for the network can't be started.
    #[error("can't start the network threads")]
    Runtime(#[from] io::Error),
    /// The worker does not answer.
    #[error(
        "worker {worker} can't be reached: {reason}; check its name, and that `mnist-burn worker` is running there, or \
         choose another device with `--device`"
    )]
    Unreachable {
        /// The worker.
        worker: WorkerAddress,
        /// What happened.
        reason: String,
    },
    /// The worker refused the connection.
    #[error("worker {worker} refused the connection: {reason}")]
    Refused {
        /// The worker.
        worker: WorkerAddress,
        /// The worker's reason, and what helps.
        reason: String,
    },
    /// A session ended although the workers still answer.
    #[error(
        "a session with one of these workers failed, although they still answer: {workers}. Their own messages tell \
         why. All complete epochs of a training are saved: resume it with `mnist-burn resume RUN`"
    )]
    Broken {
        /// All workers in use.
        workers: String,
    },
    /// A worker stopped answering.
    #[error(
        "worker {worker} is lost: {reason}. All complete epochs of a training are saved: resume it on another device \
         with `mnist-burn resume RUN --device NAME`"
    )]
    Lost {
        /// The worker.
        worker: WorkerAddress,
        /// What happened.
        reason: String,
    },
}
