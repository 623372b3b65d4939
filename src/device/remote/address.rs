//! The name of another machine's device: `remote:ID@HOST:PORT` or `remote:ws://HOST:PORT`, its number after a slash.

use std::fmt;

/// What such a name begins with.
const PREFIX: &str = "remote:";
/// What its place begins with where it is reached over WebSocket.
const WEBSOCKET: &str = "ws://";

/// One device of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The worker that serves it.
    pub worker: WorkerAddress,
    /// Its number among the worker's devices, from 0.
    pub device: usize,
}

/// Where a worker is, and how it is reached. Its hosts are names or addresses with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerAddress {
    /// Over Iroh, which is encrypted: nobody else can answer to this identity.
    Iroh {
        /// The worker's public key, in 64 hexadecimal digits.
        id: String,
        /// Where it listens.
        host: String,
    },
    /// Over WebSocket, which is not.
    WebSocket {
        /// Where it listens.
        host: String,
    },
}

impl Address {
    /// From a device's name, if it is of this form.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.strip_prefix(PREFIX)?;
        let (id, place) = match name.strip_prefix(WEBSOCKET) {
            Some(place) => (None, place),
            None => name.split_once('@').map(|(id, place)| (Some(id), place))?,
        };
        let (host, device) = match place.split_once('/') {
            Some((host, device)) => (host, device.parse().ok()?),
            None => (place, 0),
        };
        let (machine, port) = host.rsplit_once(':')?;
        if machine.is_empty() || port.parse::<u16>().is_err() {
            return None;
        }
        let host = host.to_string();
        let worker = match id {
            None => WorkerAddress::WebSocket { host },
            Some(id) if id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                WorkerAddress::Iroh { id: id.to_ascii_lowercase(), host }
            }
            Some(_) => return None,
        };
        Some(Self { worker, device })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.worker)?;
        match self.device {
            0 => Ok(()),
            device => write!(f, "/{device}"),
        }
    }
}

impl fmt::Display for WorkerAddress {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Iroh { id, host } => write!(f, "{id}@{host}"),
            Self::WebSocket { host } => write!(f, "{WEBSOCKET}{host}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> String {
        "0123456789abcdef".repeat(4)
    }

    #[test]
    fn a_name_says_how_where_and_which() {
        let websocket = WorkerAddress::WebSocket { host: "127.0.0.1:4433".into() };
        let iroh = WorkerAddress::Iroh { id: id(), host: "[::1]:4433".into() };
        for (name, worker, device) in
            [("remote:ws://127.0.0.1:4433", websocket, 0), (&format!("remote:{}@[::1]:4433/2", id()), iroh, 2)]
        {
            let address = Address { worker, device };
            assert_eq!(Address::parse(name), Some(address.clone()));
            assert_eq!(address.to_string(), name);
        }
    }

    #[test]
    fn anything_else_is_no_name_of_a_device_elsewhere() {
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
