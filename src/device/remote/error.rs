//! The errors of serving and using the devices of other machines.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use super::address::WorkerAddress;

/// Where the environment has the token, or the name of its file.
pub const VARIABLE: &str = "MNIST_BURN_TOKEN";
pub const FILE_VARIABLE: &str = "MNIST_BURN_TOKEN_FILE";
/// The minimum length of a token, in characters. A shorter one could be guessed.
pub const MIN_LENGTH: usize = 16;

#[derive(Debug, Error)]
pub enum RemoteError {
    #[error(
        "the token is missing: set {VARIABLE} to it, or {FILE_VARIABLE} to the name of its file, here and on the other \
         machine; create one with `openssl rand -hex 32`"
    )]
    NoToken,
    #[error("the token has fewer than {MIN_LENGTH} characters; create a longer one with `openssl rand -hex 32`")]
    ShortToken,
    #[error("can't read the token file {path}, which {FILE_VARIABLE} names")]
    TokenFile { path: PathBuf, source: io::Error },
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
