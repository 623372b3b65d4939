//! `mnist-burn sweep`: variants of an experiment, trained, chosen among, and tested.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use super::{DEVICE, failure, folders, program, stdout, success};

/// Trainings of a second: the second trial learns, the first one hardly does.
const TINY: &str = "base = 'config/smoke.toml'\nseeds = [1, 2]\n[grid]\n'optimizer.learning_rate' = [1e-7, 0.05]\n\
    'training.epochs' = [1]\n'training.batch_size' = [4096]\n'model.hidden' = [[2]]";

const RUNS: [&str; 4] = [
    "learning_rate=0.0000001-seed1",
    "learning_rate=0.0000001-seed2",
    "learning_rate=0.05-seed1",
    "learning_rate=0.05-seed2",
];

/// A folder with `tiny.toml`, and `runs` for what comes of it.
struct Place(TempDir);

impl Place {
    fn new(text: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.file(), text).unwrap();
        place
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("tiny.toml")
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("runs/tiny")
    }

    fn sweep(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.arg("sweep").arg(self.file()).args(["--device", DEVICE, "--runs"]).arg(self.0.path().join("runs"));
        command.args(arguments);
        command
    }

    fn results(&self) -> Value {
        serde_json::from_slice(&fs::read(self.folder().join("sweep.json")).unwrap()).unwrap()
    }
}

/// The tiny sweep, carried out, with what it printed on stdout and stderr.
fn swept() -> &'static (Place, String, String) {
    static SWEPT: OnceLock<(Place, String, String)> = OnceLock::new();
    SWEPT.get_or_init(|| {
        let place = Place::new(TINY);
        let (stdout, stderr) = success(&mut place.sweep(&[]));
        (place, stdout, stderr)
    })
}

/// A copy of a folder and the folders in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in folders(from) {
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &to) } else { _ = fs::copy(&path, &to).unwrap() }
    }
}

/// Another place with what the tiny sweep left.
fn copied() -> Place {
    let place = Place::new(TINY);
    copy(&swept().0.folder(), &place.folder());
    place
}

#[test]
fn each_trial_is_run_with_each_seed_in_a_folder_of_its_own() {
    let names: Vec<String> = folders(&swept().0.folder())
        .iter()
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_string())
        .collect();
    assert_eq!(names, RUNS);
    let config = fs::read_to_string(swept().0.folder().join(RUNS[3]).join("config.toml")).unwrap();
    assert!(config.contains("seed = 2") && config.contains("learning_rate = 0.05"), "{config}");
}

#[test]
fn the_trial_with_the_least_validation_error_is_chosen_and_it_alone_looked_at_the_test_set() {
    let (place, stdout, _) = swept();
    let results = place.results();
    assert_eq!(results["chosen"], "learning_rate=0.05");
    let mean = |trial: usize| results["trials"][trial]["validation_error"]["mean"].as_f64().unwrap();
    assert!(mean(1) < mean(0), "{results:#}");
    let tested: Vec<bool> = RUNS.iter().map(|run| place.folder().join(run).join("evaluation.json").exists()).collect();
    assert_eq!(tested, [false, false, true, true]);
    let shown = RUNS.map(|run| place.folder().join(run).join("report.html").exists());
    assert_eq!(shown.as_slice(), tested);

    let errors: Vec<f64> = RUNS[2..]
        .iter()
        .map(|run| fs::read(place.folder().join(run).join("evaluation.json")).unwrap())
        .map(|bytes| serde_json::from_slice::<Value>(&bytes).unwrap()["wrong"].as_f64().unwrap() / 10_000.0)
        .collect();
    let (mean, deviation) = ((errors[0] + errors[1]) / 2.0, (errors[0] - errors[1]).abs() / 2.0_f64.sqrt());
    assert!((results["test_error"]["mean"].as_f64().unwrap() - mean).abs() < 1e-12, "{results:#}");
    assert!((results["test_error"]["deviation"].as_f64().unwrap() - deviation).abs() < 1e-12, "{results:#}");
    let shown = format!("test error      {:.2} ± {:.2} %, 2 seeds", 100.0 * mean, 100.0 * deviation);
    assert!(stdout.contains(&shown), "{shown} in {stdout}");
    assert!(stdout.lines().nth(1).unwrap().starts_with("learning_rate=0.05"), "the best first: {stdout}");
}

#[test]
fn a_second_time_it_trains_nothing_and_says_the_same() {
    let place = copied();
    let before = fs::read(place.folder().join(RUNS[2]).join("metrics.csv")).unwrap();
    let (stdout, stderr) = success(&mut place.sweep(&[]));
    assert_eq!(stdout, swept().1);
    assert_eq!(stderr.matches("finished already").count(), 4, "{stderr}");
    assert!(!stderr.contains("epoch 1/1"), "{stderr}");
    assert!(before == fs::read(place.folder().join(RUNS[2]).join("metrics.csv")).unwrap());
}

#[test]
fn it_goes_on_with_the_runs_that_are_missing() {
    let place = copied();
    fs::remove_dir_all(place.folder().join(RUNS[1])).unwrap();
    let (stdout, stderr) = success(&mut place.sweep(&["--json"]));
    assert_eq!(stderr.matches("epoch 1/1").count(), 1, "{stderr}");
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), place.results());
    assert_eq!(place.results()["trials"][0]["validation_error"], swept().0.results()["trials"][0]["validation_error"]);
}

#[test]
fn a_value_more_leaves_the_runs_that_are_there_as_they_are() {
    let place = copied();
    fs::write(place.file(), TINY.replace("[1e-7, 0.05]", "[1e-7, 0.02, 0.05]")).unwrap();
    let (_, stderr) = success(&mut place.sweep(&[]));
    assert_eq!(stderr.matches("finished already").count(), 4, "{stderr}");
    assert_eq!(folders(&place.folder()).iter().filter(|path| path.is_dir()).count(), 6);
}

#[test]
fn collecting_says_what_is_missing_and_then_tests_nothing() {
    let place = copied();
    fs::remove_dir_all(place.folder().join(RUNS[1])).unwrap();
    fs::remove_file(place.folder().join(RUNS[2]).join("evaluation.json")).unwrap();
    let output = place.sweep(&["--collect"]).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("1 of 4 runs are not finished") && stderr.contains(RUNS[1]), "{stderr}");
    assert!(stdout.contains("1/2") && stdout.contains("missing") && !stdout.contains("chosen"), "{stdout}");
    assert_eq!(place.results()["chosen"], Value::Null);
    assert!(!place.folder().join(RUNS[2]).join("evaluation.json").exists());
}

#[test]
#[cfg(unix)]
fn the_listed_commands_train_what_is_then_collected() {
    let place = Place::new(&TINY.replace("seeds = [1, 2]", "seeds = [2]"));
    let list = stdout(&mut place.sweep(&["--list"]));
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(!place.folder().exists(), "listing trains nothing");
    let path = Path::new(env!("CARGO_BIN_EXE_mnist-burn")).parent().unwrap();
    for line in list.lines() {
        success(Command::new("/bin/sh").args(["-c", line]).current_dir(env!("CARGO_MANIFEST_DIR")).env("PATH", path));
    }
    assert!(!place.folder().join(RUNS[3]).join("evaluation.json").exists(), "the runs leave the test set alone");
    stdout(&mut place.sweep(&["--collect"]));
    let (listed, swept) = (place.results(), swept().0.results());
    assert_eq!(listed["chosen"], "learning_rate=0.05");
    let loss = |results: &Value, run: usize| results["trials"][1]["runs"][run]["validation_loss"].clone();
    assert_eq!(loss(&listed, 0), loss(&swept, 1));
}

#[test]
fn a_folder_with_another_experiment_is_refused_with_what_differs() {
    let place = copied();
    let config = place.folder().join(RUNS[2]).join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("batch_size = 4096", "batch_size = 2048")).unwrap();
    let message = failure(&mut place.sweep(&[]));
    assert!(message.contains(RUNS[2]) && message.contains("training.batch_size differ"), "{message}");
}

#[test]
fn a_mistake_is_answered_before_any_training() {
    let place =
        Place::new(&TINY.replace("'training.epochs' = [1]", "'training.epoch' = [1]\n'model.dropout' = [0.1, 1]"));
    let message = failure(&mut place.sweep(&[]));
    assert!(message.contains("2 problems in") && message.contains("tiny.toml"), "{message}");
    assert!(message.contains("line 5: training.epoch = 1: unknown key; did you mean training.epochs?"), "{message}");
    assert!(message.contains("line 6: model.dropout = 1: must be"), "{message}");
    assert!(!place.folder().exists());
    let message = failure(program().args(["sweep", "no/such.toml"]));
    assert!(message.contains("no/such.toml") && message.contains("because:"), "{message}");
}

#[test]
fn a_trial_that_diverges_is_a_result() {
    let text = TINY.replace("[1e-7, 0.05]", "[1000, 0.05]\n'optimizer.kind' = ['sgd']\n'model.dropout' = [0]");
    let place = Place::new(&text.replace("[1, 2]", "[1]").replace("[[2]]", "[[64, 64, 64, 64]]"));
    let (stdout, stderr) = success(&mut place.sweep(&[]));
    assert!(stderr.contains("the training diverged"), "{stderr}");
    assert_eq!(place.results()["chosen"], "learning_rate=0.05");
    let diverged = stdout.lines().find(|line| line.starts_with("learning_rate=1000"));
    assert!(diverged.is_some_and(|line| line.ends_with("diverged")), "{stdout}");
    let (_, stderr) = success(&mut place.sweep(&[]));
    assert!(stderr.contains("diverged already") && !stderr.contains("epoch 1/1"), "{stderr}");
}

#[test]
fn a_sweep_on_two_devices_is_tested_on_the_first_and_no_sweep_on_one() {
    let place = Place::new("base = 'config/smoke.toml'\nseeds = [1]\n[grid]\n'training.epochs' = [1]");
    let sweep = |devices: &str| {
        let mut command = program();
        command.arg("sweep").arg(place.file()).args(["--device", devices, "--runs"]);
        command.arg(place.0.path().join("runs"));
        command
    };
    let (report, _) = success(&mut sweep(&format!("{DEVICE},{DEVICE}")));
    assert!(report.contains("test error"), "{report}");
    let message = failure(&mut sweep(DEVICE));
    assert!(message.contains("holds another experiment") && message.contains("device differ"), "{message}");
}
