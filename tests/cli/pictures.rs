//! `data.dataset = "image-folder"`: the user's images, from a folder to predictions with class names.

use std::fs;
use std::path::{Path, PathBuf};

use image::{GrayImage, imageops};
use mnist_burn::data::idx;
use serde_json::Value;

use super::trained::smoke;
use super::{DEVICE, failure, program, stdout, success};

/// Writes twenty images each of three signs, like photographs: large, dark on light.
fn signs(folder: &Path) -> PathBuf {
    let mnist = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist");
    let (_, pixels) = idx::images(&mnist.join("t10k-images-idx3-ubyte.gz")).unwrap();
    let labels = idx::labels(&mnist.join("t10k-labels-idx1-ubyte.gz")).unwrap();
    let signs = folder.join("signs");
    for (digit, name) in [(0, "circle"), (1, "line"), (7, "hook")] {
        fs::create_dir_all(signs.join(name)).unwrap();
        let indices = labels.iter().enumerate().filter(|(_, label)| **label == digit).map(|(index, _)| index);
        for index in indices.take(20) {
            let image = GrayImage::from_raw(28, 28, pixels[index * 784..][..784].to_vec()).unwrap();
            let mut image = imageops::resize(&image, 112, 112, imageops::FilterType::CatmullRom);
            imageops::invert(&mut image);
            image.save(signs.join(name).join(format!("{index:05}.png"))).unwrap();
        }
    }
    signs
}

fn train(signs: &Path, run: &Path) -> std::process::Command {
    let mut command = program();
    command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--run"]).arg(run);
    for set in [
        "data.dataset=image-folder".to_string(),
        format!("data.dir={}", signs.display()),
        "data.validation=9".into(),
        format!("init.from={}", smoke().run.display()),
        "training.batch_size=8".into(),
        "training.epochs=10".into(),
    ] {
        command.args(["--set", &set]);
    }
    command
}

#[test]
fn image_folder_is_trained_on_tested_and_classified_by_the_names_of_its_folders() {
    let folder = tempfile::tempdir().unwrap();
    let (signs, run) = (signs(folder.path()), folder.path().join("run"));
    let (report, message) = success(&mut train(&signs, &run));
    assert!(message.contains("39 training and 9 validation images"), "{message}");
    assert!(
        message.contains("randomly initialised: output, as the weights are for the classes 0, 1, 2, "),
        "{message}"
    );
    assert!(report.contains("of 12") && report.contains("circle  ") && report.contains("  hook"), "{report}");
    let accuracy = report.split("test accuracy").nth(1).unwrap().trim().split(' ').next().unwrap();
    assert!(accuracy.parse::<f64>().unwrap() > 80.0, "{report}");
    assert!(fs::read_to_string(run.join("report.html")).unwrap().contains(">circle<"));

    let record: Value = serde_json::from_slice(&fs::read(run.join("record.json")).unwrap()).unwrap();
    assert_eq!(record["data"]["names"], serde_json::json!(["circle", "hook", "line"]));
    let picture = fs::read_dir(signs.join("line")).unwrap().next().unwrap().unwrap().path();
    let json = stdout(program().arg("predict").arg(&run).arg(&picture).args(["--json", "--device", DEVICE]));
    let answer: Value = serde_json::from_str(&json).unwrap();
    assert!(answer[0]["class"].is_string() && answer[0].get("digit").is_none(), "{json}");
    let line = stdout(program().arg("predict").arg(&run).arg(&picture).args(["--device", DEVICE]));
    assert!(line.contains("(circle: ") && line.contains("  line: "), "{line}");
}

#[test]
fn image_folder_reports_a_bad_file_and_is_not_resumed_after_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let (signs, run) = (signs(folder.path()), folder.path().join("run"));
    fs::write(signs.join("hook/bad.png"), "no picture").unwrap();
    let (_, message) = success(&mut train(&signs, &run));
    assert_eq!(message.matches("bad.png: not a readable PNG or JPEG image").count(), 1, "{message}");
    let more = fs::read_dir(signs.join("line")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(more).unwrap();
    let message = failure(program().arg("resume").arg(&run).args(["--set", "training.epochs=11"]));
    assert!(message.contains("the data files differ from those that it was started with"), "{message}");
}
