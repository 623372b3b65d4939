//! Results belong to a model and to test images: nothing shows those of an older model, or those of other images.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::data::write_own;
use super::served::Served;
use super::trained::smoke;
use super::{DEVICE, failure, program, stdout, success};

/// A command for a very short training in `run`.
pub fn tiny(run: &Path, epochs: usize) -> Command {
    let mut command = program();
    command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--set", "data.fraction=0.02"]);
    command.arg("--set").arg(format!("training.epochs={epochs}")).arg("--run").arg(run);
    command
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The test error that `runs --json` prints of a run.
fn test_error(run: &Path) -> Value {
    let mut list = program();
    let listed = stdout(list.args(["runs", "--json", "--runs"]).arg(run.parent().unwrap()));
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let listed = listed.iter().find(|listed| listed["run"] == run.to_str().unwrap()).unwrap();
    listed["test_error"].clone()
}

/// The names and contents of a folder's files.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn results_of_an_older_model_are_shown_nowhere() {
    let runs = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| runs.path().join(name));
    success(&mut tiny(&one, 1));
    let old = json(&one.join("evaluation.json"))["wrong"].as_f64().unwrap() / 10_000.0;
    let shown = format!("{:.2} %", 100.0 * old);
    assert_eq!(test_error(&one), old);
    success(tiny(&one, 3).arg("--no-test"));

    let (list, warning) = success(program().args(["runs", "--runs"]).arg(runs.path()));
    assert!(!list.contains(&shown) && list.contains(" - "), "{list}");
    assert!(warning.contains(&format!("`mnist-burn evaluate {}` replaces it", one.display())), "{warning}");
    assert_eq!(test_error(&one), Value::Null);
    smoke().copy_to(&other);
    let (table, warning) = success(program().arg("runs").args([&one, &other]));
    assert!(!table.contains(&shown) && warning.contains("replaces it"), "{table}{warning}");
    let page = runs.path().join("both.html");
    let (_, warning) = success(program().arg("report").args([&one, &other]).arg("-o").arg(&page));
    assert!(!fs::read_to_string(page).unwrap().contains(&shown) && warning.contains("replaces it"), "{warning}");

    assert!(!one.join("report.html").exists());
    let server = Served::start(runs.path(), DEVICE, &[other.to_str().unwrap()]);
    let served = server.get("/api/runs").json();
    let served = served.as_array().unwrap().iter().find(|run| run["run"] == "one").unwrap();
    assert_eq!((&served["test_error"], &served["report"]), (&Value::Null, &Value::Bool(false)));

    // The way out.
    success(program().arg("evaluate").arg(&one));
    assert_eq!(test_error(&one), json(&one.join("evaluation.json"))["wrong"].as_f64().unwrap() / 10_000.0);
    assert!(one.join("report.html").exists());
}

#[test]
#[cfg(unix)]
fn run_killed_before_its_evaluation_is_evaluated_by_resume() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("run");
    success(&mut tiny(&run, 1));
    let mut command = program();
    command.arg("resume").arg(&run).args(["--set", "training.epochs=3"]).env("MNIST_BURN_TEST_WRITE_PAUSE", "400");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    while json(&run.join("record.json"))["training"]["epochs"] != 3 {
        assert!(begin.elapsed() < Duration::from_secs(60), "the training does not end");
        sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(test_error(&run), Value::Null);
    let before = json(&run.join("record.json"));

    let mut resume = program();
    let (report, message) = success(resume.arg("resume").arg(&run));
    assert!(message.contains("is finished, but not evaluated yet") && !message.contains("epoch 1/3"), "{message}");
    assert!(report.contains("model           epoch") && report.contains("report.html"), "{report}");
    let found = test_error(&run).as_f64().unwrap();
    let wrong = format!("wrong           {} of 10000", (found * 10_000.0).round());
    assert!(stdout(program().arg("evaluate").arg(&run)).contains(&wrong), "{wrong}");
    assert_eq!(json(&run.join("record.json")), before);
    assert!(fs::read_dir(&run).unwrap().all(|entry| !entry.unwrap().file_name().to_string_lossy().ends_with(".tmp")));
}

#[test]
fn run_without_a_test_is_evaluated_later_and_keeps_its_time() {
    let runs = tempfile::tempdir().unwrap();
    let [evaluated, resumed] = ["evaluated", "resumed"].map(|name| runs.path().join(name));
    success(tiny(&evaluated, 2).arg("--no-test"));
    fs::create_dir(&resumed).unwrap();
    for name in ["config.toml", "record.json", "metrics.csv", "best.safetensors", "checkpoint.mpk"] {
        fs::copy(evaluated.join(name), resumed.join(name)).unwrap();
    }
    let record = fs::read(evaluated.join("record.json")).unwrap();
    success(program().arg("evaluate").arg(&evaluated));
    success(program().arg("resume").arg(&resumed));
    for name in ["evaluation.json", "record.json"] {
        assert!(fs::read(evaluated.join(name)).unwrap() == fs::read(resumed.join(name)).unwrap(), "{name}");
    }
    assert!(fs::read(evaluated.join("record.json")).unwrap() == record);
    assert!(evaluated.join("report.html").exists() && resumed.join("report.html").exists());

    // More epochs are allowed, but the training is over all the same: nothing but its evaluation is missing.
    fs::remove_file(resumed.join("evaluation.json")).unwrap();
    success(program().arg("resume").arg(&resumed).args(["--set", "early_stopping.target_error=1.0"]));
    let time = |run: &Path| json(&run.join("record.json"))["training"]["wall_seconds"].clone();
    assert_eq!(time(&resumed), time(&evaluated));
}

#[test]
fn evaluation_without_checksums_does_not_count() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("run");
    smoke().copy_to(&run);
    let path = run.join("evaluation.json");
    for key in ["model", "data"] {
        let mut old = json(&smoke().run.join("evaluation.json"));
        old.as_object_mut().unwrap().remove(key);
        fs::write(&path, old.to_string()).unwrap();
        assert_eq!(test_error(&run), Value::Null, "{key}");
        let (_, message) = success(program().args(["runs", "--runs"]).arg(runs.path()));
        assert!(message.contains(&format!("`mnist-burn evaluate {}`", run.display())), "{message}");
    }
    success(program().arg("evaluate").arg(&run));
    assert!(fs::read(&path).unwrap() == fs::read(smoke().run.join("evaluation.json")).unwrap());
}

#[test]
fn damaged_evaluation_is_named_and_replaced() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("run");
    smoke().copy_to(&run);
    let path = run.join("evaluation.json");
    for damaged in ["{", "{\"images\": 1e300}"] {
        fs::write(&path, damaged).unwrap();
        let message = success(program().args(["runs", "--runs"]).arg(runs.path())).1;
        assert!(message.contains("evaluation.json is damaged: `mnist-burn evaluate"), "{message}");
    }
    success(program().arg("evaluate").arg(&run));
    assert!(fs::read(&path).unwrap() == fs::read(smoke().run.join("evaluation.json")).unwrap());
}

/// A run on images of the test's own, with the folder of these images.
fn own_run() -> (TempDir, std::path::PathBuf, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let [run, data] = ["run", "data"].map(|name| folder.path().join(name));
    fs::create_dir(&data).unwrap();
    write_own(&data, "train", 300);
    write_own(&data, "t10k", 30);
    let mut command = program();
    command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--run"]).arg(&run);
    command.args(["--set", "data.dataset=idx", "--set", &format!("data.dir={}", data.display())]);
    success(command.args(["--set", "data.validation=30", "--set", "training.batch_size=10"]));
    (folder, run, data)
}

#[test]
fn evaluation_on_other_images_is_not_stored() {
    let (folder, run, data) = own_run();
    let before = contents(&run);
    write_own(&data, "t10k", 60);
    let (text, warning) = success(program().arg("evaluate").arg(&run));
    assert!(text.contains("of 60") && warning.contains("the data files differ from those"), "{text}{warning}");
    let message = failure(program().arg("report").arg(&run));
    assert!(
        message.contains("has other test images, so this is not stored") && message.contains("--output FILE"),
        "{message}"
    );
    assert_eq!(contents(&run), before);
    let elsewhere = folder.path().join("elsewhere.html");
    success(program().arg("report").arg(&run).arg("-o").arg(&elsewhere));
    assert!(elsewhere.exists());

    fs::remove_file(run.join("evaluation.json")).unwrap();
    success(program().arg("evaluate").arg(&run));
    assert!(!run.join("evaluation.json").exists());
    assert!(failure(program().arg("resume").arg(&run)).contains("has other test images, so this is not stored"));
}

#[test]
fn refused_resume_writes_nothing() {
    let (folder, run, _) = own_run();
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    write_own(&other, "train", 270);
    write_own(&other, "t10k", 30);
    let mut before = contents(&run);
    let resume = |sets: &[String]| {
        let mut command = program();
        command.arg("resume").arg(&run).args(["--set", "training.epochs=4"]);
        sets.iter().for_each(|set| _ = command.args(["--set", set]));
        failure(&mut command)
    };
    let message = resume(&[format!("data.dir={}", other.display())]);
    assert!(message.contains("the data files differ from those that it was started with"), "{message}");
    assert_eq!(contents(&run), before);

    // The state of another optimiser decodes, but does not fit.
    let checkpoint = run.join("checkpoint.mpk");
    let bytes = fs::read(&checkpoint).unwrap();
    let mut parts: mnist_burn::run::Checkpoint = mnist_burn::run::Checkpoint::from_bytes(&bytes, &checkpoint).unwrap();
    let state = parts.optimizer.clone();
    for damaged in [vec![], b"no state".to_vec(), state[..state.len() / 2].to_vec()] {
        parts.optimizer = damaged;
        fs::write(&checkpoint, parts.to_bytes()).unwrap();
        before = contents(&run);
        let message = resume(&[]);
        assert!(
            message.contains("checkpoint.mpk") && message.contains("the optimiser's state can't be used"),
            "{message}"
        );
        assert_eq!(contents(&run), before);
    }
}

#[test]
fn newest_run_is_the_one_that_was_started_last() {
    let runs = tempfile::tempdir().unwrap();
    // The files of the older run are newer.
    for (name, started) in [("newer", 2e9), ("older", 1e9)] {
        let run = runs.path().join(name);
        smoke().copy_to(&run);
        let mut record = json(&run.join("record.json"));
        record["started"] = started.into();
        fs::write(run.join("record.json"), record.to_string()).unwrap();
        sleep(Duration::from_millis(20));
        fs::write(run.join("config.toml"), fs::read(smoke().run.join("config.toml")).unwrap()).unwrap();
    }
    let list = stdout(program().args(["runs", "--runs"]).arg(runs.path()));
    let names: Vec<&str> = list.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["older", "newer"]);
    let server = Served::start(runs.path(), DEVICE, &[]);
    let served = server.get("/api/runs").json();
    assert_eq!((&served[0]["run"], &served[0]["default"]), (&"newer".into(), &true.into()));
}

#[test]
fn devices_of_earlier_epochs_are_recorded() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("run");
    success(tiny(&run, 1).arg("--no-test"));
    let resume = |device: &str, epochs: usize| {
        let mut command = program();
        command.arg("resume").arg(&run).args(["--device", device, "--set", &format!("training.epochs={epochs}")]);
        success(&mut command);
        let record = json(&run.join("record.json"));
        (record["device"].clone(), record["earlier_devices"].clone())
    };
    let other = if cfg!(all(feature = "ndarray", feature = "flex")) { "flex" } else { DEVICE };
    let earlier = if other == DEVICE { Value::Null } else { [DEVICE].as_slice().into() };
    assert_eq!(resume(other, 2), (other.into(), earlier.clone()));
    assert_eq!(resume(other, 3), (other.into(), earlier));
}
