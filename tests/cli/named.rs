//! Runs by name: a unique beginning, `latest`, `best` and `best:CONFIG`, wherever a run is asked for.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::trained::smoke;
use super::{DEVICE, failure, program, stdout, success};

/// Copies of the smoke run, started one after the other in this order.
pub fn started(names: &[&str]) -> TempDir {
    let runs = tempfile::tempdir().unwrap();
    for (number, name) in names.iter().enumerate() {
        let run = runs.path().join(name);
        smoke().copy_to(&run);
        change(&run, |record| record["started"] = (1e9 + number as f64).into());
    }
    runs
}

fn change(run: &Path, change: impl Fn(&mut Value)) {
    let path = run.join("record.json");
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut record);
    fs::write(path, record.to_string()).unwrap();
}

/// A command about a run in `runs`.
fn command(runs: &TempDir, words: &[&str]) -> Command {
    let mut command = program();
    command.args(words).arg("--runs").arg(runs.path());
    command
}

/// The run that `export NAME` comes to.
fn found(runs: &TempDir, name: &str) -> String {
    let file = tempfile::tempdir().unwrap();
    let file = file.path().join("model.safetensors");
    let (_, notes) = success(command(runs, &["export", name]).arg(file));
    notes
}

#[test]
fn run_is_found_by_name_by_beginning_as_latest_and_as_best() {
    let runs = started(&["deep-1", "deep-2", "sweep/trial-seed1", "wide-1"]);
    let [worse, without] = ["deep-2", "deep-1"].map(|name| runs.path().join(name));
    let metrics = fs::read_to_string(worse.join("metrics.csv")).unwrap();
    let rows: Vec<String> = metrics
        .lines()
        .enumerate()
        .map(|(row, line)| match (row, line.split(',').collect::<Vec<_>>()) {
            (0, _) => line.to_string(),
            (_, mut cells) => {
                cells[4] = "0.5";
                cells.join(",")
            }
        })
        .collect();
    fs::write(worse.join("metrics.csv"), rows.join("\n") + "\n").unwrap();
    change(&without, |record| record["data"]["validation_images"] = 0.into());
    fs::write(
        worse.join("config.toml"),
        fs::read_to_string(worse.join("config.toml")).unwrap().replace("name = \"smoke\"", "name = \"deep\""),
    )
    .unwrap();
    let path = |name: &str| format!("run: {}", runs.path().join(name).display());
    assert_eq!(found(&runs, "deep-1"), "");
    assert_eq!(found(&runs, runs.path().join("deep-1/checkpoint.mpk").to_str().unwrap()), "");
    assert_eq!(found(&runs, "sweep/trial-seed1"), "");
    assert!(found(&runs, "wi").contains(&path("wide-1")));
    assert!(found(&runs, "latest").contains(&format!("{}, the latest one", path("wide-1"))));
    let best = format!("{}, the best of 3 by validation error; 1 without validation do not count", path("wide-1"));
    assert!(found(&runs, "best").contains(&best), "{}", found(&runs, "best"));
    assert!(found(&runs, "best:deep").contains(&format!("{}, the best of 1", path("deep-2"))));
    assert!(found(&runs, "latest:deep").contains(&format!("{}, the latest one", path("deep-2"))));
    for beginning in [&format!("{}/wi", runs.path().display()), "runs/wi"] {
        assert!(found(&runs, beginning).contains(&path("wide-1")), "{beginning}");
    }
}

#[test]
fn unknown_or_ambiguous_name_is_an_error_that_lists_what_there_is() {
    let runs = started(&["deep-1", "deep-2", "wide-1"]);
    for words in [
        &["resume", "narrow"][..],
        &["evaluate", "narrow"],
        &["predict", "narrow", "tests/drawn/digits/7-plain-1.png"],
        &["export", "narrow", "-"],
        &["report", "narrow"],
        &["runs", "wide-1", "narrow"],
        &["serve", "narrow"],
        &["train", "--set", "init.from=narrow"],
        &["export", "best:narrow", "-"],
    ] {
        let message = failure(&mut command(&runs, words));
        let named = if words[1].starts_with("best") { "best:narrow" } else { "narrow" };
        let expected = format!("there is no run {named} in {}", runs.path().display());
        assert!(message.contains(&expected), "{words:?}: {message}");
        assert!(message.contains("the runs are: wide-1, deep-2, deep-1"), "{words:?}: {message}");
    }
    let runs = started(&["deep-1", "deep-2", "wide-1", "baseline-20260101-120000"]);
    for (typed, meant) in [("wide-l", "wide-1"), ("lates", "latest"), ("bst", "best"), ("basline", "baseline")] {
        let message = failure(&mut command(&runs, &["show", typed]));
        assert!(message.contains(&format!("and no such folder; did you mean {meant}?")), "{message}");
    }
    let message = failure(&mut command(&runs, &["evaluate", "deep"]));
    assert!(message.contains("deep is no single run, but several have names that begin with it"), "{message}");
    assert!(message.contains("begin with it: deep-2, deep-1"), "{message}");
    let message = failure(&mut command(&started(&[]), &["evaluate", "latest"]));
    assert!(message.contains("there is none yet: `mnist-burn` trains one"), "{message}");
}

#[test]
fn name_of_a_sweep_lists_its_runs() {
    let runs = started(&["rate/low-seed1", "rate/high-seed1", "rates-1"]);
    for sweep in ["rate".to_string(), runs.path().join("rate").display().to_string()] {
        let message = failure(&mut command(&runs, &["show", &sweep]));
        let found = "rate is no single run, but several have names that begin with it: rate/high-seed1, rate/low-seed1";
        assert!(message.contains(found) && message.contains("rate is the best of them"), "{message}");
    }
    for word in ["latest", "best"] {
        assert!(self::found(&runs, &format!("{word}:rate")).contains("rate/high-seed1"), "{word}");
        assert!(self::found(&runs, word).contains("rates-1"), "{word}");
    }
    fs::write(runs.path().join("rate/sweep.json"), "{}").unwrap();
    let message = failure(command(&runs, &["predict"]).arg(runs.path().join("rate")).arg("x.png"));
    assert!(message.contains("rate is no single run"), "{message}");
    fs::remove_dir_all(runs.path().join("rate/high-seed1")).unwrap();
    let low = runs.path().join("rate/low-seed1");
    assert!(found(&runs, "rate").contains(&format!("{}, the only one in rate", low.display())));
    let message = failure(&mut command(&runs, &["evaluate", "best:"]));
    assert!(message.contains("there is no run best: in"), "{message}");
}

#[test]
fn folder_that_is_no_run_does_not_hide_a_run_of_its_name() {
    let (runs, here) = (started(&["mine-1"]), tempfile::tempdir().unwrap());
    fs::create_dir(here.path().join("mine")).unwrap();
    let shown = stdout(command(&runs, &["show", "mine"]).current_dir(here.path()));
    assert!(shown.contains(&runs.path().join("mine-1").display().to_string()), "{shown}");
    let config = stdout(command(&runs, &["config", "--set", "init.from=mine"]).current_dir(here.path()));
    assert!(config.contains("mine-1"), "{config}");
    // But a path is taken at its word.
    fs::create_dir(runs.path().join("mine")).unwrap();
    for (command_words, folder) in [(&["show"][..], runs.path().into()), (&["runs", "rm"], runs.path().join("mine"))] {
        let message = failure(command(&runs, command_words).arg(folder));
        assert!(message.contains("is not a run folder"), "{message}");
    }
    assert!(runs.path().join("mine-1").exists());
}

#[test]
fn config_records_the_path_of_the_run_that_it_names() {
    let runs = started(&["first", "second"]);
    let config = |from: &str| stdout(&mut command(&runs, &["config", "--set", &format!("init.from={from}")]));
    let path = format!("from = \"{}\"", runs.path().join("second").display());
    for name in ["latest", "second", "s"] {
        assert!(config(name).contains(&path), "{}", config(name));
    }
    // A run in another folder that is gone is not needed any more.
    assert!(config("gone/run").contains("/gone/run\""), "{}", config("gone/run"));
}

#[test]
fn names_stand_for_runs_in_a_comparison() {
    let runs = started(&["first", "second"]);
    let table = stdout(&mut command(&runs, &["runs", "latest", "f"]));
    assert!(table.lines().next().unwrap().contains("second") && table.contains("first"), "{table}");
    let evaluated = stdout(command(&runs, &["evaluate", "latest"]).args(["--device", DEVICE]));
    assert!(evaluated.contains("test accuracy"), "{evaluated}");
}

#[test]
fn best_of_runs_without_validation_is_an_error() {
    let runs = started(&["one"]);
    change(&runs.path().join("one"), |record| record["data"]["validation_images"] = 0.into());
    let message = failure(&mut command(&runs, &["show", "best"]));
    assert!(message.contains("has a validation error, so none is the best: name one"), "{message}");
}
