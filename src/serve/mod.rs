//! A page on this machine where one draws a digit, and the JSON interface that it uses.
//!
//! [`listen`] opens the port, [`Server::serve`] answers until it is told to stop. `connection` speaks HTTP, `service`
//! has an answer to each request, a `response` or a `refusal`, `caller` tells who may ask, `runs` has the networks. The page
//! itself is in `page/`.
//!
//! The server is small on purpose: a thread a connection, whose limits in size and time are its own. The usual HTTP
//! libraries would switch on features in crates that Burn shares, or know no limits.

mod caller;
mod connection;
mod refusal;
mod response;
mod runs;
mod service;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use connection::{Connection, MOST_CONNECTIONS, PATIENCE};
pub use refusal::Refusal;
pub use runs::{Runs, newest};
use service::Service;

/// Why there is no server.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address can't be had.
    #[error("can't listen on {address}; `--port 0` takes any free port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// There is nothing to use.
    #[error("no run in {runs} is finished: train one first, or name a run")]
    NoRun {
        /// The folder that was searched.
        runs: std::path::PathBuf,
    },
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    service: Service,
}

/// Opens `port` of this machine alone, or of its address `exposed` to all who reach that; port 0 is any free one.
///
/// # Errors
/// If it can't be had.
pub fn listen(runs: Runs, exposed: Option<IpAddr>, port: u16) -> Result<Server, ServeError> {
    let address = SocketAddr::new(exposed.unwrap_or([127, 0, 0, 1].into()), port);
    let listener = TcpListener::bind(address).map_err(|source| ServeError::Listen { address, source })?;
    Ok(Server { listener, service: Service::new(runs, exposed.is_some()) })
}

impl Server {
    /// Where it listens.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop` hears something, and then finishes what is under way.
    pub fn serve(self, stop: &Receiver<()>) {
        let is_stopping = Arc::new(AtomicBool::new(false));
        // Each connection holds one of these.
        let token = Arc::new(());
        let open = Arc::downgrade(&token);
        let accepting = Arc::clone(&is_stopping);
        thread::spawn(move || accept(&self.listener, &Arc::new(self.service), &token, &accepting));
        // All senders gone would be a stop as well.
        let _ = stop.recv();
        is_stopping.store(true, Ordering::Relaxed);
        finish(&open);
    }
}

/// Waits until no connection is open, as long as what is under way may take.
fn finish(open: &Weak<()>) {
    let end = Instant::now() + 2 * PATIENCE;
    // The thread that accepts has the last one.
    while open.strong_count() > 1 && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
}

fn accept(listener: &TcpListener, service: &Arc<Service>, token: &Arc<()>, is_stopping: &Arc<AtomicBool>) {
    for stream in listener.incoming() {
        let Ok(connection) = stream.and_then(Connection::new) else {
            // Out of sockets, for instance: some will be free again.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        if Arc::strong_count(token) > MOST_CONNECTIONS {
            connection.dismiss(&Refusal::Busy.into());
            continue;
        }
        let (service, token, is_stopping) = (Arc::clone(service), Arc::clone(token), Arc::clone(is_stopping));
        // Without a thread, the connection closes.
        let _ = thread::Builder::new().spawn(move || {
            connection.serve(&is_stopping, |request| service.answer(request));
            drop(token);
        });
    }
}
