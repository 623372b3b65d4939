//! A page on this machine where one draws a digit, and the JSON interface that it uses.
//!
//! [`listen`] opens the port, and [`Server::serve`] answers until it is told to stop, over `hyper` and within its own limits
//! of size and time. `service` has an answer to each request, a `response` or a `refusal`, `caller` tells who may ask,
//! `runs` has the networks. The page itself is in `page/`.

mod api_error;
mod error;
mod limits;
mod origin;
mod request;
mod response;
mod run_registry;
mod service;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

pub use api_error::ApiError;
pub use error::ServeError;
use limits::{LARGEST_HEAD, LONGEST_PAUSE, MOST_CONNECTIONS, PATIENCE};
pub use run_registry::{RunRegistry, newest};
use service::Service;

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
pub fn listen(runs: RunRegistry, exposed: Option<IpAddr>, port: u16) -> Result<Server, ServeError> {
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

    /// Answers until `stop` is notified, and then finishes what is under way.
    ///
    /// # Errors
    /// If the system has no threads for it.
    pub fn serve(self, stop: &Notify) -> io::Result<()> {
        // A picture is large when it is unpacked: as many at a time as there are processors.
        let processors = available_parallelism().map_or(1, usize::from);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(processors)
            .max_blocking_threads(processors)
            .enable_all()
            .build()?;
        let served = runtime.block_on(self.serve_until(stop));
        runtime.shutdown_timeout(PATIENCE);
        served
    }

    async fn serve_until(self, stop: &Notify) -> io::Result<()> {
        self.listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let (service, open) = (Arc::new(self.service), GracefulShutdown::new());
        tokio::select! {
            () = accept(&listener, &service, &open) => {}
            () = stop.notified() => {}
        }
        drop(listener);
        // Who is not done by then has had the time for a request.
        let _ = timeout(2 * PATIENCE, open.shutdown()).await;
        Ok(())
    }
}

async fn accept(listener: &tokio::net::TcpListener, service: &Arc<Service>, open: &GracefulShutdown) {
    let free = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Ok(place) = Arc::clone(&free).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of sockets, for instance: some will be free again.
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Answers are small, and are waited for.
        let _ = stream.set_nodelay(true);
        let mut stream = Box::pin(TimeoutStream::new(stream));
        stream.as_mut().set_write_timeout_pinned(Some(LONGEST_PAUSE));
        let service = Arc::clone(service);
        let answer = service_fn(move |request| Arc::clone(&service).answer(request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(LARGEST_HEAD)
            // A client may say that it has no more to ask before it hears the answer.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), answer);
        let connection = open.watch(connection);
        tokio::spawn(async move {
            // What goes wrong in it is the client's.
            let _ = connection.await;
            drop(place);
        });
    }
}
