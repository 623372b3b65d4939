//! A page on this machine where the user draws a digit, and the JSON API that it uses.
//!
//! [`listen`] opens the port, and [`serve`] answers over `hyper`, within limits of time and connections. The routes in
//! `service` give a response, or an `api_error`. `request` reads a request and limits its body, `run_registry` loads networks,
//! `page/` has the page.

pub mod api_error;
mod request;
mod run_registry;
mod service;

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::{io, sync::Arc, thread::available_parallelism, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::{server::graceful::GracefulShutdown, service::TowerToHyperService};
use thiserror::Error;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use api_error::PATIENCE;
pub use request::Hosts;
pub use run_registry::{NamedRun, RunRegistry};
use service::router;

/// The most connections that are open at a time. Others wait.
const MOST_CONNECTIONS: usize = 100;
const LARGEST_HEAD: usize = 16 << 10;
/// How long a client may read nothing of its response.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

#[derive(Debug, Error)]
pub enum ServeError {
    #[error("can't listen on {address}; `--port 0` takes any free port")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the server can't work: {task}")]
    System { task: &'static str, source: io::Error },
}

/// Opens `port` (0: any free one) for this machine only, or on its address `exposed`. Also returns the address with the port.
pub fn listen(exposed: Option<IpAddr>, port: u16) -> Result<(TcpListener, SocketAddr), ServeError> {
    let address = SocketAddr::new(exposed.unwrap_or([127, 0, 0, 1].into()), port);
    let listener = TcpListener::bind(address).map_err(|source| ServeError::Listen { address, source })?;
    let address = listener.local_addr().map_err(system("its address is not known"))?;
    Ok((listener, address))
}

/// Answers requests to these `hosts` until `stop` is notified, and then finishes open requests.
pub fn serve(listener: TcpListener, runs: RunRegistry, hosts: Hosts, stop: &Notify) -> Result<(), ServeError> {
    let router = router(runs, hosts);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Decoded pictures are large: at most one at a time per processor.
        .max_blocking_threads(available_parallelism().map_or(1, usize::from))
        .enable_all()
        .build()
        .map_err(system("its threads can't be started"))?;
    let served = runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let open = GracefulShutdown::new();
        tokio::select! {
            () = accept(&listener, &router, &open) => {}
            () = stop.notified() => {}
        }
        drop(listener);
        // A client that is not done by then has had enough time for a request.
        let _ = timeout(2 * PATIENCE, open.shutdown()).await;
        Ok(())
    });
    runtime.shutdown_timeout(PATIENCE);
    served.map_err(system("its port can't be watched"))
}

fn system(task: &'static str) -> impl FnOnce(io::Error) -> ServeError {
    move |source| ServeError::System { task, source }
}

async fn accept(listener: &tokio::net::TcpListener, router: &Router, open: &GracefulShutdown) {
    let free = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Ok(permit) = Arc::clone(&free).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            // The system may have run out of sockets, for instance. Some will be free again.
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Responses are small, and clients wait for them.
        let _ = stream.set_nodelay(true);
        let mut stream = Box::pin(TimeoutStream::new(stream));
        stream.as_mut().set_write_timeout_pinned(Some(LONGEST_PAUSE));
        // The connection counts until it has ended, and the work on its last request too.
        let service = TowerToHyperService::new(router.clone().layer(Extension(Arc::new(permit))));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(LARGEST_HEAD)
            // A client may close its sending side before it gets the response.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service);
        // Errors of a connection concern only its client.
        tokio::spawn(open.watch(connection));
    }
}
