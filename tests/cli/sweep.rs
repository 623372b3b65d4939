//! `mnist-burn sweep`: trains variants of an experiment, chooses one, and evaluates it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use super::{DEVICE, failure, folders, program, stdout, success};

/// Trainings of a second. The second trial learns, the first one hardly does.
const TINY: &str = "base = 'config/smoke.toml'\nseeds = [1, 2]\n[grid]\n'optimizer.learning_rate' = [1e-7, 0.05]\n\
    'training.epochs' = [1]\n'training.batch_size' = [4096]\n'model.hidden' = [[2]]";

const RUNS: [&str; 4] = [
    "learning_rate=0.0000001-seed1",
    "learning_rate=0.0000001-seed2",
    "learning_rate=0.05-seed1",
    "learning_rate=0.05-seed2",
];

/// A folder with the sweep file `tiny.toml`, and `runs` for its runs.
struct TinySweep(TempDir);

impl TinySweep {
    fn new(text: &str) -> Self {
        let tiny = Self(tempfile::tempdir().unwrap());
        fs::write(tiny.file(), text).unwrap();
        tiny
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

/// The finished tiny sweep, with its stdout and stderr.
fn swept() -> &'static (TinySweep, String, String) {
    static SWEPT: OnceLock<(TinySweep, String, String)> = OnceLock::new();
    SWEPT.get_or_init(|| {
        let tiny = TinySweep::new(TINY);
        let (stdout, stderr) = success(&mut tiny.sweep(&[]));
        (tiny, stdout, stderr)
    })
}

/// Copies a folder recursively.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in folders(from) {
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &to) } else { _ = fs::copy(&path, &to).unwrap() }
    }
}

/// A copy of the finished tiny sweep.
fn copied() -> TinySweep {
    let tiny = TinySweep::new(TINY);
    copy(&swept().0.folder(), &tiny.folder());
    tiny
}

#[test]
fn sweep_runs_each_trial_with_each_seed_in_a_folder_of_its_own() {
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
fn sweep_chooses_the_lowest_validation_error_and_evaluates_only_that_trial() {
    let (tiny, stdout, _) = swept();
    let results = tiny.results();
    assert_eq!(results["chosen"], "learning_rate=0.05");
    let mean = |trial: usize| results["trials"][trial]["validation_error"]["mean"].as_f64().unwrap();
    assert!(mean(1) < mean(0), "{results:#}");
    let tested: Vec<bool> = RUNS.iter().map(|run| tiny.folder().join(run).join("evaluation.json").exists()).collect();
    assert_eq!(tested, [false, false, true, true]);
    let shown = RUNS.map(|run| tiny.folder().join(run).join("report.html").exists());
    assert_eq!(shown.as_slice(), tested);

    let errors: Vec<f64> = RUNS[2..]
        .iter()
        .map(|run| fs::read(tiny.folder().join(run).join("evaluation.json")).unwrap())
        .map(|bytes| serde_json::from_slice::<Value>(&bytes).unwrap()["wrong"].as_f64().unwrap() / 10_000.0)
        .collect();
    let (mean, deviation) = ((errors[0] + errors[1]) / 2.0, (errors[0] - errors[1]).abs() / 2.0_f64.sqrt());
    assert!((results["test_error"]["mean"].as_f64().unwrap() - mean).abs() < 1e-12, "{results:#}");
    assert!((results["test_error"]["deviation"].as_f64().unwrap() - deviation).abs() < 1e-12, "{results:#}");
    let shown = format!("test error      {:.2} ± {:.2} %, 2 seeds", 100.0 * mean, 100.0 * deviation);
    assert!(stdout.contains(&shown), "{shown} in {stdout}");
    let wrong = |run: &str| {
        results["trials"][1]["runs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["run"].as_str().unwrap().ends_with(run))
            .unwrap()["validation_wrong"]
            .as_u64()
            .unwrap()
    };
    let best = RUNS[2..].iter().min_by_key(|run| wrong(run)).unwrap();
    assert!(stdout.contains(&format!("its best run    {}", tiny.folder().join(best).display())), "{stdout}");
    assert!(stdout.lines().nth(1).unwrap().starts_with("learning_rate=0.05"), "the best first: {stdout}");
}

#[test]
fn sweep_run_again_trains_nothing_and_prints_the_same() {
    let tiny = copied();
    let before = fs::read(tiny.folder().join(RUNS[2]).join("metrics.csv")).unwrap();
    let (stdout, stderr) = success(&mut tiny.sweep(&[]));
    let [own, first] = [&tiny, &swept().0].map(|tiny| tiny.folder().display().to_string());
    assert_eq!(stdout.replace(&own, &first), swept().1);
    assert_eq!(stderr.matches("finished already").count(), 4, "{stderr}");
    assert!(!stderr.contains("epoch 1/1"), "{stderr}");
    assert!(before == fs::read(tiny.folder().join(RUNS[2]).join("metrics.csv")).unwrap());
}

#[test]
fn sweep_run_again_trains_the_missing_runs() {
    let tiny = copied();
    fs::remove_dir_all(tiny.folder().join(RUNS[1])).unwrap();
    let (stdout, stderr) = success(&mut tiny.sweep(&["--json"]));
    assert_eq!(stderr.matches("epoch 1/1").count(), 1, "{stderr}");
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), tiny.results());
    assert_eq!(tiny.results()["trials"][0]["validation_error"], swept().0.results()["trials"][0]["validation_error"]);
}

#[test]
fn sweep_ends_with_an_ensemble_of_the_chosen_trial_if_asked_for_it() {
    let tiny = copied();
    let (_, notes) = success(&mut tiny.sweep(&["--ensemble"]));
    let ensemble = tiny.folder().join("learning_rate=0.05-ensemble");
    assert!(notes.contains(&format!("ensemble in {}, test error ", ensemble.display())), "{notes}");
    let record: Value = serde_json::from_slice(&fs::read(ensemble.join("record.json")).unwrap()).unwrap();
    let members: Vec<PathBuf> =
        record["members"].as_array().unwrap().iter().map(|it| it["run"].as_str().unwrap().into()).collect();
    assert_eq!(members, [2, 3].map(|run| tiny.folder().join(RUNS[run])));
    assert!(ensemble.join("evaluation.json").exists());
    // Once more, it may be one of other runs: it is not replaced without a word.
    fs::write(ensemble.join("evaluation.json"), "{}").unwrap();
    success(&mut tiny.sweep(&["--ensemble"]));
    assert!(fs::read(ensemble.join("evaluation.json")).unwrap().len() > 2, "it is made again");
}

#[test]
fn sweep_is_removed_with_all_its_runs() {
    let tiny = copied();
    let runs = tiny.0.path().join("runs");
    let rm = |more: &[&str]| stdout(program().args(["runs", "rm", "tiny", "--runs"]).arg(&runs).args(more));
    assert_eq!(rm(&["--dry-run"]).trim_end(), tiny.folder().to_str().unwrap());
    assert!(tiny.folder().exists());
    rm(&[]);
    assert!(runs.exists() && !tiny.folder().exists());
}

#[test]
fn sweep_with_an_added_value_keeps_the_existing_runs() {
    let tiny = copied();
    fs::write(tiny.file(), TINY.replace("[1e-7, 0.05]", "[1e-7, 0.02, 0.05]")).unwrap();
    let (_, stderr) = success(&mut tiny.sweep(&[]));
    assert_eq!(stderr.matches("finished already").count(), 4, "{stderr}");
    assert_eq!(folders(&tiny.folder()).iter().filter(|path| path.is_dir()).count(), 6);
}

#[test]
fn collect_reports_missing_runs_and_then_evaluates_nothing() {
    let tiny = copied();
    fs::remove_dir_all(tiny.folder().join(RUNS[1])).unwrap();
    fs::remove_file(tiny.folder().join(RUNS[2]).join("evaluation.json")).unwrap();
    let output = tiny.sweep(&["--collect"]).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("1 of 4 runs are not finished") && stderr.contains(RUNS[1]), "{stderr}");
    assert!(stdout.contains("1/2") && stdout.contains("missing") && !stdout.contains("chosen"), "{stdout}");
    assert_eq!(tiny.results()["chosen"], Value::Null);
    assert!(!tiny.folder().join(RUNS[2]).join("evaluation.json").exists());
}

#[test]
#[cfg(unix)]
fn listed_commands_train_runs_that_collect_collects() {
    let tiny = TinySweep::new(&TINY.replace("seeds = [1, 2]", "seeds = [2]"));
    let list = stdout(&mut tiny.sweep(&["--list"]));
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(!tiny.folder().exists(), "listing trains nothing");
    let path = Path::new(env!("CARGO_BIN_EXE_mnist-burn")).parent().unwrap();
    for line in list.lines() {
        success(Command::new("/bin/sh").args(["-c", line]).current_dir(env!("CARGO_MANIFEST_DIR")).env("PATH", path));
    }
    assert!(!tiny.folder().join(RUNS[3]).join("evaluation.json").exists(), "the runs don't use the test set");
    stdout(&mut tiny.sweep(&["--collect"]));
    let (listed, swept) = (tiny.results(), swept().0.results());
    assert_eq!(listed["chosen"], "learning_rate=0.05");
    let loss = |results: &Value, run: usize| results["trials"][1]["runs"][run]["validation_loss"].clone();
    assert_eq!(loss(&listed, 0), loss(&swept, 1));
}

#[test]
fn run_of_another_experiment_is_kept_and_the_sweep_trains_its_own_beside_it() {
    let tiny = copied();
    let config = tiny.folder().join(RUNS[2]).join("config.toml");
    let text = fs::read_to_string(&config).unwrap().replace("batch_size = 4096", "batch_size = 2048");
    fs::write(&config, &text).unwrap();
    let (_, stderr) = success(&mut tiny.sweep(&[]));
    assert_eq!(stderr.matches("epoch 1/1").count(), 1, "{stderr}");
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
    let (first, again) = (swept().0.results(), tiny.results());
    let run = again["trials"][1]["runs"][0]["run"].as_str().unwrap();
    assert!(run.ends_with(&format!("{}-2", RUNS[2])), "{run}");
    assert_eq!(again["trials"][1]["validation_error"], first["trials"][1]["validation_error"]);
}

#[test]
fn sweep_with_an_added_key_reuses_the_runs_that_have_its_value_already() {
    let tiny = copied();
    fs::write(tiny.file(), format!("{TINY}\n'model.activation' = ['relu', 'tanh']")).unwrap();
    let (_, stderr) = success(&mut tiny.sweep(&[]));
    assert_eq!(stderr.matches("finished already").count(), 4, "{stderr}");
    assert_eq!(stderr.matches("epoch 1/1").count(), 4, "{stderr}");
}

#[test]
fn jobs_train_the_same_runs_in_several_processes() {
    let tiny = TinySweep::new(TINY);
    let (stdout, stderr) = success(&mut tiny.sweep(&["--jobs", "2"]));
    assert!(stderr.contains("2 jobs, threads of each: "), "{stderr}");
    for run in RUNS {
        // A job that comes to a run just when another one has finished it says so too.
        assert!(stderr.contains(&format!("{run}: finished\n")), "{stderr}");
        let model = |folder: PathBuf| fs::read(folder.join(run).join("last.safetensors")).unwrap();
        assert!(model(tiny.folder()) == model(swept().0.folder()), "{run}");
    }
    assert!(stdout.contains("test error"), "{stdout}");
}

#[test]
fn sweep_from_standard_input_is_trained_by_one_process() {
    let tiny = TinySweep::new(TINY);
    let mut command = program();
    command.args(["sweep", "-", "--jobs", "2", "--device", DEVICE, "--runs"]).arg(tiny.0.path());
    let text = TINY.replace("[1, 2]", "[1]").replace("[1e-7, 0.05]", "[0.05]");
    fs::write(tiny.file(), format!("name = 'piped'\n{text}")).unwrap();
    command.stdin(fs::File::open(tiny.file()).unwrap());
    let (stdout, stderr) = success(&mut command);
    assert!(stdout.contains("test error") && !stderr.contains("2 jobs"), "{stderr}");
}

#[test]
fn job_that_fails_fails_the_sweep_with_its_code() {
    let tiny = TinySweep::new(&TINY.replace("[[2]]", "[[2]]\n'data.dir' = ['/no/such/folder']"));
    let output = tiny.sweep(&["--jobs", "2"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("/no/such/folder") && stderr.contains("a job has failed or was stopped"), "{stderr}");
}

#[test]
fn halving_ends_hopeless_trials_early_and_chooses_among_the_others() {
    let text = TINY
        .replace("[1e-7, 0.05]", "[1e-7, 0.05, 1e-6, 0.03]")
        .replace("'training.epochs' = [1]", "'training.epochs' = [3]");
    let text = text.replace("seeds = [1, 2]", "seeds = [1]") + "\n[halving]\nepochs = [1, 2]";
    let tiny = TinySweep::new(&text);
    let (stdout, stderr) = success(&mut tiny.sweep(&[]));
    assert_eq!(stderr.matches("paused after epoch 1").count(), 4, "{stderr}");
    assert_eq!(stderr.matches("paused after epoch 2").count(), 2, "{stderr}");
    assert_eq!(stderr.matches("epoch 3/3").count(), 1, "{stderr}");
    let results = tiny.results();
    let ended: Vec<_> = (0..4).map(|trial| results["trials"][trial]["ended_after"].as_u64()).collect();
    assert!(ended[0] == Some(1) && ended[2] == Some(1), "{results:#}");
    assert_eq!(ended.iter().filter(|&&ended| ended == Some(2)).count(), 1, "{results:#}");
    let chosen = results["trials"].as_array().unwrap().iter().find(|trial| trial.get("ended_after").is_none()).unwrap();
    assert_eq!(results["chosen"], chosen["trial"]);
    assert!(stdout.contains("ended after epoch 1") && stdout.contains("test error"), "{stdout}");
    // The trial that is left is trained as it would have been without a pause.
    let whole = TinySweep::new(&text.replace("[halving]\nepochs = [1, 2]", ""));
    success(&mut whole.sweep(&[]));
    let model = |tiny: &TinySweep| {
        fs::read(tiny.folder().join(format!("{}-seed1", results["chosen"].as_str().unwrap())).join("last.safetensors"))
    };
    assert!(model(&tiny).unwrap() == model(&whole).unwrap());
    let (again, stderr) = success(&mut tiny.sweep(&[]));
    assert!(again == stdout && !stderr.contains("epoch 1/3"), "{stderr}");
}

#[test]
fn sweep_problems_are_reported_before_any_training() {
    let tiny =
        TinySweep::new(&TINY.replace("'training.epochs' = [1]", "'training.epoch' = [1]\n'model.dropout' = [0.1, 1]"));
    let message = failure(&mut tiny.sweep(&[]));
    assert!(message.contains("2 problems in") && message.contains("tiny.toml"), "{message}");
    assert!(message.contains("line 5: training.epoch = 1: unknown key; did you mean training.epochs?"), "{message}");
    assert!(message.contains("line 6: model.dropout = 1: must be"), "{message}");
    assert!(!tiny.folder().exists());
    let message = failure(program().args(["sweep", "no/such.toml"]));
    assert!(message.contains("no/such.toml") && message.contains("because:"), "{message}");
}

#[test]
fn trial_that_diverges_is_a_result() {
    let text = TINY.replace("[1e-7, 0.05]", "[1000, 0.05]\n'optimizer.kind' = ['sgd']\n'model.dropout' = [0]");
    let tiny = TinySweep::new(&text.replace("[1, 2]", "[1]").replace("[[2]]", "[[64, 64, 64, 64]]"));
    let (stdout, stderr) = success(&mut tiny.sweep(&[]));
    assert!(stderr.contains("the training diverged"), "{stderr}");
    assert_eq!(tiny.results()["chosen"], "learning_rate=0.05");
    let diverged = stdout.lines().find(|line| line.starts_with("learning_rate=1000"));
    assert!(diverged.is_some_and(|line| line.ends_with("diverged")), "{stdout}");
    let (_, stderr) = success(&mut tiny.sweep(&[]));
    assert!(stderr.contains("diverged already") && !stderr.contains("epoch 1/1"), "{stderr}");
}

#[test]
fn sweep_on_two_devices_is_evaluated_on_the_first_and_is_another_one_on_one() {
    let tiny = TinySweep::new("base = 'config/smoke.toml'\nseeds = [1]\n[grid]\n'training.epochs' = [1]");
    let sweep = |devices: &str| {
        let mut command = program();
        command.arg("sweep").arg(tiny.file()).args(["--device", devices, "--runs"]);
        command.arg(tiny.0.path().join("runs"));
        command
    };
    let (report, _) = success(&mut sweep(&format!("{DEVICE},{DEVICE}")));
    assert!(report.contains("test error"), "{report}");
    let (_, stderr) = success(&mut sweep(DEVICE));
    assert!(stderr.contains("epoch 1/1"), "a batch of each device made an update, so the run is another one: {stderr}");
}
