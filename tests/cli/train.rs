//! `mnist-burn`, `mnist-burn train`: the output and the files of a training.

use std::fs;
#[cfg(target_os = "linux")]
use std::{process::Stdio, thread::sleep, time::Duration};

use serde_json::Value;

use super::reproduce::FEW_LABELS;
use super::trained::smoke;
use super::{DEVICE, failure, folders, program, stdout, success};

fn json(name: &str) -> Value {
    serde_json::from_slice(&fs::read(smoke().run.join(name)).unwrap()).unwrap()
}

#[test]
fn run_folder_has_all_its_files() {
    let mut names: Vec<String> =
        fs::read_dir(&smoke().run).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let expected = [
        ".lock",
        "best.safetensors",
        "checkpoint.mpk",
        "config.toml",
        "evaluation.json",
        "last.safetensors",
        "metrics.csv",
        "record.json",
        "report.html",
    ];
    assert_eq!(names, expected);
}

#[test]
fn train_prints_the_metrics_of_the_evaluation() {
    let (report, evaluation) = (&smoke().stdout, json("evaluation.json"));
    assert!(report.contains(&format!("wrong           {} of 10000", evaluation["wrong"])), "{report}");
    let accuracy = 100.0 * evaluation["accuracy"].as_f64().unwrap();
    assert!(report.contains(&format!("test accuracy   {accuracy:.2} %")), "{report}");
    for part in ["precision", "recall", "f1", "confusion matrix", "training time", "saved in"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert!(report.contains(smoke().run.to_str().unwrap()), "{report}");
}

#[test]
fn trained_network_has_learned() {
    let accuracy = json("evaluation.json")["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.9, "{accuracy}");
}

#[test]
fn progress_is_one_line_per_epoch_on_stderr() {
    let lines: Vec<&str> = smoke().stderr.lines().filter(|line| line.starts_with("epoch ")).collect();
    assert_eq!(lines.len(), 2, "{}", smoke().stderr);
    for (line, epoch) in lines.iter().zip(["epoch 1/2", "epoch 2/2"]) {
        assert!(line.starts_with(epoch) && line.contains("validation loss") && line.contains("images/s"), "{line}");
    }
    assert!(smoke().stderr.lines().count() <= 6, "{}", smoke().stderr);
}

#[test]
fn metrics_have_a_row_per_epoch() {
    let table = fs::read_to_string(smoke().run.join("metrics.csv")).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    let columns = "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,raw_validation_loss,\
        raw_validation_accuracy,seconds";
    assert_eq!(lines[0], columns);
    let rows = rows(&table);
    assert!(rows.iter().all(|row| row[5].is_nan() && row[6].is_nan()), "no moving average, no raw metrics: {table}");
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), [1.0, 2.0]);
    assert!(rows[1][1] < rows[0][1], "the loss falls: {rows:?}");
    assert!(rows.iter().all(|row| row[4] > 0.8 && row[4] < 1.0), "accuracies are fractions: {rows:?}");
}

/// The numbers of a table. Missing ones are NaN.
fn rows(table: &str) -> Vec<Vec<f64>> {
    let numbers = |row: &str| row.split(',').map(|n| n.parse().unwrap_or(f64::NAN)).collect();
    table.lines().skip(1).map(numbers).collect()
}

#[test]
fn training_options_work_together_and_the_record_counts_the_images_used() {
    let runs = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--runs"]).arg(runs.path());
    for setting in [
        "data.fraction=0.1",
        "training.ema_decay=0.99",
        "training.label_smoothing=0.1",
        "training.batch_size=64",
        "training.gradient_accumulation=2",
        "optimizer.clip_norm=1.0",
        "schedule.kind=one-cycle",
        "model.batch_norm=true",
    ] {
        command.args(["--set", setting]);
    }
    success(&mut command);
    let run = &folders(runs.path())[0];
    let record: Value = serde_json::from_slice(&fs::read(run.join("record.json")).unwrap()).unwrap();
    assert_eq!(record["data"]["training_images"], 5_500);
    assert_eq!(record["data"]["validation_images"], 5_000);
    let operations = 2 * (5_500 * 2 * (2 * 784 * 16 + 3 * 16 * 10) + 2 * 5_000 * 2 * (784 * 16 + 16 * 10_u64));
    assert_eq!(
        record["training"]["floating_point_operations"], operations,
        "the average and the weights are validated"
    );
    let rows = rows(&fs::read_to_string(run.join("metrics.csv")).unwrap());
    assert!(rows[1][4] > 0.8, "the average has learned: {rows:?}");
    assert!(rows.iter().all(|row| row[6] > 0.5 && row[5] != row[3]), "raw metrics differ: {rows:?}");
    let evaluation: Value = serde_json::from_slice(&fs::read(run.join("evaluation.json")).unwrap()).unwrap();
    assert_eq!(evaluation["images"], 10_000);
    assert!(evaluation["accuracy"].as_f64().unwrap() > 0.8, "{evaluation}");
}

/// Trains the smoke experiment with 100 labels. Returns the record, stderr and the last validation accuracy.
fn few_labels(sets: &[&str]) -> (Value, String, f64) {
    let runs = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--runs"]).arg(runs.path());
    FEW_LABELS.iter().chain(sets).for_each(|set| _ = command.args(["--set", set]));
    let (_, message) = success(&mut command);
    let run = &folders(runs.path())[0];
    let record = serde_json::from_slice(&fs::read(run.join("record.json")).unwrap()).unwrap();
    let last = rows(&fs::read_to_string(run.join("metrics.csv")).unwrap()).pop().unwrap();
    (record, message, last[4])
}

#[test]
fn unlabelled_images_make_a_better_network_than_labelled_ones_alone() {
    let sets = ["data.fraction=1", "model.hidden=[64]"];
    let (record, message, accuracy) = few_labels(&sets);
    assert!(message.contains("smoke: 100 training, 54900 unlabelled and 5000 validation images"), "{message}");
    assert_eq!(record["data"]["training_images"], 100);
    assert_eq!(record["data"]["unlabelled_images"], 54_900);
    // 138 batches of 20 labelled and 400 unlabelled images. The teacher's forward passes over the unlabelled ones
    // count, and the moving average is validated too.
    let forward = 2 * (784 * 64 + 64 * 10_u64);
    let operations = 2 * ((138 * 20 + 54_900) * 2 * (2 * 784 * 64 + 3 * 64 * 10) + (54_900 + 2 * 5_000) * forward);
    assert_eq!(record["training"]["floating_point_operations"], operations);
    let (_, message, alone) = few_labels(&[&sets[..], &["semi_supervised.weight=0"]].concat());
    assert!(accuracy > alone, "{accuracy} {alone}: {message}");
}

#[test]
fn dry_run_with_unlabelled_images_has_one_batch_of_both() {
    for weight in ["semi_supervised.weight=1", "semi_supervised.weight=0"] {
        let mut command = program();
        command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--dry-run"]);
        FEW_LABELS.iter().chain([&weight]).for_each(|set| _ = command.args(["--set", set]));
        assert!(stdout(&mut command).contains("dry run: one batch went through"));
    }
}

#[test]
fn record_has_the_program_the_device_and_the_data() {
    let record = json("record.json");
    assert_eq!(record["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(record["device"], DEVICE);
    assert_eq!(record["seed"], 1);
    assert_eq!(record["parameters"], 784 * 16 + 16 + 16 * 10 + 10);
    assert_eq!(record["data"]["training_images"], 55_000);
    assert_eq!(record["data"]["validation_images"], 5_000);
    assert_eq!(
        record["data"]["sha256"]["train-labels-idx1-ubyte.gz"],
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    );
    let operations = 2 * (55_000 * 2 * (2 * 784 * 16 + 3 * 16 * 10) + 5_000 * 2 * (784 * 16 + 16 * 10_u64));
    assert_eq!(record["training"]["floating_point_operations"], operations);
    assert!(record["training"]["wall_seconds"].as_f64().unwrap() > 0.0);
    assert!(record["training"]["cpu_seconds"].as_f64().unwrap() > 0.0);
    assert!(!cfg!(target_os = "linux") || record["training"]["peak_memory_bytes"].as_u64().unwrap() > 1 << 24);
    let energy = record["training"].get("energy_joules").unwrap();
    assert!(energy.is_null() || energy.as_f64().unwrap() > 0.0);
    assert!(smoke().stderr.contains(&format!("device: {DEVICE} (CPU)")), "{}", smoke().stderr);
}

#[test]
fn existing_run_folder_is_never_overwritten() {
    let runs = tempfile::tempdir().unwrap();
    let train = || {
        let mut command = program();
        command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--runs"]).arg(runs.path());
        command.args(["--set", "training.epochs=1", "--set", "training.batch_size=4096", "--set", "model.hidden=[2]"]);
        command
    };
    let handles: Vec<_> = (0..2)
        .map(|_| {
            let mut command = train();
            std::thread::spawn(move || stdout(&mut command))
        })
        .collect();
    handles.into_iter().for_each(|handle| assert!(handle.join().unwrap().contains("test accuracy")));
    assert_eq!(folders(runs.path()).len(), 2);
}

#[test]
fn early_stopping_ends_at_the_target_error() {
    let runs = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--runs"]).arg(runs.path());
    command.args(["--set", "training.epochs=4", "--set", "early_stopping.target_error=0.5"]);
    let (_, message) = success(&mut command);
    assert!(message.contains("stopped after epoch 1: validation error"), "{message}");
    let table = fs::read_to_string(folders(runs.path())[0].join("metrics.csv")).unwrap();
    assert_eq!(table.lines().count(), 2, "{table}");
}

#[test]
fn best_model_is_the_last_without_validation() {
    let runs = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--runs"]).arg(runs.path());
    command.args([
        "--set",
        "data.validation=0",
        "--set",
        "training.batch_size=2048",
        "--set",
        "data.pixels=standardized",
    ]);
    assert!(stdout(&mut command).contains("epoch 2 of 2"));
    let run = &folders(runs.path())[0];
    let (best, last) =
        (fs::read(run.join("best.safetensors")).unwrap(), fs::read(run.join("last.safetensors")).unwrap());
    assert!(best == last);
    let table = fs::read_to_string(run.join("metrics.csv")).unwrap();
    assert!(table.lines().nth(2).unwrap().contains(",,,"), "no validation metrics: {table}");
}

#[test]
fn folder_that_cannot_be_created_is_an_error_that_names_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut command = program();
    let message =
        failure(command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--runs"]).arg(file.path()));
    assert!(message.contains(file.path().to_str().unwrap()) && message.contains("because:"), "{message}");
}

#[test]
fn bare_command_is_the_reference_recipe() {
    let (bare, baseline) =
        (stdout(program().arg("config")), stdout(program().args(["config", "-c", "config/baseline.toml"])));
    assert_eq!(bare, baseline);
}

#[test]
#[ignore = "trains the reference recipe five times: about a minute"]
fn baseline_reaches_keras_accuracy_over_five_seeds() {
    let runs = tempfile::tempdir().unwrap();
    let accuracies: Vec<f64> = (1..=5)
        .map(|seed| {
            let mut command = program();
            command.args([
                "--device",
                DEVICE,
                "--set",
                &format!("seed={seed}"),
                "--set",
                &format!("name=s{seed}"),
                "--runs",
            ]);
            stdout(command.arg(runs.path()));
            let run = folders(runs.path()).into_iter().find(|run| run.to_str().unwrap().contains(&format!("s{seed}-")));
            let bytes = fs::read(run.unwrap().join("evaluation.json")).unwrap();
            serde_json::from_slice::<Value>(&bytes).unwrap()["accuracy"].as_f64().unwrap()
        })
        .collect();
    assert!(accuracies.iter().all(|&accuracy| accuracy >= 0.972), "{accuracies:?}");
    assert!(accuracies.iter().sum::<f64>() / 5.0 >= 0.975, "{accuracies:?}");
}

#[test]
fn dry_run_takes_one_batch_end_to_end_and_saves_nothing() {
    let runs = tempfile::tempdir().unwrap();
    let mut command = program();
    command
        .args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--dry-run", "--runs"])
        .arg(runs.path());
    let (report, message) = success(&mut command);
    assert!(report.contains("dry run: one batch went through") && report.contains("12730 parameters"), "{report}");
    assert!(message.contains("epoch 1/1"), "{message}");
    assert_eq!(folders(runs.path()), [] as [std::path::PathBuf; 0]);
}

#[test]
fn run_without_test_does_not_use_the_test_images() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("sweep/here");
    let mut command = program();
    command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--no-test", "--run"]).arg(&run);
    command.args(["--set", "training.epochs=1"]);
    let (report, message) = success(&mut command);
    assert!(report.is_empty() && message.contains("epoch 1 of 1"), "{report}{message}");
    assert!(run.join("best.safetensors").exists() && !run.join("evaluation.json").exists());
    assert!(!run.join("report.html").exists(), "a report is about the test images");
}

#[test]
#[cfg(target_os = "linux")]
fn training_needs_no_more_memory_the_longer_it_lasts() {
    // The most memory that a training has used when it was last looked at, in KiB.
    let peak = |epochs: usize| {
        let runs = tempfile::tempdir().unwrap();
        let mut command = program();
        command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--no-test", "--run"]);
        command.arg(runs.path().join("run"));
        for set in ["training.batch_size=1", "data.fraction=0.02", "training.tensorboard=false"] {
            command.args(["--set", set]);
        }
        command.args(["--set", &format!("training.epochs={epochs}")]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut most = 0;
        while child.try_wait().unwrap().is_none() {
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let found =
                status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
            most = found.unwrap_or(most);
            sleep(Duration::from_millis(5));
        }
        most
    };
    let [short, long]: [usize; 2] = [2, 20].map(peak);
    assert!(short > 10_000 && long < short + 16_000, "{short} KiB for 2 epochs, {long} KiB for 20");
}
