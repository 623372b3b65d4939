//! Names of devices of other machines: `remote:ID@HOST:PORT` or `remote:ws://HOST:PORT`, with `/NUMBER` for the device. And
//! the errors of serving and using such devices.

use std::{io, net::SocketAddr, path::PathBuf, sync::LazyLock};

use derive_more::Display;
use regex_lite::Regex;
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Display)]
#[display("remote:{worker}{}", if *device == 0 { String::new() } else { format!("/{device}") })]
pub struct Address {
    pub worker: WorkerAddress,
    /// The device's number on the worker, from 0.
    pub device: usize,
}

/// The address of a worker and its protocol.
#[derive(Debug, Clone, PartialEq, Eq, Display)]
#[display("{}{host}", id.as_ref().map_or_else(|| "ws://".into(), |id| format!("{id}@")))]
pub struct WorkerAddress {
    /// The worker's public key, 64 hexadecimal digits, for Iroh, which is encrypted; `None` for WebSocket, which is not.
    pub id: Option<String>,
    /// A name or an IP address, with a port.
    pub host: String,
}

impl Address {
    pub fn parse(name: &str) -> Option<Self> {
        static NAME: LazyLock<Regex> = LazyLock::new(|| {
            let pattern = "^remote:(?:ws://|([[:xdigit:]]{64})@)([^/]+:([0-9]+))(?:/([0-9]+))?$";
            Regex::new(pattern).expect("the pattern above is well-formed")
        });
        let parts = NAME.captures(name)?;
        let (host, _port) = (parts[2].to_string(), parts[3].parse::<u16>().ok()?);
        let device = parts.get(4).map_or(Ok(0), |number| number.as_str().parse()).ok()?;
        let worker = WorkerAddress { id: parts.get(1).map(|id| id.as_str().to_ascii_lowercase()), host };
        Some(Self { worker, device })
    }
}

/// Where the environment has the token, or the name of its file.
pub const VARIABLE: &str = "MNIST_BURN_TOKEN";
pub const FILE_VARIABLE: &str = "MNIST_BURN_TOKEN_FILE";
/// The minimum length of a token, in characters. A shorter one could be guessed.
pub const MIN_LENGTH: usize = 16;

#[derive(Debug, Error)]
pub enum RemoteError {
    #[error("the token is missing: set {VARIABLE} or {FILE_VARIABLE}; `openssl rand -hex 32` creates one")]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> String {
        "0123456789abcdef".repeat(4)
    }

    #[test]
    fn remote_device_name_has_the_protocol_the_host_and_the_number() {
        let websocket = WorkerAddress { id: None, host: "127.0.0.1:4433".into() };
        let iroh = WorkerAddress { id: Some(id()), host: "[::1]:4433".into() };
        for (name, worker, device) in
            [("remote:ws://127.0.0.1:4433", websocket, 0), (&format!("remote:{}@[::1]:4433/2", id()), iroh, 2)]
        {
            let address = Address { worker, device };
            assert_eq!(Address::parse(name), Some(address.clone()));
            assert_eq!(address.to_string(), name);
        }
    }

    #[test]
    fn other_names_are_not_remote_device_names() {
        let id = id();
        for name in [
            "ndarray",
            "remote:",
            "remote:ws://",
            "remote:ws://gpu",
            "remote:ws://:4433",
            "remote:ws://gpu:70000",
            "remote:ws://gpu:4433/",
            "remote:ws://gpu:4433/first",
            "remote:wss://gpu:4433",
            "remote:gpu:4433",
            "remote:gpu@gpu:4433",
            &format!("remote:{id}"),
            &format!("remote:{id}@gpu"),
            &format!("remote:{}é@gpu:1", &id[2..]),
        ] {
            assert_eq!(Address::parse(name), None, "{name}");
        }
    }
}
