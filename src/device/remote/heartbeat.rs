//! Whether workers still answer: on a connection of its own to each, beside those of Burn.
//!
//! Burn's client panics in any thread when a worker is gone, and waits for ever for one that has stopped. Neither can be
//! mended where it happens. So the thread that listens here tells the program, through [`report_to`], which worker is lost,
//! and the program ends. A training saves whole files, so it loses no more than the current epoch.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError, mpsc};
use std::time::Duration;
use std::{panic, thread};

use burn::server::BURN_REMOTE_ALPN;
use iroh::EndpointAddr;
use tokio::time::timeout;
use tungstenite::{HandshakeError, Message, WebSocket};

use super::address::WorkerAddress;
use super::endpoint::dialing;
use super::error::RemoteError;

/// How long between two questions whether a worker is there, and how many may be without an answer.
const PERIOD: Duration = Duration::from_secs(5);
const UNANSWERED: usize = 3;
/// How long a worker may take to be reached, and its connection may differ from Burn's in noticing its end.
const PATIENCE: Duration = Duration::from_secs(8);

/// The workers that are watched.
static WATCHED: Mutex<Vec<WorkerAddress>> = Mutex::new(vec![]);
/// What is done before a loss is reported.
static LEAVE: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);
/// Who is told.
static REPORT: OnceLock<fn(Report)> = OnceLock::new();

/// What the program is told about its workers.
#[derive(Debug)]
pub enum Report {
    /// A thread panicked, with this message. No worker is known to be lost.
    Panic(String),
    /// A worker is lost, or a session with one broke off. The program can't continue, and should end.
    Lost(RemoteError),
}

/// Has `report` called, from any thread, when a worker is lost. Until then, a lost worker makes Burn panic or wait.
pub fn report_to(report: fn(Report)) {
    // The first one stays: a program has one way to end.
    let _ = REPORT.set(report);
}

/// While it lives, what was given to [`before_leaving`] is done if a worker is lost.
pub struct Leaving;

/// Has `leave` called before the loss of a worker is reported: it can restore a terminal.
pub fn before_leaving(leave: impl FnOnce() + Send + 'static) -> Leaving {
    *locked(&LEAVE) = Some(Box::new(leave));
    Leaving
}

impl Drop for Leaving {
    fn drop(&mut self) {
        locked(&LEAVE).take();
    }
}

/// Watches a worker over WebSocket, if it is not watched yet.
///
/// # Errors
/// With the reason, if it does not answer in time.
pub fn websocket(worker: &WorkerAddress, addresses: &[SocketAddr]) -> Result<(), String> {
    if is_watched(worker) {
        return Ok(());
    }
    let mut connections = addresses.iter().map(|address| TcpStream::connect_timeout(address, PATIENCE));
    let first = connections.next().unwrap_or_else(|| Err(ErrorKind::AddrNotAvailable.into()));
    let stream =
        first.or_else(|error| connections.find_map(Result::ok).ok_or(error)).map_err(|error| error.to_string())?;
    let settings = stream.set_write_timeout(Some(PATIENCE)).and_then(|()| stream.set_read_timeout(Some(PATIENCE)));
    settings.map_err(|error| error.to_string())?;
    let connected = tungstenite::client(format!("{worker}/session"), stream);
    let (socket, _) = connected.map_err(|error| match error {
        HandshakeError::Interrupted(_) => silent(),
        HandshakeError::Failure(error) => format!("it does not answer as a worker does: {error}"),
    })?;
    socket.get_ref().set_read_timeout(Some(PERIOD)).map_err(|error| error.to_string())?;
    watch(worker, move || listen(socket));
    Ok(())
}

/// Watches a worker over Iroh, if it is not watched yet.
///
/// # Errors
/// With the reason, if it does not answer in time.
pub fn iroh(worker: &WorkerAddress, peer: EndpointAddr) -> Result<(), String> {
    if is_watched(worker) {
        return Ok(());
    }
    let (runtime, endpoint) = dialing()?;
    let connecting = async { timeout(PATIENCE, endpoint.connect(peer, BURN_REMOTE_ALPN)).await };
    let connection = match runtime.block_on(connecting) {
        Ok(connected) => connected.map_err(|error| error.to_string())?,
        Err(_) => return Err(silent()),
    };
    // Iroh itself asks after the other end, and closes a connection that is silent.
    watch(worker, move || runtime.block_on(connection.closed()).to_string());
    Ok(())
}

fn silent() -> String {
    format!("nothing answered in {} s", PATIENCE.as_secs())
}

/// Asks after the worker until it does not answer, and then tells what happened.
fn listen(mut socket: WebSocket<TcpStream>) -> String {
    let mut unanswered = 0;
    loop {
        match socket.read() {
            Ok(_) => unanswered = 0,
            Err(tungstenite::Error::Io(error))
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                if unanswered == UNANSWERED {
                    return format!(
                        "it left {UNANSWERED} questions in {} s unanswered",
                        unanswered as u64 * PERIOD.as_secs()
                    );
                }
                unanswered += 1;
                if let Err(error) = socket.send(Message::Ping(vec![].into())) {
                    return error.to_string();
                }
            }
            Err(error) => return error.to_string(),
        }
    }
}

/// Waits in a thread of its own until a worker that answers is gone, and reports it.
fn watch(worker: &WorkerAddress, wait: impl FnOnce() -> String + Send + 'static) {
    static HOOK: Once = Once::new();
    let is_reported = REPORT.get().is_some();
    HOOK.call_once(|| {
        if !is_reported {
            return;
        }
        panic::set_hook(Box::new(|panic| {
            let message = panic.to_string();
            let told = thread::spawn(|| tell(message));
            // Who is in here keeps others from the hook, which closing a dashboard needs. But the program ends with its main
            // thread.
            if thread::current().name() == Some("main") {
                let _ = told.join();
            }
        }));
    });
    locked(&WATCHED).push(worker.clone());
    let worker = worker.clone();
    thread::spawn(move || {
        let reason = wait();
        if is_watched(&worker) {
            end(RemoteError::Lost { worker, reason });
        }
    });
}

/// Tells of a panic, unless it came of the loss of a worker. In a training, other threads may wait for the one that panicked.
fn tell(message: String) {
    verdict();
    report(Report::Panic(message));
    let workers = locked(&WATCHED).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !workers.is_empty() && locked(&LEAVE).is_some() {
        end(RemoteError::Broken { workers });
    }
}

/// Reports a loss, which ends the program.
fn end(error: RemoteError) {
    // Held until the program ends: one such error is reported.
    let mut held = locked(&LEAVE);
    if let Some(leave) = held.take() {
        // It may need the panic hook, which the main thread may be in.
        let (done, left) = mpsc::channel();
        thread::spawn(move || {
            leave();
            let _ = done.send(());
        });
        let _ = left.recv_timeout(PERIOD);
    }
    report(Report::Lost(error));
}

fn report(what: Report) {
    if let Some(report) = REPORT.get() {
        report(what);
    }
}

/// Closes the connections to all workers.
pub fn close() {
    let watched = std::mem::take(&mut *locked(&WATCHED));
    if watched.iter().any(|worker| matches!(worker, WorkerAddress::Iroh { .. }))
        && let Ok((runtime, endpoint)) = dialing()
    {
        let _ = runtime.block_on(async { timeout(PATIENCE, endpoint.close()).await });
    }
}

/// After a failure that may come from the loss of a worker, waits until the loss would have been reported.
pub fn verdict() {
    if !locked(&WATCHED).is_empty() {
        thread::sleep(PATIENCE);
    }
}

fn is_watched(worker: &WorkerAddress) -> bool {
    locked(&WATCHED).contains(worker)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
