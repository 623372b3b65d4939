//! What goes wrong while a command works, as its user reads it.

use std::fs;

use image::{GrayImage, Luma};
use mnist_burn::checksum;
use tempfile::TempDir;

use super::evaluate::with_file;
use super::trained::smoke;
use super::{DEVICE, failure, folders, program};

#[test]
fn a_training_that_diverges_says_what_to_change() {
    let runs = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--runs"]).arg(runs.path());
    command.args(["--set", "optimizer.kind=sgd", "--set", "optimizer.learning_rate=1000"]);
    command.args(["--set", "training.batch_size=500", "--set", "data.pixels=standardized"]);
    command.args(["--set", "model.hidden=[64,64,64,64]", "--set", "init.weights=he-normal"]);
    let message = failure(&mut command);
    assert!(message.contains("the training diverged in epoch 1"), "{message}");
    assert!(message.contains("at the learning rate 1000") && message.contains("No model was kept"), "{message}");
    assert_eq!(folders(runs.path()).len(), 1);
}

/// A copy of the run with a model that its record knows, one weight of which is no number.
pub fn of_no_numbers() -> TempDir {
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
fn a_model_of_no_numbers_is_told_from_a_bad_one() {
    let copy = of_no_numbers();
    let message = failure(program().arg("evaluate").arg(copy.path()).args(["--device", DEVICE]));
    assert!(message.contains("the model gives no numbers: its training diverged"), "{message}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_can_not_be_written_is_an_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let message = failure(program().arg("config").stdout(full));
    assert!(message.contains("can't write the result to standard output"), "{message}");
    assert!(message.contains("because: No space left on device"), "{message}");
}

#[test]
fn a_damaged_config_of_a_run_is_an_error_that_names_the_file() {
    let copy = with_file("config.toml", b"[model]\nhidden = 3\n");
    let message = failure(program().arg("evaluate").arg(copy.path()));
    assert!(message.contains("1 problem in") && message.contains("config.toml"), "{message}");
    assert!(message.contains("line 2: model.hidden = 3: must be a list"), "{message}");
}

#[test]
fn a_record_of_an_impossible_image_is_an_error_that_names_the_file() {
    let record = fs::read_to_string(smoke().run.join("record.json")).unwrap();
    let copy = with_file("record.json", record.replace("\"height\": 28", "\"height\": 4398046511104").as_bytes());
    let message = failure(program().arg("evaluate").arg(copy.path()));
    assert!(message.contains("record.json is damaged"), "{message}");
    assert!(message.contains("because: data.height and data.width"), "{message}");
}

#[test]
fn a_network_too_large_for_any_memory_is_refused_by_what_the_file_holds() {
    let config = fs::read_to_string(smoke().run.join("config.toml")).unwrap();
    let wide = format!("hidden = {:?}", [65_536; 64]);
    let copy = with_file("config.toml", config.replace("hidden = [16]", &wide).as_bytes());
    let message = failure(program().arg("evaluate").arg(copy.path()).args(["--device", DEVICE]));
    assert!(message.contains("hidden.0.weight is [16, 784], not [65536, 784]"), "{message}");
}

#[test]
fn a_blank_picture_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blank.png");
    GrayImage::from_pixel(40, 40, Luma([255])).save(&path).unwrap();
    let message = failure(program().arg("predict").arg(&smoke().run).arg(&path).args(["--device", DEVICE]));
    assert!(message.contains("blank.png: the image is blank: no stroke stands out"), "{message}");
}
