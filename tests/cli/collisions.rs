//! Two processes that are started at the same moment on one folder: both finish, or one says why not. Nothing is lost.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::stale::tiny;
use super::trained::smoke;
use super::{DEVICE, folders, program, stdout, success};

/// The pairs of each kind.
const PAIRS: usize = 5;

/// Runs both commands at the same time. Neither may panic.
fn both(commands: [&mut Command; 2]) -> [Output; 2] {
    let children = commands.map(|command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    children.map(|child| {
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 1 | 6)) && !message.contains("panicked"), "{message}");
        output
    })
}

/// Checks that at least one has succeeded, and that the other says that the run is in use.
fn one_at_least(outputs: &[Output; 2]) {
    let failed: Vec<_> = outputs.iter().filter(|output| !output.status.success()).collect();
    assert!(failed.len() < 2, "{outputs:?}");
    for output in failed {
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains("is in use") || message.contains("not finished"), "{message}");
    }
}

/// Checks that a run is complete, and that all its files belong together.
fn is_sound(run: &Path, hidden: &str) {
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(config.contains(&format!("hidden = {hidden}")), "{config}");
    let evaluation = fs::read_to_string(run.join("evaluation.json")).unwrap();
    assert_eq!(stdout(program().arg("evaluate").arg(run).arg("--json")).trim_end(), evaluation);
    let rest = fs::read_dir(run).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(rest.filter(|name| name.ends_with(".tmp")).count(), 0);
}

#[test]
fn trainings_started_at_once_in_one_folder_of_runs_lose_nothing() {
    for _ in 0..PAIRS {
        let runs = tempfile::tempdir().unwrap();
        let train = |hidden: &str| {
            let mut command = program();
            command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--set", "data.fraction=0.02"]);
            command.args(["--set", "training.epochs=1", "--set", hidden, "--runs"]).arg(runs.path());
            command
        };
        let outputs = both([&mut train("model.hidden=[5]"), &mut train("model.hidden=[6]")]);
        assert!(outputs.iter().all(|output| output.status.success()), "{outputs:?}");
        let found = folders(runs.path());
        assert_eq!(found.len(), 2);
        let first = fs::read_to_string(found[0].join("config.toml")).unwrap().contains("hidden = [5]");
        for (run, hidden) in found.iter().zip(if first { ["[5]", "[6]"] } else { ["[6]", "[5]"] }) {
            is_sound(run, hidden);
        }
    }
}

#[test]
fn trainings_started_at_once_in_one_run_folder_are_one() {
    for pair in 0..PAIRS {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        if pair % 2 == 1 {
            fs::create_dir(&run).unwrap();
        }
        one_at_least(&both([&mut tiny(&run, 1), &mut tiny(&run, 1)]));
        is_sound(&run, "[16]");
        // The same for a run that goes on.
        let resume = || {
            let mut command = program();
            command.arg("resume").arg(&run).args(["--set", "training.epochs=3"]);
            command
        };
        one_at_least(&both([&mut resume(), &mut resume()]));
        is_sound(&run, "[16]");
    }
}

#[test]
fn sweeps_started_at_once_in_one_folder_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pair.toml");
    let text = "base = 'config/smoke.toml'\nseeds = [1]\n[grid]\n'training.epochs' = [1]\n'model.hidden' = [[2], [3]]\n\
                'data.fraction' = [0.02]\n";
    fs::write(&file, text).unwrap();
    for pair in 0..2 {
        let runs = folder.path().join(format!("runs-{pair}"));
        let sweep = || {
            let mut command = program();
            command.arg("sweep").arg(&file).args(["--device", DEVICE, "--runs"]).arg(&runs);
            command
        };
        let outputs = both([&mut sweep(), &mut sweep()]);
        for output in outputs.iter().filter(|output| !output.status.success()) {
            let message = String::from_utf8_lossy(&output.stderr);
            assert!(message.contains("not finished") || message.contains("is in use"), "{message}");
        }
        // What is left, if both were told so.
        success(&mut sweep());
        let names = folders(&runs.join("pair"));
        assert_eq!(names.len(), 4, "two runs, their results and report: {names:?}");
        serde_json::from_slice::<serde_json::Value>(&fs::read(runs.join("pair/sweep.json")).unwrap()).unwrap();
    }
}

#[test]
fn exports_started_at_once_write_each_its_own_model() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    success(tiny(&other, 1).arg("--no-test"));
    let export = |run: &Path, file: &Path| {
        let mut command = program();
        command.arg("export").arg(run).arg(file);
        command
    };
    let model = |run: &Path| fs::read(run.join("best.safetensors")).unwrap();
    for pair in 0..PAIRS {
        let [one, two] = ["one", "two"].map(|name| folder.path().join(format!("{name}.{pair}.safetensors")));
        let outputs = both([&mut export(&smoke().run, &one), &mut export(&other, &two)]);
        assert!(outputs.iter().all(|output| output.status.success()), "{outputs:?}");
        assert!(fs::read(&one).unwrap() == model(&smoke().run) && fs::read(&two).unwrap() == model(&other));
        // The same file: one of them is told that it exists.
        let same = folder.path().join(format!("same.{pair}.safetensors"));
        let outputs = both([&mut export(&smoke().run, &same), &mut export(&other, &same)]);
        let winners: Vec<_> = outputs.iter().map(|output| output.status.success()).collect();
        assert_ne!(winners[0], winners[1], "{outputs:?}");
        assert!(fs::read(&same).unwrap() == model(if winners[0] { &smoke().run } else { &other }));
    }
}

#[test]
fn process_with_the_same_number_does_not_touch_the_run_of_another() {
    // In two containers on a shared folder, both programs may be process 1.
    let folder = tempfile::tempdir().unwrap();
    let is_possible = Command::new("unshare").args(["-rfp", "true"]).status().is_ok_and(|status| status.success());
    if !is_possible {
        eprintln!("not tested: this system does not let a user have process numbers of his own");
        return;
    }
    let contained = |command: &Command| {
        let mut outer = Command::new("unshare");
        outer.arg("-rfp").arg(command.get_program()).args(command.get_args());
        outer.current_dir(command.get_current_dir().unwrap()).env("MNIST_BURN_TEST_WRITE_PAUSE", "200");
        outer
    };
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    let other = tiny(&two, 1);
    let outputs = both([&mut contained(&tiny(&one, 1)), &mut contained(&other)]);
    assert!(outputs.iter().all(|output| output.status.success()), "{outputs:?}");
    [one, two].iter().for_each(|run| is_sound(run, "[16]"));
}
