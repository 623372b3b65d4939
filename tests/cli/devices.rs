//! `mnist-burn devices` and `--device`.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::trained::smoke;
use super::{DEVICE, failure, program, stdout, success};

#[test]
fn the_list_has_every_backend_of_the_build() {
    let list = stdout(program().arg("devices"));
    let starts = |name: &str| list.lines().any(|line| line.starts_with(name));
    assert_eq!(starts("ndarray"), cfg!(feature = "ndarray"), "{list}");
    assert_eq!(starts("flex"), cfg!(feature = "flex"), "{list}");
    assert_eq!(starts("wgpu"), cfg!(feature = "wgpu"), "{list}");
}

#[test]
fn an_unknown_device_is_answered_with_the_known_ones() {
    let message = failure(program().args(["--device", "gpu"]));
    assert!(message.contains("--set device=gpu: must be") && message.contains("\"ndarray\""), "{message}");
}

#[test]
#[cfg(not(feature = "metal"))]
fn a_device_that_is_not_compiled_in_names_the_build_that_has_it() {
    let message = failure(program().args(["--device", "metal"]));
    assert!(message.contains("--features metal") && message.contains(DEVICE), "{message}");
}

#[test]
fn the_config_chooses_a_device_too() {
    let message = failure(program().args(["--set", "device=cuda:x"]));
    assert!(message.contains("device=cuda:x: must be"), "{message}");
}

#[test]
fn a_run_is_used_where_it_was_trained_unless_said_otherwise() {
    let (_, notes) = success(program().arg("evaluate").arg(&smoke().run));
    assert!(notes.contains(&format!("device: {DEVICE} (CPU)")), "{notes}");
    let message = failure(program().arg("evaluate").arg(&smoke().run).args(["--device", "gpu"]));
    assert!(message.contains("`gpu` is unknown"), "{message}");
}

/// A training on two devices, the same CPU twice. Nothing is dropped: what is, both would draw from one generator.
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
fn a_run_on_two_devices_goes_on_to_the_same_weights_and_is_used_on_the_first() {
    let runs = tempfile::tempdir().unwrap();
    let (whole, parts) = (runs.path().join("whole"), runs.path().join("parts"));
    let (_, notes) = success(&mut train_on_two(3, &whole));
    assert!(notes.contains("a batch of each of the 2 devices"), "{notes}");
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
fn a_dry_run_has_a_batch_of_each_device() {
    let devices = format!("{DEVICE},{DEVICE}");
    let report = stdout(program().args(["--config", "config/smoke.toml", "--dry-run", "--device", &devices]));
    assert!(report.contains("dry run: one batch a device went through"), "{report}");
}

#[test]
#[cfg(all(feature = "ndarray", feature = "flex"))]
fn two_kinds_of_devices_normalise_and_average_together() {
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
fn a_run_does_not_go_on_with_another_number_of_devices() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("run");
    success(&mut train_on_two(1, &run));
    let message = failure(program().arg("resume").arg(&run).args(["--device", DEVICE, "--set", "training.epochs=2"]));
    assert!(message.contains(&format!("device = \"{DEVICE}\": an update has a batch of each device")), "{message}");
}
