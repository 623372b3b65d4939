//! `mnist-burn runs rm` and `mnist-burn runs prune`: remove runs.

use std::fs;

use serde_json::Value;

use super::named::started;
use super::runs::{list, names, replace, unfinish};
use super::trained::smoke;
use super::{failure, program, stdout, success};

#[test]
fn rm_removes_runs_only_and_none_that_is_in_use() {
    let runs = started(&["a", "b", "c"]);
    let rm = |arguments: &[&str]| {
        let mut command = program();
        command.args(["runs", "rm"]).args(arguments).arg("--runs").arg(runs.path());
        command
    };
    let left = || super::folders(runs.path()).len();
    let (listed, _) = success(&mut rm(&["a", "b", "--dry-run"]));
    assert_eq!((listed.lines().count(), left()), (2, 3));
    let lock = fs::File::create(runs.path().join("b/.lock")).unwrap();
    lock.lock().unwrap();
    assert!(failure(&mut rm(&["a", "b"])).contains("b is in use"));
    assert_eq!(left(), 3);
    lock.unlock().unwrap();
    success(&mut rm(&["a", "b"]));
    assert_eq!(left(), 1);
    assert!(failure(&mut rm(&["config"])).contains("config is not a run folder"));
}

#[test]
fn prune_keeps_the_best_of_each_config_and_the_runs_of_sweeps() {
    let runs = started(&["a", "b", "sweep/trial-seed1", "c", "d"]);
    let record = |name: &str, key: &str, value: Value| {
        let path = runs.path().join(name).join("record.json");
        let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        record[key] = value;
        fs::write(path, record.to_string()).unwrap();
    };
    record("c", "failure", "diverged".into());
    unfinish(&runs.path().join("d"));
    let metrics = runs.path().join("b/metrics.csv");
    let table = fs::read_to_string(&metrics).unwrap();
    let better: Vec<String> = table
        .lines()
        .enumerate()
        .map(|(row, line)| {
            let mut cells: Vec<&str> = line.split(',').collect();
            if row > 0 {
                cells[4] = "0.999";
            }
            cells.join(",")
        })
        .collect();
    fs::write(&metrics, better.join("\n") + "\n").unwrap();
    // The only one of another config, and the worst of all.
    smoke().copy_to(&runs.path().join("e"));
    replace(&runs.path().join("e/config.toml"), "learning_rate = 0.005", "learning_rate = 0.01");
    let prune = |arguments: &[&str]| {
        let removed = stdout(program().args(["runs", "prune", "--runs"]).arg(runs.path()).args(arguments));
        let mut names: Vec<_> = removed.lines().map(|line| line.rsplit('/').next().unwrap().to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(prune(&["--keep", "1", "--dry-run"]), ["a"]);
    assert_eq!(prune(&["--failed", "--dry-run"]), ["c"]);
    assert_eq!(prune(&["--older-than", "36500", "--dry-run"]), [] as [&str; 0]);
    assert_eq!(prune(&["--keep", "0", "--older-than", "100", "--dry-run"]).len(), 2, "e was started just now");
    assert_eq!(prune(&["--keep", "1", "--failed"]), ["a", "c"]);
    assert_eq!(names(&list(&runs, &["--sort", "name"])), ["b", "d", "e", "sweep/trial-seed1"]);
    let output = program().args(["runs", "prune"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "nothing to choose by");
}

#[test]
fn prune_keeps_a_trained_run_with_a_damaged_evaluation_and_the_trials_of_a_sweep() {
    let runs = started(&["a", "b"]);
    fs::write(runs.path().join("a/evaluation.json"), "{").unwrap();
    fs::write(runs.path().join("b/record.json"), "{").unwrap();
    let prune = || stdout(program().args(["runs", "prune", "--failed", "--yes", "--runs"]).arg(runs.path()));
    let sweep = runs.path().join("sweep.json");
    fs::write(&sweep, "{}").unwrap();
    assert_eq!(prune(), "");
    fs::remove_file(&sweep).unwrap();
    assert_eq!(prune().lines().count(), 1);
    assert!(runs.path().join("a").exists() && !runs.path().join("b").exists());
}
