//! The accuracy of trained networks on the drawn digits; see README.md in this folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A CPU backend of this build.
const DEVICE: &str = if cfg!(feature = "ndarray") { "ndarray" } else { "flex" };

/// The drawings, in the order of their names.
fn drawings() -> Vec<PathBuf> {
    pictures("digits")
}

/// The pictures in one of the folders, in the order of their names.
fn pictures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drawn").join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

/// Trains the experiment in `config` and returns its accuracy on the drawings. Prints those that are classified
/// wrongly.
fn accuracy(config: &str) -> f64 {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("run");
    let program = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mnist-burn"));
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).args(["--device", DEVICE]);
        command
    };
    let trained = program(&["train", "--config", config, "--no-test", "--run"]).arg(&run).output().unwrap();
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    let drawings = drawings();
    let read = program(&["predict", "--json"]).arg(&run).args(&drawings).output().unwrap();
    let answers: Vec<Value> = serde_json::from_slice(&read.stdout).unwrap();
    let mut right = 0;
    for (path, answer) in drawings.iter().zip(&answers) {
        let (truth, digit) = (&name(path)[..1], answer["digit"].to_string());
        right += usize::from(digit == truth);
        if digit != truth {
            let probability = answer["probabilities"][digit.parse::<usize>().unwrap()].as_f64().unwrap();
            println!("{config}: {} is classified as {digit}, with {:.0} %", name(path), 100.0 * probability);
        }
    }
    println!("{config}: {right} of {} drawn digits are classified correctly", drawings.len());
    right as f64 / drawings.len() as f64
}

#[test]
fn digits_are_drawn_in_four_shapes_of_four_drawings() {
    let mut shapes = BTreeMap::new();
    for path in drawings() {
        let (shape, _) = name(&path).rsplit_once('-').unwrap();
        *shapes.entry(shape.to_string()).or_insert(0) += 1;
    }
    assert!(shapes.values().all(|&count| count == 4), "{shapes:?}");
    for digit in 0..10 {
        assert_eq!(shapes.keys().filter(|shape| shape.starts_with(&format!("{digit}-"))).count(), 4, "{digit}");
    }
}

/// The built-in network's answers for the pictures.
fn answers_without_a_run(pictures: &[PathBuf]) -> Vec<Value> {
    let empty = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mnist-burn"));
    command.current_dir(empty.path()).args(["predict", "--json", "--device", DEVICE]).args(pictures);
    let answers: Vec<Value> = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    assert_eq!(answers.len(), pictures.len());
    answers
}

/// The fraction of the pictures that the built-in network classifies correctly.
fn read_without_a_run(folder: &str) -> f64 {
    let pictures = pictures(folder);
    let answers = answers_without_a_run(&pictures);
    let right = pictures
        .iter()
        .zip(&answers)
        .filter(|(path, answer)| answer["digit"] == name(path)[..1].parse::<u64>().unwrap());
    right.count() as f64 / pictures.len() as f64
}

#[test]
fn drawn_and_photographed_digits_are_classified_by_the_network_in_the_box() {
    let (drawn, photographed) = (read_without_a_run("digits"), read_without_a_run("photographs"));
    println!("{drawn} of the drawn digits, {photographed} of the photographed ones");
    assert!(drawn >= 0.97 && photographed >= 0.97, "{drawn} {photographed}");
}

#[test]
fn pictures_of_no_digit_have_a_warning_nine_times_in_ten() {
    let pictures = pictures("others");
    assert_eq!(pictures.len(), 188);
    let answers = answers_without_a_run(&pictures);
    let is_trusted = |answer: &Value| answer["error"].is_null() && answer["warnings"] == Value::Array(vec![]);
    let trusted: Vec<&str> =
        pictures.iter().zip(&answers).filter(|(_, answer)| is_trusted(answer)).map(|(path, _)| name(path)).collect();
    println!("{} without a warning: {trusted:?}", trusted.len());
    assert!(10 * trusted.len() <= pictures.len(), "{trusted:?}");
}

#[test]
fn photographs_are_fifteen_of_each_shape_in_less_than_ten_megabytes() {
    let pictures = pictures("photographs");
    let bytes: u64 = pictures.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(pictures.len(), 600);
    assert!(bytes < 10_000_000, "{bytes}");
}

#[test]
#[ignore = "trains the deep network: some twenty minutes"]
fn drawn_digits_are_classified_by_the_deep_network() {
    accuracy("config/baseline.toml");
    let accuracy = accuracy("config/deep.toml");
    assert!(accuracy >= 0.95, "{accuracy}");
}
