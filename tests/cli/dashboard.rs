//! `--ui tui`: the dashboard in a terminal, how it is left, and what is kept.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use super::reproduce::assert_same_results;
use super::resume::{DIVERGING, Place, is_writing, undisturbed};
use super::success;

/// What has the terminal show the dashboard, and its own contents again.
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";
/// What has it show the cursor, the last thing that a dashboard does.
const CURSOR: &str = "\x1b[?25h";

/// A command at work in a terminal of its own, which util-linux' `script` makes.
pub struct Terminal {
    script: Child,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

/// How a command ended.
pub struct Ended {
    pub code: Option<i32>,
    /// All that the terminal was sent.
    pub shown: String,
    /// What it was sent after the dashboard.
    pub after: String,
}

impl Terminal {
    /// Starts the command, with the dashboard.
    pub fn start(command: &Command) -> Self {
        let mut words = vec![command.get_program()];
        words.extend(command.get_args());
        let words = shlex::try_join(words.into_iter().map(|word| word.to_str().unwrap())).unwrap();
        // The modes of the terminal before and after, and the process to send signals to.
        let line = format!(
            "stty rows 40 cols 120; echo before $(stty -g); sh -c 'echo process $$; exec \"$@\"' - {words} --ui tui; \
             code=$?; echo; echo after $(stty -g); exit $code"
        );
        let mut script = Command::new("script");
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

    /// Waits, three minutes at most: other tests compute beside it.
    fn wait_until(&mut self, what: &str, is_true: impl Fn(&mut Self) -> bool) {
        let begin = Instant::now();
        while !is_true(self) {
            assert!(begin.elapsed() < Duration::from_secs(180), "{what} has not come: {}", self.shown());
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the dashboard is there and so many epochs are kept in the run.
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

    /// Waits for the end, which must leave the terminal as it was.
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
            // A training can be over before its dashboard has drawn anything.
            assert!(shown.rfind(on) <= shown.rfind(off), "{on:?} is undone: {shown:?}");
        }
        let after = shown.rsplit(CURSOR).next().unwrap().to_string();
        Ended { code: status.code(), shown, after }
    }
}

/// Has a training of ten epochs stopped by these keys in the third, and resumes it.
fn stop_and_resume(keys: &str) {
    let place = Place::new();
    let mut command = place.train(&[]);
    let mut terminal = Terminal::start(command.env("MNIST_BURN_TEST_WRITE_PAUSE", "40"));
    terminal.wait_for_epochs(&place.run(), 2);
    terminal.press(keys);
    let Ended { code, after, .. } = terminal.end();
    assert_eq!(code, Some(130), "{after}");
    for part in ["stopping after this step", "epoch  2/10  loss ", "interrupted in epoch", "will be done again"] {
        assert!(after.contains(part), "{part}: {after}");
    }
    assert!(after.contains(&format!("mnist-burn resume {}", place.run().display())), "{after}");
    success(&mut place.resume(&[]));
    assert_same_results(undisturbed(), &place.run());
}

#[test]
fn the_menus_stop_does_what_ctrl_c_does() {
    stop_and_resume("qs");
}

#[test]
fn the_menus_kill_keeps_the_whole_epochs_too() {
    stop_and_resume("qk");
}

#[test]
fn a_dashboard_closes_by_itself_and_the_results_follow() {
    let place = Place::new();
    success(&mut place.train(&["training.epochs=2"]));
    let terminal = Terminal::start(&place.resume(&["training.epochs=10"]));
    let Ended { code, shown, after } = terminal.end();
    assert_eq!(code, Some(0), "{after}");
    for part in ["Loss", "Accuracy", "Train", "Valid"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let lines: Vec<&str> = after.lines().filter(|line| line.starts_with("epoch ")).collect();
    assert_eq!(lines.len(), 8, "those that passed meanwhile: {after}");
    assert!(lines[0].starts_with("epoch  3/10  loss ") && lines[0].contains("  validation loss "), "{after}");
    assert!(after.contains("test accuracy"), "{after}");
    assert_same_results(undisturbed(), &place.run());
}

#[test]
fn signals_close_a_dashboard_and_a_second_one_leaves_at_once() {
    let place = Place::new();
    let mut command = place.train(&[]);
    // A write that takes so long that the first signal could not end the program.
    let mut terminal = Terminal::start(command.env("MNIST_BURN_TEST_WRITE_PAUSE", "3000"));
    terminal.wait_until("a write", |terminal| terminal.shown().contains(ENTER) && is_writing(&place.run()));
    terminal.signal("-TERM");
    terminal.wait_until("the stop", |terminal| terminal.shown().contains("stopping after this step"));
    let begin = Instant::now();
    terminal.signal("-TERM");
    let Ended { code, after, .. } = terminal.end();
    assert_eq!(code, Some(130), "{after}");
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}: {after}", begin.elapsed());
}

#[test]
fn an_error_of_the_training_is_told_after_the_dashboard() {
    let place = Place::new();
    success(&mut place.train(&["training.epochs=2"]));
    // What is written to /dev/full finds no room.
    std::os::unix::fs::symlink("/dev/full", place.run().join(".last.tmp")).unwrap();
    let Ended { code, after, .. } = Terminal::start(&place.resume(&["training.epochs=10"])).end();
    assert_eq!(code, Some(1), "{after}");
    assert!(after.contains("the disk is full: there is no room for"), "{after}");
}

#[test]
fn a_divergence_is_told_after_the_dashboard() {
    let place = Place::new();
    let Ended { code, after, .. } = Terminal::start(&place.train(&DIVERGING)).end();
    assert_eq!(code, Some(1), "{after}");
    assert!(after.contains("the training diverged in epoch 1"), "{after}");
}
