//! `[distillation]`: a network learns from the answers of another run.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::trained::smoke;
use super::{DEVICE, failure, program, success};

/// A short training with the teacher `teacher`, in the folder `run`.
fn train(run: &Path, teacher: &Path) -> std::process::Command {
    let mut command = program();
    command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--no-test", "--run"]);
    command.arg(run).arg("--set").arg(format!("distillation.teacher={}", teacher.display()));
    command
}

fn record(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("record.json")).unwrap()).unwrap()
}

#[test]
fn network_learns_from_its_teacher_without_any_label_and_records_who_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("student");
    let (_, notes) = success(train(&run, &smoke().run).args(["--set", "distillation.weight=1"]));
    assert!(!notes.contains("held out other images"), "{notes}");
    let metrics = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let accuracy: f64 = metrics.lines().last().unwrap().split(',').nth(4).unwrap().parse().unwrap();
    assert!(accuracy > 0.8, "{metrics}");
    let (student, teacher) = (record(&run), record(&smoke().run));
    assert_eq!(student["teacher"]["sha256"], teacher["models"]["best.safetensors"][0]);
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(config.contains("temperature = 3.0") && config.contains("weight = 1.0"), "{config}");
}

#[test]
fn teachers_answers_count_as_operations_of_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let operations = |name: &str, extra: &[&str]| {
        let run = folder.path().join(name);
        success(train(&run, &smoke().run).args(extra));
        record(&run)["training"]["floating_point_operations"].as_u64().unwrap()
    };
    let one = operations("one", &["--epochs", "1"]);
    let alone = folder.path().join("alone");
    let mut command = program();
    command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--no-test", "--epochs", "1", "--run"]);
    success(command.arg(&alone));
    let record = record(&alone);
    let weights: u64 = 2 * (784 * 16 + 16 * 10);
    let images = record["data"]["training_images"].as_u64().unwrap();
    assert_eq!(one - record["training"]["floating_point_operations"].as_u64().unwrap(), weights * images);
}

#[test]
fn teacher_that_held_out_other_images_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let (_, notes) = success(train(&folder.path().join("student"), &smoke().run).args(["--seed", "9"]));
    assert!(notes.contains("held out other images, so the validation error may be too low"), "{notes}");
}

#[test]
fn teacher_of_other_classes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("student");
    let message = failure(train(&run, &smoke().run).args(["--set", "data.classes=[1, 2]"]));
    assert!(message.contains("was trained for images of another size, or for other classes"), "{message}");
    assert!(!run.exists());
}

#[test]
fn teacher_that_is_no_run_is_refused_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let message =
        failure(program().args(["train", "--set", "distillation.teacher=nobody", "--runs"]).arg(folder.path()));
    assert!(message.contains("distillation.teacher does not name a usable run"), "{message}");
}

#[test]
fn run_is_not_resumed_with_another_teacher() {
    let folder = tempfile::tempdir().unwrap();
    let (teacher, run) = (folder.path().join("teacher"), folder.path().join("student"));
    smoke().copy_to(&teacher);
    success(train(&run, &teacher).args(["--epochs", "1"]));
    fs::remove_dir_all(&teacher).unwrap();
    let mut other = program();
    other.args([
        "train",
        "--config",
        "config/smoke.toml",
        "--device",
        DEVICE,
        "--no-test",
        "--epochs",
        "1",
        "--seed",
        "5",
        "--run",
    ]);
    success(other.arg(&teacher));
    let message = failure(program().args(["resume", "--epochs", "2"]).arg(&run));
    assert!(message.contains("teacher is not the one that it was started with"), "{message}");
}
