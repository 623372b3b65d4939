//! `--ui tui`: the dashboard in a terminal, how it is closed, and what is saved.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use super::file_systems::{ENOSPC, Shim};
use super::reproduce::assert_same_results;
use super::resume::{DIVERGING, Workspace, is_writing, undisturbed};
use super::served::hear_signals;
use super::success;

/// The escape sequences that open the terminal's alternate screen, and close it.
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";
/// The escape sequence that shows the cursor. It is the last one of a dashboard.
const CURSOR: &str = "\x1b[?25h";

/// A command that runs in a terminal of its own, which `script` of util-linux creates.
pub struct Terminal {
    script: Child,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

/// The end of a command.
pub struct Ended {
    pub code: Option<i32>,
    /// Everything that was sent to the terminal.
    pub shown: String,
    /// The part that was sent after the dashboard.
    pub after: String,
}

impl Terminal {
    /// Starts the command with the dashboard.
    pub fn start(command: &Command) -> Self {
        let mut words = vec![command.get_program()];
        words.extend(command.get_args());
        let words = shlex::try_join(words.into_iter().map(|word| word.to_str().unwrap())).unwrap();
        // Prints the modes of the terminal before and after, and the process ID for signals.
        let line = format!(
            "stty rows 40 cols 120; echo before $(stty -g); sh -c 'echo process $$; exec \"$@\"' - {words} --ui tui; \
             code=$?; echo; echo after $(stty -g); exit $code"
        );
        let mut script = Command::new("script");
        hear_signals(&mut script);
        script.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env("SHELL", "/bin/sh");
        script.current_dir(command.get_current_dir().unwrap());
        script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut screen = script.stdout.take().unwrap();
        let shown = Arc::new(Mutex::new(vec![]));
        let copy = Arc::clone(&shown);
        let reader = spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                copy.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { script, shown, reader }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits for at most three minutes, because other tests run at the same time.
    fn wait_until(&mut self, event: &str, is_true: impl Fn(&mut Self) -> bool) {
        let begin = Instant::now();
        while !is_true(self) {
            assert!(begin.elapsed() < Duration::from_secs(180), "waiting for {event}: {}", self.shown());
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the dashboard is open and the run has saved this many epochs.
    pub fn wait_for_epochs(&mut self, run: &Path, epochs: usize) {
        let rows = || std::fs::read_to_string(run.join("metrics.csv")).map_or(0, |table| table.lines().count() - 1);
        self.wait_until("an epoch", |terminal| terminal.shown().contains(ENTER) && rows() >= epochs);
    }

    fn press(&mut self, keys: &str) {
        self.script.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    fn signal(&self, name: &str) {
        let shown = self.shown();
        let process = shown.lines().find_map(|line| line.strip_prefix("process ")).unwrap().trim();
        assert!(Command::new("kill").args([name, process]).status().unwrap().success());
    }

    /// Waits for the end, which must restore the terminal.
    pub fn end(mut self) -> Ended {
        self.wait_until("the end", |terminal| terminal.script.try_wait().unwrap().is_some());
        let status = self.script.wait().unwrap();
        let shown = Arc::clone(&self.shown);
        self.reader.join().unwrap();
        let shown = String::from_utf8(shown.lock().unwrap().clone()).unwrap();
        assert_eq!(status.signal(), None, "{shown}");
        assert!(!shown.contains("panicked"), "{shown}");
        let modes = |prefix| {
            let line = shown.lines().find_map(|line: &str| line.strip_prefix(prefix));
            line.unwrap_or_else(|| panic!("no line {prefix:?}: {shown:?}")).trim()
        };
        assert_eq!(modes("before "), modes("after "), "the terminal's modes");
        for (on, off) in [(ENTER, LEAVE), ("\x1b[?25l", CURSOR), ("\x1b[?1000h", "\x1b[?1000l")] {
            // A training can end before its dashboard has drawn anything.
            assert!(shown.rfind(on) <= shown.rfind(off), "{on:?} is undone: {shown:?}");
        }
        let after = shown.rsplit(CURSOR).next().unwrap().to_string();
        Ended { code: status.code(), shown, after }
    }
}

/// Stops a training of ten epochs with these keys in the third epoch, and resumes it.
fn stop_and_resume(keys: &str) {
    let workspace = Workspace::new();
    let mut command = workspace.train(&[]);
    let mut terminal = Terminal::start(command.env("MNIST_BURN_TEST_WRITE_PAUSE", "40"));
    terminal.wait_for_epochs(&workspace.run(), 2);
    terminal.press(keys);
    let Ended { code, after, .. } = terminal.end();
    assert_eq!(code, Some(130), "{after}");
    for part in ["stopping after this step", "epoch  2/10  loss ", "interrupted in epoch", "which is not saved"] {
        assert!(after.contains(part), "{part}: {after}");
    }
    assert!(after.contains(&format!("mnist-burn resume {}", workspace.run().display())), "{after}");
    success(&mut workspace.resume(&[]));
    assert_same_results(undisturbed(), &workspace.run());
}

#[test]
fn dashboard_stop_does_what_ctrl_c_does() {
    stop_and_resume("qs");
}

#[test]
fn dashboard_kill_keeps_the_complete_epochs_too() {
    stop_and_resume("qk");
}

#[test]
fn dashboard_closes_by_itself_and_the_results_follow() {
    let workspace = Workspace::new();
    success(&mut workspace.train(&["training.epochs=2"]));
    let terminal = Terminal::start(&workspace.resume(&["training.epochs=10"]));
    let Ended { code, shown, after } = terminal.end();
    assert_eq!(code, Some(0), "{after}");
    for part in ["Loss", "Accuracy", "Train", "Valid"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let lines: Vec<&str> = after.lines().filter(|line| line.starts_with("epoch ")).collect();
    assert_eq!(lines.len(), 8, "the epochs during the dashboard: {after}");
    assert!(lines[0].starts_with("epoch  3/10  loss ") && lines[0].contains("  validation loss "), "{after}");
    assert!(after.contains("test accuracy"), "{after}");
    assert_same_results(undisturbed(), &workspace.run());
}

#[test]
fn dashboard_closes_at_a_signal_and_a_second_one_quits_at_once() {
    let workspace = Workspace::new();
    let mut command = workspace.train(&[]);
    // Writes take so long that the first signal can't end the program in time.
    let mut terminal = Terminal::start(command.env("MNIST_BURN_TEST_WRITE_PAUSE", "3000"));
    terminal.wait_until("a write", |terminal| terminal.shown().contains(ENTER) && is_writing(&workspace.run()));
    terminal.signal("-TERM");
    terminal.wait_until("the stop", |terminal| terminal.shown().contains("stopping after this step"));
    let begin = Instant::now();
    terminal.signal("-TERM");
    let Ended { code, after, .. } = terminal.end();
    assert_eq!(code, Some(130), "{after}");
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}: {after}", begin.elapsed());
}

#[test]
fn training_error_is_printed_after_the_dashboard() {
    let workspace = Workspace::new();
    success(&mut workspace.train(&["training.epochs=2"]));
    let (shim, mut resume) = (Shim::new(), workspace.resume(&["training.epochs=10"]));
    let Ended { code, after, .. } = Terminal::start(shim.preload(&mut resume).env("FILE_SYNC_ERROR", ENOSPC)).end();
    assert_eq!(code, Some(1), "{after}");
    assert!(after.contains("the disk is full: can't write"), "{after}");
}

#[test]
fn divergence_is_printed_after_the_dashboard() {
    let workspace = Workspace::new();
    let Ended { code, after, .. } = Terminal::start(&workspace.train(&DIVERGING)).end();
    assert_eq!(code, Some(5), "{after}");
    assert!(after.contains("the training diverged in epoch 1"), "{after}");
}
