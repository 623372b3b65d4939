//! A page on this machine where one draws a digit, and the JSON interface that it uses.
//!
//! [`listen`] opens the port, [`Server::serve`] answers until it is told to stop. `connection` speaks HTTP, `response` and
//! `refusal` are what it says, `caller` tells who may ask, `runs` has the networks. The page itself is in `page/`.
//!
//! The server is small on purpose: a thread a connection, whose limits in size and time are its own. The usual HTTP
//! libraries would switch on features in crates that Burn shares, or know no limits.

mod caller;
mod connection;
mod refusal;
mod response;
mod runs;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;
use serde::Serialize;
use thiserror::Error;

use crate::evaluation::Probabilities;
use crate::picture::{self, Limits};

use connection::{Connection, MOST_CONNECTIONS, PATIENCE, Request};
pub use refusal::Refusal;
use response::Response;
pub use runs::{Runs, newest};

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

/// What answers.
#[derive(Debug)]
struct Service {
    runs: Runs,
    /// Whether other machines may ask.
    is_exposed: bool,
}

/// What `POST /api/predict` answers.
#[derive(Debug, Serialize)]
struct Answer {
    run: String,
    digit: usize,
    probabilities: Probabilities,
    height: usize,
    width: usize,
    /// What the network saw, row by row.
    pixels: Vec<u8>,
}

/// Opens `port` of this machine alone, or of its address `exposed` to all who reach that; port 0 is any free one.
///
/// # Errors
/// If it can't be had.
pub fn listen(runs: Runs, exposed: Option<IpAddr>, port: u16) -> Result<Server, ServeError> {
    let address = SocketAddr::new(exposed.unwrap_or([127, 0, 0, 1].into()), port);
    let listener = TcpListener::bind(address).map_err(|source| ServeError::Listen { address, source })?;
    let service = Service { runs, is_exposed: exposed.is_some() };
    Ok(Server { listener, service })
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

impl Service {
    /// The answer to a request, whatever happens.
    fn answer(&self, request: &mut Request) -> Response {
        guarded(|| self.route(request))
    }

    fn route(&self, request: &mut Request) -> Result<Response, Refusal> {
        caller::check(request, self.is_exposed)?;
        let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
        match request.path.as_str() {
            "/api/predict" if request.method == "POST" => self.predict(request),
            "/api/predict" => Err(Refusal::Method { allowed: "POST" }),
            "/" | "/page.css" | "/page.js" | "/api/runs" | "/report" if !is_read => {
                Err(Refusal::Method { allowed: "GET" })
            }
            "/" => Ok(Response::new("text/html; charset=utf-8", include_bytes!("page/page.html"))),
            "/page.css" => Ok(Response::new("text/css; charset=utf-8", include_bytes!("page/page.css"))),
            "/page.js" => Ok(Response::new("text/javascript; charset=utf-8", include_bytes!("page/page.js"))),
            "/api/runs" => Ok(Response::json(&self.runs.list()?)?),
            "/report" => Ok(Response::report(self.runs.report(run(request)?.as_deref())?)),
            path => Err(Refusal::Path { path: path.into() }),
        }
    }

    fn predict(&self, request: &mut Request) -> Result<Response, Refusal> {
        let (run, reader) = self.runs.reader(run(request)?.as_deref())?;
        let kind = request.field("content-type")?.unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json = match kind.as_str() {
            "application/json" => true,
            "image/png" | "image/jpeg" => false,
            _ => return Err(Refusal::MediaType),
        };
        let body = request.body()?;
        let size @ [height, width] = reader.size();
        // In rayon's pool, as many at a time as there are processors: a picture is large when it is unpacked.
        let (pixels, read) = rayon::scope(|_| {
            let pixels = match is_json {
                true => picture::prepare_pixels(serde_json::from_slice(&body)?, size)?,
                false => picture::prepare(&body, size, Limits::REQUEST)?,
            };
            let read = reader.read(&[&pixels])?;
            Ok::<_, Refusal>((pixels, read))
        })?;
        let probabilities = read.into_iter().next().ok_or(Refusal::Failure)?;
        let digit = probabilities.best();
        Ok(Response::json(&Answer { run, digit, probabilities, height, width, pixels })?)
    }
}

/// The answer, also where the program panics, which says so on stderr.
fn guarded(answer: impl FnOnce() -> Result<Response, Refusal>) -> Response {
    catch_unwind(AssertUnwindSafe(answer)).unwrap_or(Err(Refusal::Failure)).unwrap_or_else(Response::from)
}

/// The run that the query names, if it does.
fn run(request: &Request) -> Result<Option<String>, Refusal> {
    let Some(value) = request.query.split('&').find_map(|pair| pair.strip_prefix("run=")) else { return Ok(None) };
    let name = percent_decode_str(value).decode_utf8();
    Ok(Some(name.map_err(|error| Refusal::Malformed(error.to_string()))?.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_of_the_program_is_answered_and_shows_nothing() {
        let response = guarded(|| panic!("a secret")).to_bytes(true, false);
        let text = String::from_utf8(response).unwrap();
        assert!(text.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{text}");
        assert!(text.contains("this request made the server fail; its terminal says more"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
