//! A server for tests, and a client that sends any bytes.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::NamedTempFile;

/// A running server. It is killed when it is dropped.
pub struct Served {
    child: Child,
    /// Its stderr.
    stderr: NamedTempFile,
    pub address: SocketAddr,
}

/// The response to a request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code. 0 without a response.
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

/// The program leaves signals alone that its parent ignores, as the shell of a background job does. Under such a shell, the
/// tests send signals all the same.
#[cfg(unix)]
#[expect(unsafe_code, reason = "the standard library sets no signal's action in a child")]
pub fn hear_signals(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let set = || {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // Safety: sets the default action of a valid signal, which may be done between fork and exec.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // Safety: `set` calls only functions that may be called between fork and exec.
    unsafe { command.pre_exec(set) };
}

#[cfg(not(unix))]
pub fn hear_signals(_: &mut Command) {}

impl Served {
    /// Serves the runs in `runs` on a free port, with `more` arguments.
    pub fn start(runs: &Path, device: &str, more: &[&str]) -> Self {
        let stderr = NamedTempFile::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mnist-burn"));
        hear_signals(&mut command);
        command.args(["serve", "--port", "0", "--device", device, "--runs"]).arg(runs).args(more);
        let mut child = command.stdout(Stdio::piped()).stderr(stderr.reopen().unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/')?.parse().ok());
        let printed = fs::read_to_string(&stderr).unwrap();
        Self { address: address.unwrap_or_else(|| panic!("no address: {line}{printed}")), child, stderr }
    }

    /// Its stderr so far.
    pub fn stderr_text(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Sends bytes, closes the sending side, and reads the response.
    pub fn send(&self, bytes: &[u8]) -> Reply {
        let mut stream = self.connect();
        // A server that has already refused the request may not read everything.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        reply(stream)
    }

    /// A connection with timeouts of 20 s.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send(&request("GET", path, "", b""))
    }

    /// Sends a body of media type `kind` to be classified by `run`, or by the server's default run.
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

    /// Its resident memory, in bytes.
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
        let printed = self.stderr_text();
        assert!(!printed.contains("panicked") || std::thread::panicking(), "{printed}");
    }
}

/// A request with a body and header fields, if they are not empty.
pub fn request(method: &str, path: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let fields = if fields.is_empty() { String::new() } else { format!("{}\r\n", fields.trim_end()) };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}{fields}\r\n");
    [head.as_bytes(), body].concat()
}

/// Reads the response until the connection closes.
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

    /// The JSON body of a successful response.
    pub fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}{}", self.head, self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The error message of a response with `status`.
    pub fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}{}", self.head, self.text());
        let answer: Value = serde_json::from_slice(&self.body).unwrap();
        answer["error"].as_str().unwrap().into()
    }
}
