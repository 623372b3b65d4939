//! Workers and their clients, for the tests of workers.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::{DEVICE, program};

pub const TOKEN: &str = "as many characters as it takes";

/// A command that runs the program with the token.
pub fn client() -> Command {
    let mut command = stranger();
    command.env("MNIST_BURN_TOKEN", TOKEN);
    command
}

/// A command that runs the program without a token, whatever the environment of the tests.
pub fn stranger() -> Command {
    let mut command = program();
    command.env_remove("MNIST_BURN_TOKEN").env_remove("MNIST_BURN_TOKEN_FILE");
    command
}

/// A running worker. It is killed when it is dropped.
pub struct Worker {
    child: Child,
    /// The name of its first device.
    pub name: String,
    /// The line that it prints for a config.
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
        let printed = fs::read_to_string(&stderr).unwrap();
        Self { name: name.unwrap_or_else(|| panic!("no device: {line}{printed}")), line, child, stderr }
    }

    /// Its stderr so far.
    pub fn stderr_text(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Waits until its stderr contains `text`.
    pub fn wait_for(&self, text: &str) {
        let start = Instant::now();
        while !self.stderr_text().contains(text) {
            assert!(start.elapsed() < Duration::from_secs(20), "not printed: {text}\n{}", self.stderr_text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its host and port.
    pub fn host(&self) -> &str {
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

/// A command for a short training on `device`.
pub fn train(device: &str, epochs: usize, run: &Path) -> Command {
    let mut command = client();
    command.args(["train", "--config", "config/smoke.toml", "--set", "data.validation=200", "--device", device]);
    command.arg("--set").arg(format!("training.epochs={epochs}")).arg("--run").arg(run);
    command
}

/// The rows of a run's metrics: one per saved epoch.
pub fn saved_epochs(run: &Path) -> Vec<String> {
    let table = fs::read_to_string(run.join("metrics.csv")).unwrap_or_default();
    table.lines().skip(1).map(String::from).collect()
}

/// Waits until a training has saved this many epochs.
pub fn wait_for_epochs(run: &Path, epochs: usize) {
    let start = Instant::now();
    while saved_epochs(run).len() < epochs {
        assert!(start.elapsed() < Duration::from_secs(120), "no epoch in two minutes");
        thread::sleep(Duration::from_millis(20));
    }
}
