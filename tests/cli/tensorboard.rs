//! `training.tensorboard`: the event files, and the values that TensorBoard reads from them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{DEVICE, folders, program, stdout};

/// The name of the event files.
const FILE: &str = "events.out.tfevents.mnist-burn";

/// A short run of two epochs with this many validation images. It is removed with the returned folder.
fn trained(validation: usize) -> (TempDir, PathBuf) {
    let runs = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--runs"]).arg(runs.path());
    command.args(["--set", "training.tensorboard=true", "--set", &format!("data.validation={validation}")]);
    command.args(["--set", "training.batch_size=4096", "--set", "model.hidden=[2]"]);
    stdout(&mut command);
    let run = folders(runs.path()).remove(0);
    (runs, run)
}

#[test]
fn tensorboard_has_a_folder_with_one_file_per_curve() {
    let (_runs, run) = trained(5_000);
    for split in ["train", "validation"] {
        let files = folders(&run.join("tensorboard").join(split));
        assert_eq!(files, [run.join("tensorboard").join(split).join(FILE)]);
    }
}

#[test]
fn tensorboard_has_no_validation_curve_without_validation_images() {
    let (_runs, run) = trained(0);
    assert_eq!(folders(&run.join("tensorboard")), [run.join("tensorboard/train")]);
}

#[test]
#[ignore = "needs Python with tensorboard: python3 -m venv venv && . venv/bin/activate && pip install tensorboard"]
fn tensorboard_reads_the_values_of_the_metrics_file() {
    let (_runs, run) = trained(5_000);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tensorboard/read.py");
    let curves: Value = serde_json::from_str(&stdout(Command::new("python3").arg(script).arg(&run))).unwrap();
    let table = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let rows: Vec<Vec<f64>> =
        table.lines().skip(1).map(|row| row.split(',').map(|n| n.parse().unwrap_or(f64::NAN)).collect()).collect();
    assert_eq!(rows.len(), 2);
    let config: toml::Table = fs::read_to_string(run.join("config.toml")).unwrap().parse().unwrap();
    let learning_rate = config["optimizer"]["learning_rate"].as_float().unwrap();
    // The columns of metrics.csv.
    for (split, tag, column) in [
        ("train", "epoch_loss", 1),
        ("train", "epoch_accuracy", 2),
        ("validation", "epoch_loss", 3),
        ("validation", "epoch_accuracy", 4),
    ] {
        let points = curves[split][tag].as_array().unwrap_or_else(|| panic!("no {tag} of {split}: {curves}"));
        assert_eq!(points.len(), rows.len());
        for (point, row) in points.iter().zip(&rows) {
            assert_eq!(point[1].as_f64().unwrap() + 1.0, row[0], "the step is the epoch, from 0");
            assert!((point[2].as_f64().unwrap() - row[column]).abs() < 1e-6, "{split} {tag}: {point} {row:?}");
        }
        let rate = curves["train"]["epoch_learning_rate"][0][2].as_f64().unwrap();
        assert!((rate - learning_rate).abs() < 1e-8, "{rate}");
        let seconds = points[1][0].as_f64().unwrap() - points[0][0].as_f64().unwrap();
        assert!((seconds - rows[1][7]).abs() < 1e-3, "the time between events is the epoch's: {points:?} {rows:?}");
    }
}
