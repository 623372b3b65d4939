//! Serves this machine's devices to clients that have the worker's token, which is checked before anything is computed.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::{io::ErrorKind, path::Path};

use burn::server::{
    AuthorizationRequest, BURN_REMOTE_ALPN, IrohIdentity, PeerAuthorizer, RemoteServer, TokenAuthorizer,
    WebSocketTransport,
};
use burn::tensor::Device;
use iroh::protocol::Router;
use iroh::{Endpoint, SecretKey};
use log::{LevelFilter, Log, Metadata, Record};
use sysinfo::System;
use tokio::{runtime::Runtime, sync::Notify, task::yield_now};

use super::address::{Address, RemoteError, WorkerAddress};
use super::endpoint;

pub struct Worker {
    /// The address of each device, for the clients' configs.
    pub addresses: Vec<Address>,
    server: RemoteServer,
    listening: Listening,
    runtime: Runtime,
}

enum Listening {
    Iroh(Endpoint),
    WebSocket(TcpListener),
}

impl Worker {
    /// Listens for clients of `devices`, all of one backend, on the loopback address, or on `exposed` for other
    /// machines. Port 0 is any free one. Connections are encrypted unless over `websocket`, with the identity in this
    /// file, which is created if missing, or a new one. Calls `tell` for each client that connects or is refused.
    pub fn listen(
        devices: Vec<Device>,
        exposed: Option<IpAddr>,
        port: u16,
        websocket: bool,
        identity: Option<&Path>,
        tell: fn(&str),
    ) -> Result<Self, RemoteError> {
        let has_token = TokenAuthorizer::new(endpoint::token()?).map_err(|_| RemoteError::NoToken)?;
        let count = devices.len();
        let server = RemoteServer::new(devices).with_authorizer(move |request: AuthorizationRequest<'_>| {
            let (client, device) = (request.client, request.device_index);
            has_token.authorize(request)?;
            if (device as usize) < count {
                tell(&format!("{client} connected to device {device}"));
            }
            Ok(())
        });
        let address = SocketAddr::new(exposed.unwrap_or([127, 0, 0, 1].into()), port);
        let runtime = endpoint::runtime()?;
        let refused = |reason: &dyn ToString| RemoteError::Listen { address, reason: reason.to_string() };
        let (listening, id, bound) = if websocket {
            let listener = TcpListener::bind(address).map_err(|error| refused(&error))?;
            let bound = listener.local_addr().map_err(|error| refused(&error))?;
            (Listening::WebSocket(listener), None, bound)
        } else {
            let load = |path: &Path| {
                IrohIdentity::load_or_create(path).map_err(|source| RemoteError::Identity { path: path.into(), source })
            };
            let identity = identity.map_or_else(|| Ok(IrohIdentity::random()), load)?;
            let secret = SecretKey::from_bytes(&identity.to_bytes());
            let builder = endpoint::builder().secret_key(secret).clear_ip_transports().bind_addr(address);
            let builder = builder.map_err(|error| refused(&error))?;
            let endpoint = runtime.block_on(builder.bind()).map_err(|error| refused(&error))?;
            let bound =
                endpoint.bound_sockets().first().copied().ok_or_else(|| refused(&ErrorKind::AddrNotAvailable))?;
            let id = endpoint.id().to_string();
            (Listening::Iroh(endpoint), Some(id), bound)
        };
        if log::set_logger(Box::leak(Box::new(Refusals(tell)))).is_ok() {
            log::set_max_level(LevelFilter::Warn);
        }
        // Clients connect to this machine's name if the worker listens on all addresses.
        let name = System::host_name().filter(|_| bound.ip().is_unspecified());
        let host = name.map_or_else(|| bound.to_string(), |name| format!("{name}:{}", bound.port()));
        let worker = WorkerAddress { id, host };
        let addresses = (0..count).map(|device| Address { worker: worker.clone(), device }).collect();
        Ok(Self { addresses, server, listening, runtime })
    }

    /// Calls `ready`, then serves until `stop` is notified. Stopping ends all sessions.
    pub fn serve(self, stop: &Notify, ready: impl FnOnce()) -> Result<(), RemoteError> {
        let failed = |error: &dyn ToString| RemoteError::Serve(error.to_string());
        let (server, listening) = (self.server, self.listening);
        self.runtime.block_on(async {
            match listening {
                Listening::WebSocket(listener) => {
                    let transport = WebSocketTransport::from_listener(listener);
                    // The first poll of the server finds devices that can't be served.
                    let stopped = async {
                        yield_now().await;
                        ready();
                        stop.notified().await;
                    };
                    tokio::select! {
                        biased;
                        served = server.serve_async(transport) => served.map_err(|error| failed(&error)),
                        () = stopped => Ok(()),
                    }
                }
                Listening::Iroh(endpoint) => {
                    let protocol = server.into_protocol(&endpoint).map_err(|error| failed(&error))?;
                    let router = Router::builder(endpoint.clone()).accept(BURN_REMOTE_ALPN, protocol).spawn();
                    ready();
                    tokio::select! {
                        () = endpoint.closed() => Err(failed(&"the network endpoint is closed")),
                        () = stop.notified() => router.shutdown().await.map_err(|error| failed(&error)),
                    }
                }
            }
        })
    }
}

fn is_disconnection(message: &str) -> bool {
    let ends =
        ["connection lost", "without closing handshake", "Connection reset by peer", "closed before initialization"];
    let is_of_session = message.starts_with("Rejected or failed");
    is_of_session && ends.iter().any(|end| message.contains(end)) || message.starts_with("Response receiver dropped")
}

/// Passes on Burn's log messages about sessions that are refused or fail.
struct Refusals(fn(&str));

impl Log for Refusals {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= log::Level::Warn && metadata.target().starts_with("burn_remote")
    }

    fn log(&self, record: &Record) {
        let message = record.args().to_string();
        if self.enabled(record.metadata()) && !is_disconnection(&message) {
            (self.0)(&format!("warning: {message}"));
        }
    }

    fn flush(&self) {}
}
