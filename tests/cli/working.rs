//! A worker of the built program, and the programs that have it compute.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::{DEVICE, program};

pub const TOKEN: &str = "as many characters as it takes";

/// The program, with a token.
pub fn client() -> Command {
    let mut command = stranger();
    command.env("MNIST_BURN_TOKEN", TOKEN);
    command
}

/// The program, without one, whatever there is around the tests.
pub fn stranger() -> Command {
    let mut command = program();
    command.env_remove("MNIST_BURN_TOKEN").env_remove("MNIST_BURN_TOKEN_FILE");
    command
}

/// A running worker, ended when it is dropped.
pub struct Worker {
    child: Child,
    /// The name of its first device.
    pub name: String,
    /// What it prints for a config.
    pub line: String,
    stderr: NamedTempFile,
}

impl Worker {
    pub fn start(arguments: &[&str]) -> Self {
        Self::of(DEVICE, arguments)
    }

    pub fn of(devices: &str, arguments: &[&str]) -> Self {
        let stderr = NamedTempFile::new().unwrap();
        let mut command = client();
        command.args(["worker", "--port", "0", "--device", devices]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(stderr.reopen().unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let name = line.starts_with("device = ").then(|| line.split('"').nth(1)).flatten().map(String::from);
        let said = fs::read_to_string(&stderr).unwrap();
        Self { name: name.unwrap_or_else(|| panic!("no device: {line}{said}")), line, child, stderr }
    }

    /// What it has said on stderr.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Waits until it has said so.
    pub fn says(&self, what: &str) {
        let start = Instant::now();
        while !self.said().contains(what) {
            assert!(start.elapsed() < Duration::from_secs(20), "not said: {what}\n{}", self.said());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its host and port.
    pub fn place(&self) -> &str {
        self.name.rsplit_once(['@', '/']).unwrap().1
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A short training on `device`.
pub fn train(device: &str, epochs: usize, run: &Path) -> Command {
    let mut command = client();
    command.args(["train", "--config", "config/smoke.toml", "--set", "data.validation=200", "--device", device]);
    command.arg("--set").arg(format!("training.epochs={epochs}")).arg("--run").arg(run);
    command
}

/// The rows of the epochs that a run has kept.
pub fn kept(run: &Path) -> Vec<String> {
    let table = fs::read_to_string(run.join("metrics.csv")).unwrap_or_default();
    table.lines().skip(1).map(String::from).collect()
}

/// Waits until a training has kept so many epochs.
pub fn wait_for_epochs(run: &Path, epochs: usize) {
    let start = Instant::now();
    while kept(run).len() < epochs {
        assert!(start.elapsed() < Duration::from_secs(120), "no epoch in two minutes");
        thread::sleep(Duration::from_millis(20));
    }
}
