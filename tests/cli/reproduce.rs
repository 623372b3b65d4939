//! The same experiment and seed give the same bytes.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{DEVICE, folders, program, success};

/// The files of a run that depend only on its experiment and seed: without the record, which has times, and without the
/// seconds in `metrics.csv`.
pub fn results(run: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let read = |name| fs::read(run.join(name)).unwrap_or_else(|error| panic!("{}: {error}", run.join(name).display()));
    let mut files: Vec<_> =
        ["best.safetensors", "last.safetensors", "evaluation.json"].map(|name| (name, read(name))).into();
    let table = String::from_utf8(read("metrics.csv")).unwrap();
    let seconds = table.lines().next().unwrap().split(',').position(|column| column == "seconds").unwrap();
    let without = |row: &str| {
        let cells = row.split(',').enumerate().filter(|(column, _)| *column != seconds);
        cells.map(|(_, cell)| cell).collect::<Vec<_>>().join(",") + "\n"
    };
    files.push(("metrics.csv", table.lines().map(without).collect::<String>().into_bytes()));
    files
}

/// Fails if two runs did not end with the same bytes.
pub fn assert_same_results(one: &Path, other: &Path) {
    for ((name, one), (_, other)) in results(one).into_iter().zip(results(other)) {
        assert!(one == other, "{name} differs");
    }
}

/// Trains the smoke experiment with these `--set`. The folder of runs is removed with the returned value.
fn train(device: &str, sets: &[&str]) -> TempDir {
    let runs = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", device, "--runs"]).arg(runs.path());
    sets.iter().for_each(|set| _ = command.args(["--set", set]));
    success(&mut command);
    runs
}

fn run(runs: &TempDir) -> std::path::PathBuf {
    folders(runs.path())[0].clone()
}

/// Everything with state or randomness: augmentation, noise, the running statistics of batch normalisation, an
/// optimiser with moments.
const EVERYTHING: [&str; 6] = [
    "data.augment={ rotation = 10, elastic_alpha = 30 }",
    "model.hidden=[12,8]",
    "model.noise=0.3",
    "model.batch_norm=true",
    "optimizer.kind=adamw",
    "training.batch_size=512",
];

/// 100 labels among 5,500 images.
pub const FEW_LABELS: [&str; 8] = [
    "data.labels=100",
    "data.fraction=0.1",
    "training.ema_decay=0.9",
    "training.batch_size=20",
    "semi_supervised={ weight = 1, threshold = 0.6, ratio = 20 }",
    "data.augment={ rotation = 10, elastic_alpha = 20 }",
    "model.batch_norm=true",
    "optimizer.learning_rate=0.005",
];

#[test]
fn same_seed_gives_the_same_bytes_with_any_number_of_loader_threads() {
    let devices = if cfg!(feature = "flex") { vec![DEVICE, "flex"] } else { vec![DEVICE] };
    for device in devices {
        let runs = [0, 1, 3].map(|threads| {
            let threads = format!("data.loader_threads={threads}");
            train(device, &[&EVERYTHING[..], &[&threads]].concat())
        });
        assert_same_results(&run(&runs[0]), &run(&runs[1]));
        assert_same_results(&run(&runs[0]), &run(&runs[2]));
    }
}

#[test]
fn same_seed_gives_the_same_bytes_with_unlabelled_images() {
    let train = |threads| train(DEVICE, &[&FEW_LABELS[..], &[threads]].concat());
    let (one, three) = (train("data.loader_threads=0"), train("data.loader_threads=3"));
    assert_same_results(&run(&one), &run(&three));
}

#[test]
fn different_seeds_give_different_models() {
    let (one, other) = (train(DEVICE, &["seed=1"]), train(DEVICE, &["seed=2"]));
    assert_ne!(results(&run(&one))[0], results(&run(&other))[0]);
}
