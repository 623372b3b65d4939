//! One connection: HTTP/1.1 requests in, responses out, neither larger nor slower than the limits here.
//!
//! A thread waits for each connection, so a limit in time is a time-out of its socket.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use httparse::Status;

use super::refusal::Refusal;
use super::response::Response;

/// The most connections that are open at a time.
pub const MOST_CONNECTIONS: usize = 100;
/// The largest head of a request, in bytes.
pub const LARGEST_HEAD: usize = 16 << 10;
/// The largest body of a request, in bytes.
pub const LARGEST_BODY: usize = 4 << 20;
/// How long a request may take to arrive, from its first byte to its last, a response to leave, and a connection to wait
/// for its next request.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Most fields of a head.
const MOST_FIELDS: usize = 64;
/// How often an idle connection looks whether the server stops.
const GLANCE: Duration = Duration::from_millis(100);
/// How long what a refused request still sends is thrown away, so that the other side gets to read why.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection of a client.
pub struct Connection {
    stream: TcpStream,
    /// What has arrived and is not used yet.
    arrived: Vec<u8>,
    /// When what is under way must be over.
    end: Instant,
}

/// A request, its body still to be read.
pub struct Request<'a> {
    connection: &'a mut Connection,
    /// `GET`, ...
    pub method: String,
    /// The address without what follows the question mark.
    pub path: String,
    /// What follows the question mark.
    pub query: String,
    /// Names, in lower case, and values.
    fields: Vec<(String, String)>,
    is_persistent: bool,
    /// How much of the body is still to be read.
    unread: usize,
}

impl Connection {
    /// A connection just made.
    ///
    /// # Errors
    /// If the socket is gone already.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, arrived: vec![], end: Instant::now() + PATIENCE })
    }

    /// Answers one request after the other, until the client has no more, breaks a rule, or `is_stopping`.
    pub fn serve(mut self, is_stopping: &AtomicBool, answer: impl Fn(&mut Request) -> Response) {
        while self.is_asked(is_stopping) {
            self.end = Instant::now() + PATIENCE;
            let (response, with_body, mut is_last) = match self.request() {
                Ok(mut request) => {
                    let response = answer(&mut request);
                    (response, request.method != "HEAD", !request.is_persistent || request.unread > 0)
                }
                Err(refusal) => (refusal.into(), true, true),
            };
            is_last |= is_stopping.load(Ordering::Relaxed);
            if self.send(&response.to_bytes(with_body, is_last)).is_err() {
                return;
            }
            if is_last {
                return self.part();
            }
        }
    }

    /// Sends one response, unasked, and closes.
    pub fn dismiss(mut self, response: &Response) {
        let _ = self.send(&response.to_bytes(true, true));
    }

    /// Waits for the first byte of a request; whether there is one.
    fn is_asked(&mut self, is_stopping: &AtomicBool) -> bool {
        let end = Instant::now() + PATIENCE;
        while self.arrived.is_empty() {
            if is_stopping.load(Ordering::Relaxed) || Instant::now() > end {
                return false;
            }
            self.end = Instant::now() + GLANCE;
            match self.receive() {
                Ok(()) | Err(Refusal::Late) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Adds what arrives next to what has.
    fn receive(&mut self) -> Result<(), Refusal> {
        let mut chunk = [0; 16 << 10];
        loop {
            self.stream.set_read_timeout(Some(remaining(self.end)?)).map_err(broken)?;
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(Refusal::Malformed("it ends within".into())),
                Ok(length) => {
                    self.arrived.extend_from_slice(&chunk[..length]);
                    return Ok(());
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(broken(error)),
            }
        }
    }

    fn request(&mut self) -> Result<Request<'_>, Refusal> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
            let mut head = httparse::Request::new(&mut fields);
            let length = match head.parse(&self.arrived) {
                Ok(Status::Complete(length)) if length <= LARGEST_HEAD => length,
                Ok(Status::Partial) if self.arrived.len() <= LARGEST_HEAD => {
                    self.receive()?;
                    continue;
                }
                Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Refusal::Head),
                Err(error) => return Err(Refusal::Malformed(error.to_string())),
            };
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let fields: Vec<_> =
                head.headers.iter().map(|field| (field.name.to_ascii_lowercase(), text(field.value))).collect();
            let (method, target) = (head.method.unwrap_or_default().into(), head.path.unwrap_or_default());
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let (path, query) = (path.into(), query.into());
            let is_new = head.version == Some(1);
            self.arrived.drain(..length);
            let mut request =
                Request { connection: self, method, path, query, fields, is_persistent: false, unread: 0 };
            if request.field("transfer-encoding")?.is_some() {
                return Err(Refusal::Unsized);
            }
            if let Some(length) = request.field("content-length")? {
                let is_number = length.bytes().all(|byte| byte.is_ascii_digit());
                let length = length.parse().ok().filter(|_| is_number);
                request.unread = length.ok_or_else(|| Refusal::Malformed("Content-Length is no number".into()))?;
            }
            let closes = |value: &str| value.to_ascii_lowercase().contains("close");
            request.is_persistent = is_new && !request.field("connection")?.is_some_and(closes);
            return Ok(request);
        }
    }

    fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.end = Instant::now() + PATIENCE;
        while !bytes.is_empty() {
            let remaining = remaining(self.end).map_err(|_| ErrorKind::TimedOut)?;
            self.stream.set_write_timeout(Some(remaining))?;
            match self.stream.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => bytes = &bytes[length..],
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Closes. On a socket with unread bytes that would take the response back, so they are read.
    fn part(mut self) {
        self.end = Instant::now() + FAREWELL;
        if self.stream.shutdown(Shutdown::Write).is_ok() {
            while self.receive().is_ok() {
                self.arrived.clear();
            }
        }
    }
}

impl Request<'_> {
    /// The value of a field, named in lower case.
    ///
    /// # Errors
    /// If the request has several.
    pub fn field(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.fields.iter().filter(|field| field.0 == name).map(|field| field.1.as_str());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Refusal::Malformed(format!("it has several {name}"))),
            (value, None) => Ok(value),
        }
    }

    /// The body.
    ///
    /// # Errors
    /// If it is too large, late, or cut short.
    pub fn body(&mut self) -> Result<Vec<u8>, Refusal> {
        if self.unread > LARGEST_BODY {
            return Err(Refusal::TooLarge);
        }
        // A client with much to send asks first.
        if self.field("expect")?.is_some() && self.connection.arrived.is_empty() {
            let end = self.connection.end;
            self.connection.send(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(broken)?;
            self.connection.end = end;
        }
        // Memory is taken for what arrives, not for what is announced.
        while self.connection.arrived.len() < self.unread {
            self.connection.receive()?;
        }
        let next = self.connection.arrived.split_off(self.unread);
        self.unread = 0;
        Ok(mem::replace(&mut self.connection.arrived, next))
    }
}

/// The time until `end`, as sockets take it: not zero.
fn remaining(end: Instant) -> Result<Duration, Refusal> {
    end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).ok_or(Refusal::Late)
}

/// Whether to try again, if there is time.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn broken(error: io::Error) -> Refusal {
    Refusal::Malformed(error.to_string())
}
