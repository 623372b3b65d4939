//! `[privacy]` and `mnist-burn privacy`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{DEVICE, failure, program, stdout, success};

/// Six epochs of four steps. Two digits of ten, so that they take a few seconds.
const EXPERIMENT: &str = "
name = 'private'
data.classes = [0, 1]
model = { hidden = [8], activation = 'tanh', dropout = 0.0 }
training = { epochs = 6, batch_size = 4000, ema_decay = 0.5 }
optimizer = { kind = 'sgd', momentum = 0.9, learning_rate = 1.0 }
privacy = { epsilon = 2.0, delta = 1e-5 }
";

struct Workspace(TempDir);

impl Workspace {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("private.toml"), EXPERIMENT).unwrap();
        Self(folder)
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("private.toml")
    }

    fn run(&self) -> PathBuf {
        self.0.path().join("run")
    }

    fn train(&self, sets: &[&str]) -> Command {
        let mut command = program();
        command.args(["train", "--no-test", "--device", DEVICE, "--config"]).arg(self.config());
        command.arg("--run").arg(self.run());
        sets.iter().for_each(|set| _ = command.args(["--set", set]));
        command
    }
}

fn record(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("record.json")).unwrap()).unwrap()
}

fn costs(workspace: &Workspace, sets: &[&str]) -> Value {
    let mut command = program();
    command.args(["privacy", "--json"]).arg(workspace.config());
    sets.iter().for_each(|set| _ = command.args(["--set", set]));
    serde_json::from_str(&stdout(&mut command)).unwrap()
}

#[test]
fn privacy_prints_the_costs_of_each_epoch_without_training() {
    let workspace = Workspace::new();
    let costs = costs(&workspace, &[]);
    assert_eq!([&costs["images"], &costs["total"]["steps"]], [&json!(12_665), &json!(24)]);
    let epochs = costs["epochs"].as_array().unwrap();
    assert_eq!(epochs.iter().map(|it| it["steps"].as_u64().unwrap()).collect::<Vec<_>>(), [4, 8, 12, 16, 20, 24]);
    let epsilon: Vec<f64> = epochs.iter().map(|it| it["epsilon"].as_f64().unwrap()).collect();
    assert!(epsilon.is_sorted() && (1.9999..=2.0).contains(&epsilon[5]), "{epsilon:?}");
    let text = stdout(program().arg("privacy").arg(workspace.config()));
    assert!(
        text.contains("sampling rate     0.315831 of 12665 images") && text.contains("\n6         24    2.000"),
        "{text}"
    );
    assert!(!workspace.run().exists());
    let message = failure(program().args(["privacy", "config/smoke.toml"]));
    assert!(message.contains("the training is not private: add privacy.epsilon"), "{message}");
}

#[test]
fn private_run_has_its_costs_and_forgets_its_key() {
    let workspace = Workspace::new();
    let (_, message) = success(&mut workspace.train(&[]));
    assert!(message.contains("it can't be reproduced") && message.contains("epsilon 2.000 at delta"), "{message}");
    assert!(!workspace.run().join("privacy.key").exists());
    let record = record(&workspace.run());
    let mut expected = costs(&workspace, &[])["epochs"][5].clone();
    assert_eq!(record["privacy"], expected);
    expected["steps"] = json!(23);
    assert_ne!(record["privacy"], expected);
    // What the images look like is not measured.
    assert_eq!(record["data"]["look"], Value::Null);
    let again = Workspace::new();
    success(&mut again.train(&[]));
    let model = |workspace: &Workspace| fs::read(workspace.run().join("last.safetensors")).unwrap();
    assert!(model(&workspace) != model(&again));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|it| it.file_type().unwrap().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A run that is killed after its first epoch.
fn interrupted() -> Workspace {
    let workspace = Workspace::new();
    let mut child =
        workspace.train(&["training.epochs=40"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !workspace.run().join("checkpoint.mpk").exists() {
        assert!(child.try_wait().unwrap().is_none(), "the training has ended");
        sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(workspace.run().join("privacy.key").exists());
    workspace
}

#[test]
fn private_steps_done_again_have_the_same_images_and_noise() {
    let (workspace, other) = (interrupted(), Workspace::new());
    copy(&workspace.run(), &other.run());
    for workspace in [&workspace, &other] {
        success(program().arg("resume").arg(workspace.run()));
    }
    let model = |workspace: &Workspace| fs::read(workspace.run().join("last.safetensors")).unwrap();
    assert!(model(&workspace) == model(&other));
}

#[test]
fn private_run_without_its_key_is_not_resumed() {
    let workspace = interrupted();
    let key = workspace.run().join("privacy.key");
    fs::write(&key, "[1, 2]").unwrap();
    let message = failure(program().arg("resume").arg(workspace.run()));
    assert!(message.contains("privacy.key is damaged"), "{message}");
    fs::remove_file(&key).unwrap();
    let message = failure(program().arg("resume").arg(workspace.run()));
    assert!(message.contains("privacy.key is missing, and with another key its private training"), "{message}");
}

#[test]
fn private_run_does_not_start_from_a_run_on_its_own_images() {
    let workspace = Workspace::new();
    success(&mut workspace.train(&["training.epochs=1"]));
    let folder = tempfile::tempdir().unwrap();
    for from in [workspace.run(), workspace.run().join("best.safetensors")] {
        let mut command = program();
        command.args(["train", "--device", DEVICE, "--config"]).arg(workspace.config());
        command.arg("--run").arg(folder.path().join("run")).args(["--set", &format!("init.from={}", from.display())]);
        let message = failure(&mut command);
        assert!(
            message.contains("was trained on the same images, at a cost that [privacy] does not count"),
            "{message}"
        );
        assert!(!folder.path().join("run").exists());
    }
}

/// Kills a private run `kills` times at random moments between its first and its last epoch. No model on the disk may have cost more than the record says.
fn kill_private(kills: usize) {
    const LONG: &[&str] = &["training.epochs=40"];
    let mut moments = ChaCha8Rng::seed_from_u64(3);
    let mut workspace = Workspace::new();
    let expected = costs(&workspace, LONG)["epochs"].clone();
    let (mut charged, mut between) = (0, 0);
    while between < kills {
        let mut command = workspace.train(LONG);
        command.env("MNIST_BURN_TEST_WRITE_PAUSE", "20").stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        sleep(Duration::from_millis(moments.random_range(300..4000)));
        let _ = child.kill();
        child.wait().unwrap();
        // A model that is written before the metrics of its epoch counts, too.
        let run = workspace.run();
        let Ok(table) = fs::read_to_string(run.join("metrics.csv")) else { continue };
        let spent = 4 * (table.lines().count() as u64 - 1);
        let record = record(&run);
        let steps = record["privacy"]["steps"].as_u64().unwrap();
        assert!(steps >= (spent + 4).min(160) && steps >= charged, "{steps} are charged of {spent}, before {charged}");
        assert_eq!(record["privacy"], expected[steps as usize / 4 - 1]);
        (charged, between) = (steps, between + usize::from(spent < 160));
        if record["training"] != Value::Null {
            (workspace, charged) = (Workspace::new(), 0);
        }
    }
    success(&mut workspace.train(LONG));
    assert_eq!(record(&workspace.run())["privacy"], expected[39]);
}

#[test]
#[ignore = "20 kills, each resumed: about a minute"]
fn private_training_killed_20_times_never_records_less_than_it_has_spent() {
    kill_private(20);
}
