//! Checks that workers still answer, on a connection of its own to each. Burn's client panics in any thread when a worker is
//! gone, and waits forever for one that hangs. Neither can be handled there, so a thread here reports the loss through
//! [`report_to`], and the program ends. Files are written atomically, so a training loses only the current epoch.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Once, OnceLock, mpsc};
use std::{error::Error, io::ErrorKind, panic, panic::PanicHookInfo, thread, time::Duration};

use burn::server::BURN_REMOTE_ALPN;
use iroh::EndpointAddr;
use parking_lot::Mutex;
use tokio::time::timeout;
use tungstenite::{HandshakeError, Message, WebSocket};

use super::address::{RemoteError, WorkerAddress};
use super::endpoint::dialing;

const PERIOD: Duration = Duration::from_secs(5);
const UNANSWERED: usize = 3;
/// The timeout for connecting to a worker. Also how much later than Burn's connection this one may notice a loss.
const PATIENCE: Duration = Duration::from_secs(8);

static WATCHED: Mutex<Vec<WorkerAddress>> = Mutex::new(vec![]);
static LEAVE: Mutex<Option<Arc<dyn Fn() + Send + Sync>>> = Mutex::new(None);
static REPORT: OnceLock<fn(Report)> = OnceLock::new();

/// A report about the workers.
#[derive(Debug)]
pub enum Report {
    /// A thread panicked, with this message. No worker is known to be lost.
    Panic(String),
    /// A worker is lost, or a session with one failed. The program can't continue, and should end.
    Lost(RemoteError),
}

/// Sets the function that receives reports, in any thread. Without it, Burn panics or waits when a worker is lost.
pub fn report_to(report: fn(Report)) {
    // The first call wins: a program has one way to end.
    let _ = REPORT.set(report);
}

/// Sets the action that runs before the loss of a worker is reported, e.g. to restore the terminal. `None` after a training.
pub fn before_leaving(leave: Option<Arc<dyn Fn() + Send + Sync>>) {
    *LEAVE.lock() = leave;
}

/// Watches a worker over WebSocket, if it is not watched yet. The error is the reason why it does not answer in time.
pub fn websocket(worker: &WorkerAddress, addresses: &[SocketAddr]) -> Result<(), Box<dyn Error>> {
    if is_watched(worker) {
        return Ok(());
    }
    let mut connections = addresses.iter().map(|address| TcpStream::connect_timeout(address, PATIENCE));
    let first = connections.next().unwrap_or_else(|| Err(ErrorKind::AddrNotAvailable.into()));
    let stream = first.or_else(|error| connections.find_map(Result::ok).ok_or(error))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (socket, _) = tungstenite::client(format!("{worker}/session"), stream).map_err(|error| match error {
        HandshakeError::Interrupted(_) => silent(),
        HandshakeError::Failure(error) => format!("it does not answer like a worker: {error}"),
    })?;
    socket.get_ref().set_read_timeout(Some(PERIOD))?;
    watch(worker, move || listen(socket));
    Ok(())
}

/// Watches a worker over Iroh, if it is not watched yet. The error is the reason why it does not answer in time.
pub fn iroh(worker: &WorkerAddress, peer: EndpointAddr) -> Result<(), Box<dyn Error>> {
    if is_watched(worker) {
        return Ok(());
    }
    let (runtime, endpoint) = dialing()?;
    let connecting = async { timeout(PATIENCE, endpoint.connect(peer, BURN_REMOTE_ALPN)).await };
    let connection = runtime.block_on(connecting).map_err(|_| silent())??;
    // Iroh itself sends keep-alives, and closes a silent connection.
    watch(worker, move || runtime.block_on(connection.closed()).to_string());
    Ok(())
}

fn silent() -> String {
    format!("no answer within {} s", PATIENCE.as_secs())
}

/// Pings the worker until it does not answer. Returns the reason.
fn listen(mut socket: WebSocket<TcpStream>) -> String {
    use ErrorKind::{TimedOut, WouldBlock};
    let mut unanswered = 0;
    loop {
        match socket.read() {
            Ok(_) => unanswered = 0,
            Err(tungstenite::Error::Io(error)) if matches!(error.kind(), WouldBlock | TimedOut) => {
                if unanswered == UNANSWERED {
                    let seconds = UNANSWERED as u64 * PERIOD.as_secs();
                    return format!("it did not answer {UNANSWERED} pings in {seconds} s");
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

/// Waits in a thread of its own until the worker is lost, then reports it.
fn watch(worker: &WorkerAddress, wait: impl FnOnce() -> String + Send + 'static) {
    static HOOK: Once = Once::new();
    let report_panic = |panic: &PanicHookInfo<'_>| {
        let message = panic.to_string();
        let told = thread::spawn(|| tell(message));
        // In another thread: closing a dashboard needs the panic hook held here. Only main waits: the program ends with it.
        if thread::current().name() == Some("main") {
            let _ = told.join();
        }
    };
    if REPORT.get().is_some() {
        HOOK.call_once(|| panic::set_hook(Box::new(report_panic)));
    }
    WATCHED.lock().push(worker.clone());
    let worker = worker.clone();
    thread::spawn(move || {
        let reason = wait();
        if is_watched(&worker) {
            end(RemoteError::Lost { worker, reason });
        }
    });
}

/// Reports a panic that no lost worker caused. Ends a training, because other threads may wait for the one that panicked.
fn tell(message: String) {
    verdict();
    report(Report::Panic(message));
    let workers = WATCHED.lock().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !workers.is_empty() && LEAVE.lock().is_some() {
        end(RemoteError::Broken { workers });
    }
}

/// Reports a loss. The report ends the program.
fn end(error: RemoteError) {
    // Held until the program ends, so that only one error is reported.
    let mut held = LEAVE.lock();
    if let Some(leave) = held.take() {
        // In a thread of its own with a timeout: it may need the panic hook, which the main thread may hold.
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
    let watched = std::mem::take(&mut *WATCHED.lock());
    if watched.iter().any(|worker| worker.id.is_some())
        && let Ok((runtime, endpoint)) = dialing()
    {
        let _ = runtime.block_on(async { timeout(PATIENCE, endpoint.close()).await });
    }
}

/// Waits until the loss of a worker would have been reported. Call it after an error that such a loss may have caused.
pub fn verdict() {
    if !WATCHED.lock().is_empty() {
        thread::sleep(PATIENCE);
    }
}

fn is_watched(worker: &WorkerAddress) -> bool {
    WATCHED.lock().contains(worker)
}
