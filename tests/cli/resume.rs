//! `mnist-burn resume`: a resumed training ends with the same bytes as an undisturbed one.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

#[cfg(target_os = "linux")]
use super::file_systems::{ENOSPC, Shim};
use super::reproduce::{FEW_LABELS, assert_same_results, results};
use super::{DEVICE, failure, program, success};

/// Ten epochs with everything that has state or randomness. They take a few seconds.
const EXPERIMENT: &str = "
name = 'resumed'
[data]
validation = 5000
[data.augment]
translation = 1.0
elastic_alpha = 20.0
[model]
hidden = [12, 8]
batch_norm = true
[training]
epochs = 10
batch_size = 512
gradient_accumulation = 2
label_smoothing = 0.05
ema_decay = 0.9
[optimizer]
kind = 'adamw'
learning_rate = 0.005
clip_norm = 1.0
[schedule]
kind = 'exponential'
factor = 0.9
[early_stopping]
patience = 5
";

/// A folder for a run of the experiment, with its config file.
pub struct Workspace {
    folder: TempDir,
}

impl Workspace {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("experiment.toml"), EXPERIMENT).unwrap();
        Self { folder }
    }

    pub fn run(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    pub fn train(&self, sets: &[&str]) -> Command {
        let mut command = program();
        command.arg("train").arg("--config").arg(self.folder.path().join("experiment.toml"));
        command.args(["--device", DEVICE]).arg("--run").arg(self.run());
        sets.iter().for_each(|set| _ = command.args(["--set", set]));
        command
    }

    pub fn resume(&self, sets: &[&str]) -> Command {
        let mut command = program();
        command.arg("resume").arg(self.run());
        sets.iter().for_each(|set| _ = command.args(["--set", set]));
        command
    }

    /// Starts the training, and waits until epoch `epoch` is complete.
    fn started(&self, epoch: usize) -> (Child, BufReader<std::process::ChildStderr>) {
        let mut child = self.train(&[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains(&format!("epoch {epoch:>2}/10")) {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the training ended before epoch {epoch}");
        }
        (child, lines)
    }
}

/// A run of the experiment without interruption.
pub fn undisturbed() -> &'static Path {
    static RUN: OnceLock<Workspace> = OnceLock::new();
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let workspace = RUN.get_or_init(Workspace::new);
        success(&mut workspace.train(&[]));
        workspace.run()
    })
}

#[cfg(unix)]
pub fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

fn rest(mut lines: impl BufRead) -> String {
    let mut text = String::new();
    lines.read_to_string(&mut text).unwrap();
    text
}

/// Kills a training `kills` times at random moments from `seed`, every other time in the middle of writing a file.
/// Resumes it each time, and compares the results with those of the undisturbed run.
fn kill_and_resume(kills: usize, seed: u64) {
    println!("the moments come from seed {seed}");
    let mut moments = ChaCha8Rng::seed_from_u64(seed);
    let workspace = Workspace::new();
    let mut while_writing = 0;
    for kill in 0..kills {
        let mut command =
            if workspace.run().join("config.toml").exists() { workspace.resume(&[]) } else { workspace.train(&[]) };
        let pauses = kill % 2 == 1;
        if pauses {
            command.env("MNIST_BURN_TEST_WRITE_PAUSE", "40");
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut waited = 0;
        let moment = moments.random_range(50..900);
        loop {
            sleep(Duration::from_millis(5));
            waited += 5;
            let unfinished = is_writing(&workspace.run());
            if child.try_wait().unwrap().is_some() || (waited >= moment && (unfinished || !pauses)) {
                while_writing += usize::from(unfinished);
                break;
            }
        }
        let _ = child.kill();
        child.wait().unwrap();
        if workspace.run().join("best.safetensors").exists() {
            let mut command = program();
            success(command.arg("evaluate").arg(workspace.run()));
        }
    }
    println!("{while_writing} of {kills} kills happened while a file was written");
    assert!(while_writing >= kills * 2 / 5, "{while_writing} of {kills}");
    success(&mut workspace.resume(&[]));
    assert_same_results(undisturbed(), &workspace.run());
}

/// Whether a file in the folder is partly written.
pub fn is_writing(run: &Path) -> bool {
    let names = fs::read_dir(run).into_iter().flatten().flatten();
    names.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().ends_with(".tmp"))
}

#[test]
fn training_killed_four_times_ends_with_the_same_bytes() {
    kill_and_resume(4, 1);
}

#[test]
#[ignore = "25 kills, each resumed: about a minute"]
fn training_killed_25_times_ends_with_the_same_bytes() {
    kill_and_resume(25, 2);
}

#[test]
#[cfg(unix)]
fn ctrl_c_and_sigterm_keep_the_complete_epochs_and_say_how_to_resume() {
    for name in ["-INT", "-TERM"] {
        let workspace = Workspace::new();
        let (mut child, lines) = workspace.started(2);
        signal(&child, name);
        let message = rest(lines);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{message}");
        assert!(message.contains("interrupted in epoch") && message.contains("which is not saved"), "{message}");
        assert!(message.contains(&format!("mnist-burn resume {}", workspace.run().display())), "{message}");
        success(&mut workspace.resume(&[]));
        assert_same_results(undisturbed(), &workspace.run());
    }
}

#[test]
#[cfg(unix)]
fn second_ctrl_c_quits_at_once() {
    let workspace = Workspace::new();
    // Writes take so long that the first Ctrl-C can't end the program in time.
    let mut command = workspace.train(&[]);
    command.env("MNIST_BURN_TEST_WRITE_PAUSE", "3000").stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("epoch  1/10")));
    signal(&child, "-INT");
    assert!(lines.any(|line| line.unwrap().contains("stopping after this step")));
    signal(&child, "-INT");
    let begin = std::time::Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[test]
fn finished_run_can_be_extended_to_the_bytes_of_the_longer_run() {
    let workspace = Workspace::new();
    success(&mut workspace.train(&["training.epochs=3"]));
    let (_, message) = success(&mut workspace.resume(&[]));
    assert!(message.contains("is finished after 3 epochs"), "{message}");
    success(&mut workspace.resume(&["training.epochs=10"]));
    assert_same_results(undisturbed(), &workspace.run());
}

#[test]
fn resume_without_the_test_leaves_the_test_images_alone() {
    let workspace = Workspace::new();
    success(workspace.train(&["training.epochs=1"]).arg("--no-test"));
    let (printed, _) = success(workspace.resume(&["training.epochs=2"]).arg("--no-test"));
    assert!(printed.is_empty() && !workspace.run().join("evaluation.json").exists(), "{printed}");
}

#[test]
fn training_with_unlabelled_images_resumes_to_the_same_bytes() {
    let (undisturbed, workspace) = (Workspace::new(), Workspace::new());
    success(&mut undisturbed.train(&[&FEW_LABELS[..], &["training.epochs=4"]].concat()));
    success(&mut workspace.train(&[&FEW_LABELS[..], &["training.epochs=2"]].concat()));
    success(&mut workspace.resume(&["training.epochs=4"]));
    assert_same_results(&undisturbed.run(), &workspace.run());
    let message = failure(&mut workspace.resume(&["data.labels=200", "semi_supervised.weight=0"]));
    assert!(message.contains("2 problems") && message.contains("data.labels = 200: can't change"), "{message}");
}

#[test]
fn resume_refuses_changes_that_would_make_the_result_meaningless() {
    let workspace = Workspace::new();
    success(&mut workspace.train(&["training.epochs=2"]));
    let before = results(&workspace.run());
    let message = failure(&mut workspace.resume(&["optimizer.kind=sgd", "training.epochs=1", "data.validation=100"]));
    for part in ["optimizer.kind", "2 epochs are done already", "data.validation = 100: can't change within a run"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    // The same with `train --run`.
    assert!(failure(&mut workspace.train(&["seed=7"])).contains("seed = 7: can't change within a run"));
    assert_eq!(results(&workspace.run()), before);
}

#[test]
fn train_in_the_folder_of_an_interrupted_run_resumes_it() {
    let workspace = Workspace::new();
    let (mut child, _lines) = workspace.started(3);
    child.kill().unwrap();
    child.wait().unwrap();
    let (_, message) = success(&mut workspace.train(&[]));
    assert!(!message.contains("epoch  1/10") && message.contains("epoch 10/10"), "{message}");
    assert_same_results(undisturbed(), &workspace.run());
}

#[test]
fn second_process_in_the_same_folder_is_refused() {
    let workspace = Workspace::new();
    let (mut child, _lines) = workspace.started(1);
    let message = failure(&mut workspace.resume(&[]));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(message.contains("is in use: another process is training or evaluating it"), "{message}");
}

#[test]
#[cfg(target_os = "linux")]
fn full_disk_is_reported_as_such_and_loses_nothing() {
    let workspace = Workspace::new();
    success(&mut workspace.train(&["training.epochs=2"]));
    let before = results(&workspace.run());
    let shim = Shim::new();
    let message = failure(shim.preload(&mut workspace.resume(&["training.epochs=10"])).env("FILE_SYNC_ERROR", ENOSPC));
    assert!(message.contains("the disk is full: can't write") && message.contains("resume"), "{message}");
    assert_eq!(results(&workspace.run()), before);
    success(&mut workspace.resume(&[]));
    assert_same_results(undisturbed(), &workspace.run());
}

/// Overrides that make a training diverge in its first epoch.
pub const DIVERGING: [&str; 7] = [
    "optimizer.kind=sgd",
    "optimizer.learning_rate=1000",
    "optimizer.clip_norm=1e30",
    "model.batch_norm=false",
    "model.hidden=[64,64,64,64]",
    "init.weights=he-normal",
    "data.pixels=standardized",
];

#[test]
fn diverged_training_cannot_be_resumed() {
    let workspace = Workspace::new();
    assert!(failure(&mut workspace.train(&DIVERGING)).contains("the training diverged in epoch 1"));
    let message = failure(&mut workspace.resume(&[]));
    assert!(message.contains("can't be resumed: the training diverged in epoch 1"), "{message}");
}

#[test]
fn damaged_checkpoint_is_named() {
    let workspace = Workspace::new();
    success(&mut workspace.train(&["training.epochs=1"]));
    let path = workspace.run().join("checkpoint.mpk");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let message = failure(&mut workspace.resume(&["training.epochs=2"]));
    assert!(message.contains("checkpoint.mpk is damaged"), "{message}");
}

#[test]
fn folder_that_is_not_a_run_cannot_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program();
    let message = failure(command.arg("resume").arg(folder.path()));
    assert!(message.contains("config.toml"), "{message}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it writes nothing there");
}

#[test]
fn finished_run_is_told_only_what_resume_accepts() {
    for (kind, advice) in [("one-cycle", "its one-cycle schedule can't be extended"), ("constant", "--epochs 2`")] {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let mut command = program();
        command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--run"]).arg(&run);
        command.args(["--set", "training.epochs=1", "--set", "data.fraction=0.02"]);
        success(command.args(["--set", &format!("schedule.kind={kind}")]));
        let (_, message) = success(program().arg("resume").arg(&run));
        assert!(message.contains("is finished after 1 epochs") && message.contains(advice), "{message}");
        let longer = program().arg("resume").arg(&run).args(["--epochs", "2"]).output().unwrap();
        assert_eq!(longer.status.success(), kind == "constant", "{longer:?}");
    }
}
