//! Signals: heard at once, answered in words, and left alone if the parent process ignores them.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::resume::{Workspace, is_writing, signal};
use super::{DEVICE, program, success};

/// Starts a command, and waits until a line of its stderr contains `text`.
fn start(command: &mut Command, text: &str) -> (Child, impl BufRead + use<>) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the program ended before it printed {text}");
    }
    (child, lines)
}

/// The rest of what a program prints, and its exit code.
fn end(mut child: Child, mut lines: impl Read) -> (String, Option<i32>) {
    let mut text = String::new();
    lines.read_to_string(&mut text).unwrap();
    (text, child.wait().unwrap().code())
}

#[test]
fn signal_that_the_parent_ignores_stays_ignored() {
    for (ignored, name) in [("HUP", "-HUP"), ("INT", "-INT")] {
        let workspace = Workspace::new();
        let training = workspace.train(&["training.epochs=3"]);
        let mut shell = Command::new("sh");
        shell.current_dir(env!("CARGO_MANIFEST_DIR"));
        shell.args(["-c", &format!("trap '' {ignored}; exec \"$@\""), "sh"]);
        shell.arg(training.get_program()).args(training.get_args());
        let (child, lines) = start(&mut shell, "epoch 1/3");
        signal(&child, name);
        let (text, code) = end(child, lines);
        assert_eq!(code, Some(0), "{text}");
        assert!(!text.contains("stopping"), "{text}");
    }
}

#[test]
fn ctrl_c_in_a_dry_run_ends_it_at_once_in_words() {
    let mut command = program();
    command.args(["train", "--device", DEVICE, "--dry-run", "--set", "model.hidden=[4000,4000]"]);
    let (child, lines) = start(&mut command, "device:");
    // The network is being made, or trained.
    sleep(Duration::from_millis(700));
    signal(&child, "-INT");
    let begin = Instant::now();
    let (text, code) = end(child, lines);
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("interrupted: the dry run is not complete; nothing was saved"), "{text}");
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

/// A training of one epoch that pauses before it completes each file.
fn paused(workspace: &Workspace) -> Command {
    let mut command = workspace.train(&["training.epochs=1", "training.tensorboard=false"]);
    command.env("MNIST_BURN_TEST_WRITE_PAUSE", "1000");
    command
}

/// Waits until the program has come to a point that its files show.
fn wait_until(reached: impl Fn() -> bool, what: &str) {
    let begin = Instant::now();
    while !reached() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn ctrl_c_in_the_last_step_is_heard_and_says_what_is_missing() {
    let workspace = Workspace::new();
    let (child, lines) = start(&mut paused(&workspace), "epoch 1/1");
    // The epoch counts, and its checkpoint is still to be written.
    wait_until(|| workspace.run().join("best.safetensors").exists(), "no model is saved");
    signal(&child, "-INT");
    let (text, code) = end(child, lines);
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("interrupted after the last epoch: the evaluation on the test set is missing"), "{text}");
    assert!(!workspace.run().join("evaluation.json").exists());
    success(&mut workspace.resume(&[]));
    assert!(workspace.run().join("evaluation.json").exists());
}

#[test]
fn ctrl_c_in_the_final_evaluation_says_what_is_missing() {
    let workspace = Workspace::new();
    let (child, lines) = start(&mut paused(&workspace), "epoch 1/1");
    let record = workspace.run().join("record.json");
    let is_trained = || fs::read_to_string(&record).is_ok_and(|text| text.contains("\"wall_seconds\""));
    wait_until(is_trained, "the record never has the training time");
    // What is written after the record is the evaluation.
    wait_until(|| is_writing(&workspace.run()), "no evaluation is written");
    signal(&child, "-INT");
    let (text, code) = end(child, lines);
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("interrupted in the evaluation on the test set; run `mnist-burn resume"), "{text}");
    success(&mut workspace.resume(&[]));
    assert!(workspace.run().join("evaluation.json").exists());
}

#[test]
fn ctrl_c_stops_the_jobs_of_a_sweep_after_their_steps_and_the_sweep_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let (file, runs) = (folder.path().join("two.toml"), folder.path().join("runs"));
    fs::write(&file, "base = 'config/smoke.toml'\nseeds = [1, 2]\n[grid]\n'training.epochs' = [20]").unwrap();
    let sweep = || {
        let mut command = program();
        command.arg("sweep").arg(&file).args(["--jobs", "2", "--device", DEVICE, "--runs"]).arg(&runs);
        command
    };
    let (child, lines) = start(&mut sweep(), "2 jobs");
    let checkpoint = |seed: u64| runs.join(format!("two/base-seed{seed}/checkpoint.mpk"));
    wait_until(|| checkpoint(1).exists() && checkpoint(2).exists(), "not both runs are training");
    signal(&child, "-INT");
    let (text, code) = end(child, lines);
    assert_eq!(code, Some(130), "{text}");
    for told in ["error: base-seed1 was interrupted", "error: base-seed2 was interrupted"] {
        assert_eq!(text.matches(told).count(), 1, "{text}");
    }
    assert!(!text.contains("mnist-burn resume"), "{text}");
    // No job is left that holds a run.
    let saved = fs::read(checkpoint(1)).unwrap();
    let (_, notes) = success(&mut sweep());
    assert!(fs::read(checkpoint(1)).unwrap() != saved && notes.matches("finished").count() == 2, "{notes}");
}
