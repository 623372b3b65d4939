//! What scripts and shells use: JSON and paths at the end of a training, exit codes, variables, completions.

use std::fs;

use serde_json::Value;

use super::trained::smoke;
use super::{DEVICE, program, stdout, success};

const TINY: [&str; 7] = ["--config", "config/smoke.toml", "--set", "data.fraction=0.02", "--epochs", "1", "--quiet"];

#[test]
fn training_prints_its_path_or_one_object_and_nothing_else() {
    let runs = tempfile::tempdir().unwrap();
    let train = |more: &[&str]| {
        let mut command = program();
        command.args(TINY).args(["--seed", "7", "--batch-size", "50", "--learning-rate", "0.01"]).args(more);
        success(command.env("MNIST_BURN_RUNS", runs.path()).env("MNIST_BURN_DEVICE", DEVICE))
    };
    let (path, notes) = train(&["--print", "run"]);
    assert_eq!(notes, "");
    let config = fs::read_to_string(std::path::Path::new(path.trim()).join("config.toml")).unwrap();
    for line in ["seed = 7", "epochs = 1", "batch_size = 50", "learning_rate = 0.01", &format!("device = \"{DEVICE}\"")]
    {
        assert!(config.contains(line), "{line}: {config}");
    }
    let object: Value = serde_json::from_str(&train(&["--json"]).0).unwrap();
    assert_eq!((&object["status"], &object["evaluation"]["images"]), (&"finished".into(), &10_000.into()));
    assert!(object["files"].as_array().unwrap().contains(&"report.html".into()), "{object}");
    let run = object["run"].as_str().unwrap();
    let again = stdout(program().args(["resume", run, "--json", "--quiet"]));
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), object);
}

#[test]
fn exit_code_tells_the_kind_of_error() {
    let code = |arguments: &[&str]| program().args(arguments).output().unwrap().status.code().unwrap();
    let run = smoke().run.to_str().unwrap();
    assert_eq!(code(&["evaluate"]), 2);
    assert_eq!(code(&["config", "--set", "sede=1"]), 3);
    assert_eq!(code(&["--device", DEVICE, "--set", "data.dataset=idx", "--set", "data.dir=nowhere"]), 4);
    assert_eq!(code(&["evaluate", run, "--device", "tpu"]), 7);
    assert_eq!(code(&["evaluate", "no-such-run"]), 8);
    assert_eq!(code(&["predict", run, "no-such.png"]), 1);
    assert_eq!(code(&["evaluate", run, run, "--predictions", "answers.csv"]), 2);
    assert_eq!(code(&["export", run, "model.toml"]), 2);
    let copy = tempfile::tempdir().unwrap();
    smoke().copy_to(copy.path());
    let lock = fs::File::create(copy.path().join(".lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(code(&["resume", copy.path().to_str().unwrap(), "--epochs", "3"]), 6);
}

#[test]
fn variable_names_the_folder_of_the_data_sets() {
    let data = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(TINY).args(["--device", DEVICE, "--set", "data.mirrors=[\"http://127.0.0.1:9/\"]"]);
    let output = command.env("MNIST_BURN_DATA", data.path()).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{message}");
    assert!(message.contains("cannot download train-images-idx3-ubyte.gz"), "{message}");
    let found = data.path().join("mnist");
    fs::create_dir_all(&found).unwrap();
    for file in fs::read_dir("data/mnist").unwrap().map(|entry| entry.unwrap()) {
        fs::copy(file.path(), found.join(file.file_name())).unwrap();
    }
    let runs = tempfile::tempdir().unwrap();
    command.arg("--runs").arg(runs.path());
    for named in [data.path(), &found] {
        success(command.env("MNIST_BURN_DATA", named));
    }
}

#[test]
fn colours_are_as_asked_for() {
    let evaluate =
        |color: &str| stdout(program().arg("evaluate").arg(&smoke().run).args(["--device", DEVICE, "--color", color]));
    assert!(evaluate("always").contains('\x1b') && !evaluate("never").contains('\x1b'));
}

#[test]
fn shell_completes_commands_options_runs_and_keys_of_the_config() {
    let runs = smoke().run.parent().unwrap();
    let complete = |words: &[&str]| {
        let mut command = program();
        command.env("COMPLETE", "fish").env("MNIST_BURN_RUNS", runs).args(["--", "mnist-burn"]).args(words);
        stdout(&mut command)
    };
    assert!(complete(&["ev"]).starts_with("evaluate\t"));
    assert!(complete(&["evaluate", "--pre"]).starts_with("--predictions"));
    let name = smoke().run.file_name().unwrap().to_str().unwrap();
    assert!(complete(&["show", "smoke-"]).lines().any(|line| line == name));
    assert_eq!(complete(&["train", "--set", "optimizer.kind=s"]), "optimizer.kind=sgd\n");
    assert!(complete(&["resume", "latest", "--set", "training.epo"]).starts_with("training.epochs="));
}

#[test]
fn quiet_may_precede_the_command() {
    let (_, notes) = success(program().args(["-q", "evaluate"]).arg(&smoke().run).args(["--device", DEVICE]));
    assert_eq!(notes, "");
}

#[test]
fn verbose_adds_the_config_and_the_logs_of_the_libraries() {
    let runs = tempfile::tempdir().unwrap();
    let notes = |option: &str| {
        let mut command = program();
        success(command.args(TINY).args(["--device", DEVICE, "--no-test", option, "--runs"]).arg(runs.path())).1
    };
    let (verbose, plain) = (notes("--verbose"), notes("--color=auto"));
    assert!(verbose.contains("learning_rate = ") && !plain.contains("learning_rate = "), "{verbose}");
    assert!(!verbose.contains("Iteration"), "Burn logs each batch: {verbose}");
}

#[test]
fn commands_and_options_have_the_names_that_other_programs_give_them() {
    let help = |words: &[&str]| stdout(program().args(words).arg("--help"));
    for (other, own) in [("test", "evaluate"), ("continue", "resume"), ("compare", "runs"), ("history", "runs")] {
        assert_eq!(help(&[other]), help(&[own]));
    }
    for words in [&["serve", "--host", "127.0.0.1"][..], &["lr-find", "--min", "1e-5"], &["runs", "rm", "x", "--force"]]
    {
        help(words);
    }
}

#[test]
fn shells_and_man_know_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = stdout(program().args(["completions", shell]));
        assert!(script.contains("COMPLETE") && script.contains("mnist-burn"), "{shell}: {script}");
    }
    let page = stdout(program().arg("man"));
    assert!(page.contains(".TH mnist") && page.contains("MNIST_BURN_RUNS"), "{page}");
    assert!(stdout(program().args(["man", "evaluate"])).contains("predictions"));
    let version = stdout(program().arg("--version"));
    assert!(version.contains("Burn      0.22") && version.contains(DEVICE) && version.contains("commit"), "{version}");
    assert_eq!(stdout(program().arg("-V")).lines().count(), 1);
}
