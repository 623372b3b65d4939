//! A mirror on this machine for the tests. It gives the configured answers and stops when it is dropped.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What the mirror answers to a request.
pub enum Answer {
    /// This file, whole.
    File(Vec<u8>),
    /// The file without its end, though the header announces all of it.
    Truncated(Vec<u8>),
    /// Half the file, then nothing until the other side hangs up.
    Stalled(Vec<u8>),
    /// No such file.
    NotFound,
}

/// The running mirror.
pub struct Server {
    /// Its base address, with a final slash.
    pub address: String,
    requests: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Starts a mirror that calls `answer` with the name of the requested file. It stops by itself after 30 s.
    pub fn start(answer: impl Fn(&str) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let (requests, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let server = Self { address, requests: requests.clone(), stop: stop.clone() };
        let end = Instant::now() + Duration::from_secs(30);
        thread::spawn(move || {
            while Instant::now() < end && !stop.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        requests.fetch_add(1, Ordering::Relaxed);
                        // A client that hangs up early is part of the tests.
                        let _ = respond(stream, &answer);
                    }
                    Err(_) => thread::sleep(Duration::from_millis(2)),
                }
            }
        });
        server
    }

    /// How many requests there have been.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn respond(stream: TcpStream, answer: &impl Fn(&str) -> Answer) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut request = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let first = request.next().unwrap_or_default();
    // The rest is read to its end, because closing with unread bytes would reset the connection.
    request.for_each(drop);
    let name = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    match answer(name) {
        Answer::File(bytes) => send(&stream, &bytes, bytes.len()),
        Answer::Truncated(bytes) => send(&stream, &bytes, bytes.len() - 1),
        Answer::Stalled(bytes) => {
            send(&stream, &bytes, bytes.len() / 2)?;
            (&stream).read(&mut [0]).map(|_| ())
        }
        Answer::NotFound => {
            (&stream).write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
    }
}

/// Announces all bytes and sends the first `sent` of them.
fn send(mut stream: &TcpStream, bytes: &[u8], sent: usize) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len())?;
    stream.write_all(&bytes[..sent])
}
