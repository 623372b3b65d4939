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
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("can't use the worker's identity file {path}")]
    Identity { path: PathBuf, source: io::Error },
    #[error("can't listen on {address} ({reason}); `--port 0` takes any free port")]
    Listen { address: SocketAddr, reason: String },
    #[error("can't serve these devices: {0}")]
    Serve(String),
    #[error("can't start the network threads")]
    Runtime(#[from] io::Error),
    #[error(
        "worker {worker} can't be reached: {reason}; check its name, and that `mnist-burn worker` is running there, or \
         choose another device with `--device`"
    )]
    Unreachable { worker: WorkerAddress, reason: String },
    #[error("worker {worker} refused the connection: {reason}")]
    Refused { worker: WorkerAddress, reason: String },
    #[error(
        "a session with one of these workers failed, although they still answer: {workers}. Their own messages tell \
         why. All complete epochs of a training are saved: resume it with `mnist-burn resume RUN`"
    )]
    Broken { workers: String },
    #[error(
        "worker {worker} is lost: {reason}. All complete epochs of a training are saved: resume it on another device \
         with `mnist-burn resume RUN --device NAME`"
    )]
    Lost { worker: WorkerAddress, reason: String },
}
