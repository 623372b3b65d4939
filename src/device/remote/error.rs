//! What can go wrong between two machines.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use super::address::WorkerAddress;
use super::token::TokenError;

/// Why a device can't be served, or had, or is gone.
#[derive(Debug, Error)]
pub enum RemoteError {
    /// There is no usable token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The worker's identity can't be read or made.
    #[error("can't keep the worker's identity in {path}")]
    Identity {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The address can't be had.
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
    /// There are no threads to wait on the network with.
    #[error("can't start what waits on the network")]
    Runtime(#[from] io::Error),
    /// Nobody answers.
    #[error(
        "worker {worker} can't be reached: {reason}; is `mnist-burn worker` running there, and is this its name? `--device` \
         chooses another device"
    )]
    Unreachable {
        /// The worker.
        worker: WorkerAddress,
        /// What happened.
        reason: String,
    },
    /// The worker will not serve this program.
    #[error("worker {worker} refuses: {reason}")]
    Refused {
        /// The worker.
        worker: WorkerAddress,
        /// Its reason, and what helps.
        reason: String,
    },
    /// What was computing on them ended, while they are still there.
    #[error(
        "a session broke off with one of these workers, which still answer: {workers}. What they say themselves tells why. A \
         training's whole epochs are kept: `mnist-burn resume RUN` goes on with them"
    )]
    Broken {
        /// All that were in use.
        workers: String,
    },
    /// A worker that was there is gone.
    #[error(
        "worker {worker} is lost: {reason}. A training's whole epochs are kept: `mnist-burn resume RUN --device NAME` goes on \
         with them elsewhere"
    )]
    Lost {
        /// The worker.
        worker: WorkerAddress,
        /// What happened.
        reason: String,
    },
}
