//! Whether workers still answer: on a connection of its own to each, beside those of Burn.
//!
//! Burn's client panics when a worker is gone, in any thread, or waits for one that has stopped. Neither can be mended from
//! where it happens; so the thread that listens here ends the program, with the error that names the worker. What a training
//! keeps it keeps by whole files, so it loses no more than the epoch under way.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, Once, PoisonError, mpsc};
use std::time::Duration;
use std::{panic, process, thread};

use burn::server::BURN_REMOTE_ALPN;
use iroh::EndpointAddr;
use tokio::time::timeout;
use tungstenite::{HandshakeError, Message, WebSocket};

use super::endpoint::dialing;
use super::{RemoteError, WorkerAddress};
use crate::notice::notice;

/// How long between two questions whether a worker is there, and how many may be without an answer.
const PERIOD: Duration = Duration::from_secs(5);
const UNANSWERED: usize = 3;
/// How long a worker may take to be reached, and its connection may differ from Burn's in noticing its end.
const PATIENCE: Duration = Duration::from_secs(8);

/// The workers that are watched.
static WATCHED: Mutex<Vec<WorkerAddress>> = Mutex::new(vec![]);
/// What is to be done before the program ends.
static LEAVE: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

/// While it lives, what was given to [`before_leaving`] is done if a worker is lost.
pub struct Leaving;

/// Has `leave` called before the loss of a worker ends the program: it can give a terminal back.
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

/// Waits for the end of a worker that answers, in a thread of its own, and then ends the program.
fn watch(worker: &WorkerAddress, wait: impl FnOnce() -> String + Send + 'static) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
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
            end(&RemoteError::Lost { worker, reason });
        }
    });
}

/// Tells of a panic, unless it came of the loss of a worker. In a training, other threads may wait for the one that panicked.
fn tell(message: String) {
    verdict();
    notice(message);
    let workers = locked(&WATCHED).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !workers.is_empty() && locked(&LEAVE).is_some() {
        end(&RemoteError::Broken { workers });
    }
}

/// Ends the program.
fn end(error: &RemoteError) -> ! {
    // Held to the end: there is one such error.
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
    notice(format!("error: {error}"));
    process::exit(1)
}

/// Takes leave of all workers: they need not find out by themselves.
pub fn close() {
    let watched = std::mem::take(&mut *locked(&WATCHED));
    if watched.iter().any(|worker| matches!(worker, WorkerAddress::Iroh { .. }))
        && let Ok((runtime, endpoint)) = dialing()
    {
        let _ = runtime.block_on(async { timeout(PATIENCE, endpoint.close()).await });
    }
}

/// Where something failed that may be due to the loss of a worker, waits until that would have been noticed; if it is,
/// the program ends here.
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
