//! A server of the built program, and a client that says what it is told, sense or nonsense.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::NamedTempFile;

/// A running server, stopped when it is dropped.
pub struct Served {
    child: Child,
    /// What it prints beside the address.
    stderr: NamedTempFile,
    pub address: SocketAddr,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// 0 if nothing did.
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Served {
    /// Serves the runs in `runs` on a free port, with `more` arguments.
    pub fn start(runs: &Path, device: &str, more: &[&str]) -> Self {
        let stderr = NamedTempFile::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mnist-burn"));
        command.args(["serve", "--port", "0", "--device", device, "--runs"]).arg(runs).args(more);
        let mut child = command.stdout(Stdio::piped()).stderr(stderr.reopen().unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/')?.parse().ok());
        let said = fs::read_to_string(&stderr).unwrap();
        Self { address: address.unwrap_or_else(|| panic!("no address: {line}{said}")), child, stderr }
    }

    /// What it has said on stderr.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Sends bytes, and then nothing more.
    pub fn send(&self, bytes: &[u8]) -> Reply {
        let mut stream = self.connect();
        // A server that has refused already may not read all.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        reply(stream)
    }

    /// A connection that gives up after 20 s.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send(&request("GET", path, "", b""))
    }

    /// Has a body of some media type read by `run`, or by the run that the server was started with.
    pub fn predict(&self, run: Option<&str>, kind: &str, body: &[u8]) -> Reply {
        let path = run.map_or("/api/predict".into(), |run| format!("/api/predict?run={run}"));
        self.send(&request("POST", &path, &format!("Content-Type: {kind}"), body))
    }

    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// The memory it has in use, in bytes.
    #[cfg(target_os = "linux")]
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let said = self.said();
        assert!(!said.contains("panicked") || std::thread::panicking(), "{said}");
    }
}

/// A request with a body and the lines `fields`, if they are not empty.
pub fn request(method: &str, path: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let fields = if fields.is_empty() { String::new() } else { format!("{}\r\n", fields.trim_end()) };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}{fields}\r\n");
    [head.as_bytes(), body].concat()
}

/// All that comes back until the connection closes.
pub fn reply(mut stream: TcpStream) -> Reply {
    let mut bytes = vec![];
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let body = bytes.split_off(end);
    let head = String::from_utf8(bytes).unwrap();
    let status = head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
    Reply { status, head, body }
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The answer of a request that succeeded.
    pub fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}{}", self.head, self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The reason of one that was refused with `status`.
    pub fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}{}", self.head, self.text());
        let answer: Value = serde_json::from_slice(&self.body).unwrap();
        answer["error"].as_str().unwrap().into()
    }
}
