//! `mnist-burn ensemble`: several networks, whose probabilities are averaged, used as one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use super::trained::smoke;
use super::{DEVICE, failure, program, stdout, success};

const IMAGE: &str = "tests/drawn/digits/7-plain-1.png";

/// A folder of runs with three short trainings, `a`, `b` and `c`, and the ensemble `abc`.
fn runs() -> &'static Path {
    static RUNS: OnceLock<TempDir> = OnceLock::new();
    let folder = RUNS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for (seed, name) in ["a", "b", "c"].iter().enumerate() {
            let mut train = program();
            train.args(["train", "--config", "config/smoke.toml", "--epochs", "1", "--device", DEVICE, "--no-test"]);
            success(train.arg("--seed").arg(seed.to_string()).arg("--run").arg(folder.path().join(name)));
        }
        success(ensemble(folder.path()).args(["abc", "a", "b", "c"]));
        success(program().args(["evaluate", "abc", "--device", DEVICE, "--runs"]).arg(folder.path()));
        folder
    });
    folder.path()
}

fn ensemble(runs: &Path) -> std::process::Command {
    let mut command = program();
    command.args(["ensemble", "--runs"]).arg(runs);
    command
}

/// A folder with copies of `a` and `b`, and the ensemble `ab`.
fn pair() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        let copied = folder.path().join(name);
        fs::create_dir(&copied).unwrap();
        for file in fs::read_dir(runs().join(name)).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), copied.join(file.file_name())).unwrap();
        }
    }
    success(ensemble(folder.path()).args(["ab", "a", "b"]));
    folder
}

fn probabilities(run: &Path) -> Vec<f64> {
    let json = stdout(program().arg("predict").arg(run).args([IMAGE, "--json", "--device", DEVICE]));
    let answers: Value = serde_json::from_str(&json).unwrap();
    answers[0]["probabilities"].as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect()
}

fn json(path: PathBuf) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn ensemble_predicts_the_mean_of_its_members_probabilities() {
    let members = ["a", "b", "c"].map(|name| probabilities(&runs().join(name)));
    for (class, joint) in probabilities(&runs().join("abc")).into_iter().enumerate() {
        let mean = members.iter().map(|member| member[class]).sum::<f64>() / 3.0;
        assert!((joint - mean).abs() < 1e-9, "{joint} {mean}");
    }
}

#[test]
fn ensemble_lists_its_members_and_their_checksums() {
    let record = json(runs().join("abc/record.json"));
    let members = record["members"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    for (member, name) in members.iter().zip(["a", "b", "c"]) {
        assert_eq!(member["run"], runs().join(name).to_str().unwrap());
        assert_eq!(member["sha256"], json(runs().join(name).join("record.json"))["models"]["best.safetensors"][0]);
    }
    let shown = stdout(program().args(["show", "abc", "--runs"]).arg(runs()));
    assert!(shown.contains(&format!("members           {}", runs().join("a").display())), "{shown}");
}

#[test]
fn evaluation_and_report_of_an_ensemble_are_of_all_its_members() {
    let evaluated = stdout(program().args(["evaluate", "abc", "--json", "--device", DEVICE, "--runs"]).arg(runs()));
    assert_eq!(serde_json::from_str::<Value>(&evaluated).unwrap(), json(runs().join("abc/evaluation.json")));
    let page = fs::read_to_string(runs().join("abc/report.html")).unwrap();
    let own = |name: &str| {
        let args = ["evaluate", name, "--json", "--device", DEVICE, "--runs"];
        let json: Value = serde_json::from_str(&stdout(program().args(args).arg(runs()))).unwrap();
        format!("<th scope=\"row\">{name}</th><td>{:.2} %</td>", json["wrong"].as_f64().unwrap() / 100.0)
    };
    for name in ["a", "b", "c"] {
        assert!(page.contains(&own(name)), "{} is not in the page", own(name));
    }
    assert!(page.contains("on which not all networks agree"));
    assert!(!page.contains("Weights of the first layer"));
}

#[test]
fn ensemble_in_an_ensemble_adds_its_members() {
    success(ensemble(runs()).args(["nested", "abc"]).arg(&smoke().run));
    let members = json(runs().join("nested/record.json"))["members"].as_array().unwrap().len();
    assert_eq!(members, 4);
}

#[test]
fn ensembles_that_would_not_be_one_are_refused_with_the_reason() {
    let copy = tempfile::tempdir().unwrap();
    smoke().copy_to(copy.path());
    let twice = failure(ensemble(runs()).arg("twice").arg(copy.path()).arg(&smoke().run));
    assert!(twice.contains("another member has the same network"), "{twice}");
    let alone = failure(ensemble(runs()).args(["alone", "a"]));
    assert!(alone.contains("an ensemble has two members or more"), "{alone}");
    let taken = failure(ensemble(runs()).args(["a", "b", "c"]));
    assert!(taken.contains("exists, so no ensemble is made there: the NAME in"), "{taken}");
    let name = ensemble(runs()).args(["x/y", "b", "c"]).output().unwrap();
    assert_eq!(name.status.code(), Some(2));
    let message = String::from_utf8(name.stderr).unwrap();
    assert!(message.contains("'x/y' for '<NAME>': the first name is that of the new ensemble; it must be text"));
    assert_eq!(ensemble(runs()).args(["latest", "b", "c"]).output().unwrap().status.code(), Some(2));
    assert!(!runs().join("twice").exists() && !runs().join("alone").exists());
}

#[test]
fn ensemble_has_no_epochs_in_lists_of_runs_and_in_its_own_summary() {
    let table = stdout(program().args(["runs", "--columns", "epochs", "--runs"]).arg(runs()));
    let has = |row: [&str; 2]| table.lines().any(|line| line.split_whitespace().eq(row));
    assert!(has(["abc", "-"]) && has(["a", "1/1"]), "{table}");
    let shown = |run| stdout(program().args(["show", run, "--runs"]).arg(runs()));
    let (one, three) = (shown("a"), shown("abc"));
    assert!(one.contains("finished, 1 of 1 epochs") && one.contains("training loss"), "{one}");
    assert!(three.contains("finished\n") && !three.contains("training loss"), "{three}");
}

#[test]
fn pruning_keeps_the_members_of_ensembles() {
    let prune = ["runs", "prune", "--keep", "1", "--dry-run", "--runs"];
    let (pruned, notes) = success(program().args(prune).arg(runs()));
    assert_eq!(pruned, "", "a, b and c have one config, and abc needs all of them");
    assert!(notes.contains("kept as members of ensembles: 3"), "{notes}");
}

#[test]
fn member_of_an_ensemble_is_removed_only_together_with_it() {
    let folder = pair();
    let rm = |names: &[&str]| {
        let mut rm = program();
        rm.args(["runs", "rm", "--runs"]).arg(folder.path()).args(names);
        rm
    };
    let message = failure(&mut rm(&["b"]));
    assert!(message.contains("is a member of the ensemble") && message.contains("remove that one first"), "{message}");
    success(&mut rm(&["ab", "b"]));
    assert!(folder.path().join("a").exists() && !folder.path().join("b").exists());
}

#[test]
fn ensemble_has_no_validation_images_of_its_own() {
    let message = failure(program().args(["evaluate", "abc", "--split", "validation", "--runs"]).arg(runs()));
    assert!(message.contains("has no validation images: its data.validation is 0, or it is an ensemble"), "{message}");
}

#[test]
fn ensemble_is_exported_as_one_onnx_file() {
    let folder = tempfile::tempdir().unwrap();
    let [alone, all] = ["a.onnx", "abc.onnx"].map(|file| folder.path().join(file));
    let export = |run: &str, file: &Path| {
        let mut command = program();
        command.args(["export", run]).arg(file).args(["--force", "--runs"]).arg(runs());
        command
    };
    stdout(&mut export("a", &alone));
    stdout(&mut export("abc", &all));
    let size = |file: &Path| fs::metadata(file).unwrap().len() as f64;
    assert!((2.9..3.1).contains(&(size(&all) / size(&alone))), "{} of {}", size(&all), size(&alone));
    let (_, notes) = success(export("abc", &all).args(["--quantize", "int8"]));
    let wrong = json(runs().join("abc/evaluation.json"))["wrong"].as_u64().unwrap();
    assert!(notes.contains(&format!("{wrong} with float")), "{notes}");

    let mut train = program();
    train.args(["train", "--config", "config/smoke.toml", "--epochs", "1", "--device", DEVICE, "--no-test", "--run"]);
    success(train.arg(folder.path().join("other")).args(["--set", "data.pixels=standardized"]));
    success(ensemble(folder.path()).args(["mixed", "other"]).arg(runs().join("a")));
    let mixed = folder.path().join("mixed");
    stdout(&mut export(mixed.to_str().unwrap(), &all));
    let message = failure(export(mixed.to_str().unwrap(), &all).args(["--input", "float"]));
    assert!(message.contains("scale pixels in different ways: export it with --input raw"), "{message}");
}

#[test]
fn ensemble_is_neither_exported_as_one_model_nor_resumed_but_says_what_to_do() {
    for command in [
        &["export", "abc", "abc.safetensors"][..],
        &["export", "abc", "abc.onnx", "--last"],
        &["resume", "abc", "--epochs", "9"],
    ] {
        let message = failure(program().args(command).arg("--runs").arg(runs()));
        assert!(
            message.contains("is an ensemble, which has no model of its own: name one of its members"),
            "{message}"
        );
    }
}

#[test]
fn ensemble_refuses_a_member_that_was_trained_on_since() {
    let folder = pair();
    success(
        program().args(["resume", "a", "--epochs", "2", "--quiet", "--device", DEVICE, "--runs"]).arg(folder.path()),
    );
    let message = failure(program().args(["predict", "ab", IMAGE, "--runs"]).arg(folder.path()));
    assert!(message.contains("has another model than when it joined"), "{message}");
}
