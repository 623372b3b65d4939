//! Errors of commands, as the user reads them.

use std::fs;

use image::{GrayImage, Luma};
use mnist_burn::checksum;
use tempfile::TempDir;

use super::evaluate::with_file;
use super::trained::smoke;
use super::{DEVICE, failure, folders, program};

#[test]
fn diverged_training_reports_what_to_change() {
    let runs = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--runs"]).arg(runs.path());
    command.args(["--set", "optimizer.kind=sgd", "--set", "optimizer.learning_rate=1000"]);
    command.args(["--set", "training.batch_size=500", "--set", "data.pixels=standardized"]);
    command.args(["--set", "model.hidden=[64,64,64,64]", "--set", "init.weights=he-normal"]);
    let message = failure(&mut command);
    assert!(message.contains("the training diverged in epoch 1"), "{message}");
    assert!(message.contains("at the learning rate 1000") && message.contains("No model was saved"), "{message}");
    assert_eq!(folders(runs.path()).len(), 1);
}

/// A copy of the run with a weight that is NaN. The record has the model's checksum.
pub fn with_nan_weight() -> TempDir {
    let mut model = fs::read(smoke().run.join("best.safetensors")).unwrap();
    let sum = checksum::of_bytes(&model);
    let end = model.len();
    model[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    let copy = with_file("best.safetensors", &model);
    let record = fs::read_to_string(smoke().run.join("record.json")).unwrap();
    fs::write(copy.path().join("record.json"), record.replace(&sum, &checksum::of_bytes(&model))).unwrap();
    copy
}

#[test]
fn model_with_nan_weights_is_reported_as_diverged() {
    let copy = with_nan_weight();
    let message = failure(program().arg("evaluate").arg(copy.path()).args(["--device", DEVICE]));
    assert!(message.contains("the model's output is NaN or infinite: its training diverged"), "{message}");
}

#[test]
#[cfg(target_os = "linux")]
fn result_that_cannot_be_written_is_an_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let message = failure(program().arg("config").stdout(full));
    assert!(message.contains("can't write the result to standard output"), "{message}");
    assert!(message.contains("because: No space left on device"), "{message}");
}

#[test]
fn damaged_config_of_a_run_is_an_error_that_names_the_file() {
    let copy = with_file("config.toml", b"[model]\nhidden = 3\n");
    let message = failure(program().arg("evaluate").arg(copy.path()));
    assert!(message.contains("1 problem in") && message.contains("config.toml"), "{message}");
    assert!(message.contains("line 2: model.hidden = 3: must be a list"), "{message}");
}

#[test]
fn record_with_an_impossible_image_size_is_an_error_that_names_the_file() {
    let record = fs::read_to_string(smoke().run.join("record.json")).unwrap();
    let copy = with_file("record.json", record.replace("\"height\": 28", "\"height\": 4398046511104").as_bytes());
    let message = failure(program().arg("evaluate").arg(copy.path()));
    assert!(message.contains("record.json is damaged"), "{message}");
    assert!(message.contains("because: data.height and data.width"), "{message}");
}

#[test]
fn network_too_large_for_memory_is_refused_by_the_sizes_in_the_file() {
    let config = fs::read_to_string(smoke().run.join("config.toml")).unwrap();
    let wide = format!("hidden = {:?}", [65_536; 64]);
    let copy = with_file("config.toml", config.replace("hidden = [16]", &wide).as_bytes());
    let message = failure(program().arg("evaluate").arg(copy.path()).args(["--device", DEVICE]));
    assert!(message.contains("hidden.0.weight is [16, 784], not [65536, 784]"), "{message}");
}

#[test]
fn blank_image_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blank.png");
    GrayImage::from_pixel(40, 40, Luma([255])).save(&path).unwrap();
    let message = failure(program().arg("predict").arg(&smoke().run).arg(&path).args(["--device", DEVICE]));
    assert!(message.contains("blank.png: the image is blank: no stroke stands out"), "{message}");
}

/// Whether a terminal would obey anything in a text that is not coloured.
fn has_control_characters(text: &str) -> bool {
    text.chars().any(|char| char.is_control() && char != '\n')
}

#[test]
fn control_characters_from_files_are_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("escape.toml");
    fs::write(&config, "name = \"a\\u001b[2J\"\nseed = \"\\u001b]0;title\\u0007\"\n\"\\u009bkey\" = 1\n").unwrap();
    let message = failure(program().args(["config", "--config"]).arg(&config));
    assert!(!has_control_characters(&message), "{message:?}");
    fs::write(&config, "name = \u{1b}[2J\n").unwrap();
    let message = failure(program().args(["config", "--config"]).arg(&config));
    assert!(!has_control_characters(&message) && message.contains(r"\u{1b}"), "{message:?}");

    // A record and a class name, in every output that shows them.
    let run = folder.path().join("run\u{1b}[31m");
    smoke().copy_to(&run);
    let record = fs::read_to_string(run.join("record.json")).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
    record["data"]["names"][3] = "three\u{1b}[5m".into();
    record["failure"] = "lost\u{1b}[2J\rdevice".into();
    fs::write(run.join("record.json"), record.to_string()).unwrap();
    let image = folder.path().join("3\u{7}.png");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/drawn/digits/3-bows-1.png"), &image).unwrap();
    let run = run.to_str().unwrap();
    for arguments in [
        vec!["runs", "--runs", folder.path().to_str().unwrap()],
        vec!["evaluate", run],
        vec!["predict", run, image.to_str().unwrap(), "missing\u{1b}[2J.png"],
        vec!["resume", run],
    ] {
        let output = program().args(&arguments).output().unwrap();
        for text in [output.stdout, output.stderr] {
            let text = String::from_utf8(text).unwrap();
            assert!(!has_control_characters(&text), "{arguments:?}: {text:?}");
        }
    }
}

#[test]
fn network_that_does_not_fit_into_memory_is_refused_with_the_key() {
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--dry-run"]);
    // The weights alone are 687 GB.
    let message = failure(command.args(["--set", &format!("model.hidden={:?}", [65_536; 41])]));
    assert!(message.contains("model.hidden is too large: the training needs 2749"), "{message}");
}

#[test]
#[cfg(unix)]
fn files_without_an_end_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--set", "init.from=/dev/zero", "--runs"]);
    let message = failure(command.arg(folder.path()));
    assert!(message.contains("/dev/zero: it is not a regular file"), "{message}");
    let message = failure(program().arg("predict").arg(&smoke().run).arg("/dev/zero"));
    assert!(message.contains("error: /dev/zero: it has more than 134217728 bytes"), "{message}");
}
