//! `mnist-burn config` and config files.

use std::fs;
use std::path::PathBuf;

use super::{failure, program, stdout};

/// The config files in `config/`, without the sweep files in its folder.
fn shipped() -> Vec<PathBuf> {
    let paths = fs::read_dir("config").unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}

#[test]
fn shipped_configs_resolve_to_a_file_that_resolves_to_itself() {
    let shipped = shipped();
    assert!(shipped.len() >= 6, "{shipped:?}");
    let folder = tempfile::tempdir().unwrap();
    for path in shipped {
        let resolved = stdout(program().args(["config", "--config"]).arg(&path));
        let again = folder.path().join("again.toml");
        fs::write(&again, &resolved).unwrap();
        assert_eq!(stdout(program().args(["config", "--config"]).arg(&again)), resolved, "{}", path.display());
    }
}

#[test]
fn config_is_read_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let with = |text: &str| {
        let file = folder.path().join("piped");
        fs::write(&file, text).unwrap();
        let mut command = program();
        command.args(["config", "--config", "-"]).stdin(fs::File::open(file).unwrap());
        command
    };
    assert!(stdout(&mut with("seed = 77")).contains("seed = 77\n"));
    let message = failure(&mut with("sed = 77"));
    assert!(message.contains("1 problem in standard input:\n  line 1: sed = 77: unknown key"), "{message}");
}

#[test]
fn shipped_configs_open_with_their_question_command_and_result() {
    for path in shipped() {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let mut opening = text.lines();
        assert_eq!(opening.next(), Some("#:schema schema.json"), "{text}");
        assert!(opening.next().unwrap().starts_with("# Question: "), "{text}");
        let command_line = opening.next().unwrap();
        // A config that needs another run names it here.
        let result = opening.find(|line| !line.starts_with("# First:    ")).unwrap();
        assert!(result.starts_with("# Result:   ") && result.contains(" % "), "a measured error: {text}");
        let command = if name == "baseline" { "cargo run --release".into() } else { format!("config/{name}.toml") };
        assert!(command_line.starts_with("# Command:  cargo run --release"), "{text}");
        assert!(command_line.ends_with(&command), "{text}");
        assert!(stdout(program().args(["config", "-c"]).arg(&path)).contains(&format!("name = \"{name}\"")));
    }
}

#[test]
fn set_and_device_override_the_file() {
    let resolved = stdout(program().args(["config", "--set", "training.epochs=9", "--device", "flex"]));
    let device = stdout(program().args(["config", "--set", "device=ndarray"]));
    assert!(device.contains("device = \"ndarray\""), "{device}");
    assert!(resolved.contains("epochs = 9") && resolved.contains("device = \"flex\""), "{resolved}");
}

#[test]
fn config_problems_are_all_reported_at_once_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let (file, runs) = (folder.path().join("try.toml"), folder.path().join("runs"));
    fs::write(&file, "name = \"try\"\n[training]\nepoch = 3\n[model]\ndropout = 1.5\n").unwrap();
    let mut command = program();
    command.arg("--config").arg(&file).args(["--set", "optimizer.learning_rate=fast", "--runs"]).arg(&runs);
    let message = failure(&mut command);
    assert!(message.contains("3 problems in") && message.contains("try.toml"), "{message}");
    assert!(message.contains("line 3: training.epoch = 3: unknown key; did you mean training.epochs?"), "{message}");
    assert!(message.contains("line 5: model.dropout = 1.5"), "{message}");
    assert!(message.contains("optimizer.learning_rate=fast (override)"), "{message}");
    assert!(!runs.exists());
}

#[test]
fn early_stopping_that_needs_validation_images_is_refused_without_them() {
    let message = failure(program().args(["config", "--set", "early_stopping.patience=3"]));
    assert!(message.contains("early_stopping.patience") && message.contains("data.validation"), "{message}");
}

#[test]
fn experiment_without_a_name_has_that_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wide.toml");
    fs::write(&file, "[model]\nhidden = [300]").unwrap();
    let name = |more: &[&str]| {
        let config = stdout(program().args(["config", "--config"]).arg(&file).args(more));
        config.lines().find(|line| line.starts_with("name = ")).unwrap().to_string()
    };
    assert_eq!(name(&[]), "name = \"wide\"");
    assert_eq!(name(&["--set", "name=other"]), "name = \"other\"");
}

#[test]
fn config_file_or_key_without_its_option_is_told_the_option() {
    for words in [&["config/sgd.toml"][..], &["train", "config/sgd.toml"]] {
        let output = program().args(words).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(message.contains("a config file is named with --config config/sgd.toml"), "{message}");
    }
    for (words, advice) in [
        (&["--dropout", "0.3"][..], "write --set model.dropout=VALUE"),
        (&["train", "--optimizer=sgd"], "write --set optimizer.kind=VALUE"),
        (&["--data-dir", "x"], "write --set data.dir=VALUE"),
        (&["--data", "x"], "write --set data.dir=VALUE"),
        (&["train", "--training.epochs", "3"], "write --set training.epochs=VALUE"),
        (&["optimizer.learning_rate=0.01"], "write --set optimizer.learning_rate=VALUE"),
        (&["--learning_rate", "0.01"], "write --learning-rate VALUE"),
        (&["train", "--resume", "x"], "write mnist-burn resume"),
        (&["prune"], "write mnist-burn runs prune"),
    ] {
        let message = String::from_utf8(program().args(words).output().unwrap().stderr).unwrap();
        assert!(message.contains(advice), "{message}");
    }
    let message = String::from_utf8(program().args(["predict", "x.png", "--hidden"]).output().unwrap().stderr).unwrap();
    assert!(!message.contains("--set"), "{message}");
    let message = String::from_utf8(program().args(["predict", "x", "--run", "y"]).output().unwrap().stderr).unwrap();
    assert!(message.contains("named without an option") && !message.contains("similar"), "{message}");
    for words in [&["config", "--run", "y"][..], &["sweep", "--run", "y"], &["runs", "--json", "--columns", "seed"]] {
        let message = String::from_utf8(program().args(words).output().unwrap().stderr).unwrap();
        assert!(!message.contains("named without") && !message.contains("tip: write"), "{message}");
    }
    let output = program().args(["--set", "training.epochs", "2"]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("tip: write --set KEY=VALUE"));
    let output = program().args(["predict", "x.png", "--csv"]).output().unwrap();
    assert!(!String::from_utf8(output.stderr).unwrap().contains("as a value"));
}

#[test]
fn config_names_the_keys_that_are_not_set() {
    let (config, keys) =
        (stdout(program().arg("config")), stdout(program().args(["config", "--set", "init.from=a/b"])));
    let unset = |config: &str| config.split_once("# Keys that are not set:").unwrap().1.to_string();
    assert!(unset(&config).contains("#   init.from\n") && unset(&config).contains("#   early_stopping.patience\n"));
    assert!(!unset(&keys).contains("init.from") && !unset(&config).contains("training.epochs"), "{keys}");
}

#[test]
fn negative_number_is_out_of_range_and_no_unknown_option() {
    let message = failure(program().args(["--epochs", "-1", "--learning-rate", "-0.1"]));
    assert!(message.contains("training.epochs=-1 (override): must be a whole number from 1"), "{message}");
    assert!(message.contains("optimizer.learning_rate=-0.1 (override): must be a number greater than 0"), "{message}");
}

#[test]
fn missing_file_is_named() {
    let message = failure(program().args(["config", "--config", "config/none.toml"]));
    assert!(message.contains("config/none.toml") && !message.contains("did you mean"), "{message}");
    for typed in ["smoke", "smok.toml", "config/smok.toml", "config/smoke"] {
        let message = failure(program().args(["config", "--config", typed]));
        assert!(message.contains("; did you mean config/smoke.toml?"), "{message}");
    }
}
