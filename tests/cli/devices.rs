//! `mnist-burn devices` and `--device`.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::trained::smoke;
use super::{DEVICE, failure, program, stdout, success};

#[test]
fn devices_lists_every_backend_of_the_build() {
    let list = stdout(program().arg("devices"));
    let starts = |name: &str| list.lines().any(|line| line.starts_with(name));
    assert_eq!(starts("ndarray"), cfg!(feature = "ndarray"), "{list}");
    assert_eq!(starts("flex"), cfg!(feature = "flex"), "{list}");
    assert_eq!(starts("wgpu"), cfg!(feature = "wgpu"), "{list}");
}

#[test]
fn unknown_device_is_refused_with_the_known_ones() {
    let message = failure(program().args(["--device", "tpu"]));
    assert!(message.contains("device=tpu (override): must be") && message.contains("\"ndarray\""), "{message}");
}

#[test]
#[cfg(not(feature = "metal"))]
fn device_that_is_not_compiled_in_is_refused_with_the_build_that_has_it() {
    let message = failure(program().args(["--device", "metal"]));
    assert!(message.contains("--features metal") && message.contains(DEVICE), "{message}");
}

#[test]
fn config_chooses_a_device_too() {
    let message = failure(program().args(["--set", "device=cuda:x"]));
    assert!(message.contains("device=cuda:x (override): must be"), "{message}");
}

#[test]
fn run_is_evaluated_on_the_device_it_was_trained_on_unless_overridden() {
    let (_, notes) = success(program().arg("evaluate").arg(&smoke().run));
    assert!(notes.contains(&format!("device: {DEVICE} (CPU)")), "{notes}");
    let message = failure(program().arg("evaluate").arg(&smoke().run).args(["--device", "tpu"]));
    assert!(message.contains("`tpu` is unknown"), "{message}");
}

/// A command for a training on two devices: the same CPU twice. Without dropout, because both would share a
/// random generator.
fn train_on_two(epochs: usize, run: &Path) -> Command {
    let mut command = program();
    command.args(["train", "--config", "config/smoke.toml", "--set", "model.dropout=0", "--set"]);
    command
        .arg(format!("training.epochs={epochs}"))
        .args(["--device", &format!("{DEVICE},{DEVICE}"), "--run"])
        .arg(run);
    command
}

#[test]
fn run_on_two_devices_resumes_to_the_same_weights_and_is_evaluated_on_the_first() {
    let runs = tempfile::tempdir().unwrap();
    let (whole, parts) = (runs.path().join("whole"), runs.path().join("parts"));
    let (_, notes) = success(&mut train_on_two(3, &whole));
    assert!(notes.contains("one batch from each of the 2 devices"), "{notes}");
    let record: Value = serde_json::from_slice(&fs::read(whole.join("record.json")).unwrap()).unwrap();
    assert_eq!((&record["device"], &record["beside"]), (&DEVICE.into(), &vec![DEVICE].into()));

    success(&mut train_on_two(1, &parts));
    success(program().arg("resume").arg(&parts).args(["--set", "training.epochs=3"]));
    let weights = |run: &Path| fs::read(run.join("last.safetensors")).unwrap();
    assert!(weights(&parts) == weights(&whole));

    let (_, notes) = success(program().arg("evaluate").arg(&parts));
    assert!(notes.contains(&format!("device: {DEVICE} (CPU)")), "{notes}");
}

#[test]
fn dry_run_has_a_batch_per_device() {
    let devices = format!("{DEVICE},{DEVICE}");
    let report = stdout(program().args(["--config", "config/smoke.toml", "--dry-run", "--device", &devices]));
    assert!(report.contains("dry run: one batch per device went through"), "{report}");
}

#[test]
#[cfg(all(feature = "ndarray", feature = "flex"))]
fn devices_of_two_kinds_train_with_batch_norm_and_moving_average() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("run");
    let sets = ["model.batch_norm=true", "training.ema_decay=0.9", "training.epochs=1"];
    let mut command = program();
    command.args(["train", "--config", "config/smoke.toml", "--device", "flex,ndarray", "--run"]).arg(&run);
    sets.iter().for_each(|set| _ = command.args(["--set", set]));
    let (report, _) = success(&mut command);
    assert!(report.contains("wrong"), "{report}");
}

#[test]
fn run_is_not_resumed_on_another_number_of_devices() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("run");
    success(&mut train_on_two(1, &run));
    let message = failure(program().arg("resume").arg(&run).args(["--device", DEVICE, "--set", "training.epochs=2"]));
    assert!(message.contains(&format!("device = \"{DEVICE}\": an update has a batch of each device")), "{message}");
}
