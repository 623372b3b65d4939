//! `mnist-burn runs`: lists and comparisons of runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::named::started;
use super::trained::smoke;
use super::{failure, program, stdout, success};

/// A folder with copies of the smoke run under these names.
fn runs(names: &[&str]) -> TempDir {
    let runs = tempfile::tempdir().unwrap();
    names.iter().for_each(|name| smoke().copy_to(&runs.path().join(name)));
    runs
}

/// Replaces text in a file, which must contain it.
pub fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

/// Makes a finished run unfinished.
pub fn unfinish(run: &Path) {
    let record = run.join("record.json");
    let mut contents: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    contents["training"] = Value::Null;
    fs::write(record, contents.to_string()).unwrap();
}

pub fn list(runs: &TempDir, arguments: &[&str]) -> String {
    stdout(program().args(["runs", "--runs"]).arg(runs.path()).args(arguments))
}

fn list_json(runs: &TempDir) -> Vec<Value> {
    serde_json::from_str(&list(runs, &["--json"])).unwrap()
}

/// The first word of each line but the heading.
pub fn names(list: &str) -> Vec<&str> {
    list.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect()
}

#[test]
fn run_without_a_finished_epoch_took_no_time() {
    let runs = runs(&["a"]);
    let run = runs.path().join("a");
    unfinish(&run);
    let table = fs::read_to_string(run.join("metrics.csv")).unwrap();
    fs::write(run.join("metrics.csv"), format!("{}\n", table.lines().next().unwrap())).unwrap();
    let listed = list(&runs, &["--json"]);
    assert!(listed.contains("\"seconds\": 0.0"), "{listed}");
}

#[test]
fn runs_prints_a_line_per_run_and_finds_those_of_sweeps() {
    let runs = runs(&["first", "sweep/trial-seed1"]);
    fs::create_dir(runs.path().join("no-run")).unwrap();
    let (list, message) = success(program().args(["runs", "--runs"]).arg(runs.path()));
    let evaluation: Value = serde_json::from_slice(&fs::read(smoke().run.join("evaluation.json")).unwrap()).unwrap();
    let error = format!("{:.2} %", evaluation["wrong"].as_f64().unwrap() / 100.0);
    for line in list.lines().skip(1) {
        assert!(line.contains("smoke") && line.contains("2/2") && line.contains(&error), "{list}");
        assert!(line.ends_with("finished"), "{list}");
    }
    assert_eq!(names(&list), ["first", "sweep/trial-seed1"]);
    assert_eq!(message, "");
}

#[test]
fn runs_json_has_an_object_per_run_with_the_metrics_of_the_best_epoch() {
    let runs = runs(&["one"]);
    let [run] = &list_json(&runs)[..] else { panic!("one run") };
    assert_eq!(run["run"], runs.path().join("one").to_str().unwrap());
    assert_eq!((&run["status"], &run["config"], &run["epochs"]), (&"finished".into(), &"smoke".into(), &2.into()));
    let metrics = fs::read_to_string(smoke().run.join("metrics.csv")).unwrap();
    let errors = metrics.lines().skip(1).map(|row| 1.0 - row.split(',').nth(4).unwrap().parse::<f64>().unwrap());
    let least = errors.fold(1.0, f64::min);
    assert!((run["validation_error"].as_f64().unwrap() - least).abs() < 1e-9, "{run} {metrics}");
}

#[test]
fn runs_are_sorted_with_the_largest_last_and_those_without_a_value_after_it() {
    let runs = runs(&["c", "a", "b"]);
    replace(&runs.path().join("a/record.json"), "\"wall_seconds\": ", "\"wall_seconds\": 9");
    fs::remove_file(runs.path().join("c/evaluation.json")).unwrap();
    let path = runs.path().join("a/evaluation.json");
    let mut worse: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let [wrong, right] = ["/wrong", "/confusion/0/0"].map(|pointer| worse.pointer(pointer).unwrap().as_u64().unwrap());
    let moved = worse["confusion"][0][1].as_u64().unwrap() + right;
    (worse["wrong"], worse["confusion"][0][0], worse["confusion"][0][1]) =
        ((wrong + right).into(), 0.into(), moved.into());
    fs::write(path, worse.to_string()).unwrap();
    assert_eq!(names(&list(&runs, &["--sort", "name"])), ["a", "b", "c"]);
    assert_eq!(names(&list(&runs, &["--sort", "duration"])), ["b", "c", "a"]);
    assert_eq!(names(&list(&runs, &["--sort", "test"])), ["b", "a", "c"]);

    for (run, started) in ["b", "c", "a"].iter().zip([1e9, 2e9, 3e9]) {
        let path = runs.path().join(run).join("record.json");
        let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        record["started"] = started.into();
        fs::write(path, record.to_string()).unwrap();
    }
    assert_eq!(names(&list(&runs, &[])), ["b", "c", "a"]);
}

#[test]
fn unfinished_run_is_training_while_its_folder_is_locked_and_otherwise_interrupted() {
    let runs = runs(&["it"]);
    unfinish(&runs.path().join("it"));
    assert_eq!(list_json(&runs)[0]["status"], "interrupted");
    let lock = fs::File::create(runs.path().join("it/.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(list_json(&runs)[0]["status"], "training");
    lock.unlock().unwrap();
    assert_eq!(list_json(&runs)[0]["status"], "interrupted");
}

#[test]
fn damaged_run_is_listed_as_such_and_does_not_stop_the_rest() {
    let runs = runs(&["a", "b", "c"]);
    fs::write(runs.path().join("a/record.json"), "{").unwrap();
    fs::write(runs.path().join("b/config.toml"), "seed = 'x'").unwrap();
    fs::create_dir(runs.path().join("d")).unwrap();
    fs::write(runs.path().join("d/record.json"), "{").unwrap();
    let (list, message) = success(program().args(["runs", "--sort", "name", "--runs"]).arg(runs.path()));
    let ends: Vec<&str> = list.lines().skip(1).map(|line| line.split_whitespace().last().unwrap()).collect();
    assert_eq!(ends, ["damaged", "damaged", "finished"], "{list}");
    assert!(message.contains("a/record.json is damaged") && message.contains("seed = 'x'"), "{message}");
    assert!(message.contains("d is skipped"), "{message}");
    assert_eq!(list_json(&runs).iter().filter(|run| run["status"] == "damaged").count(), 2);
}

#[test]
fn folder_without_runs_is_an_empty_list_and_a_missing_folder_is_an_error() {
    let runs = tempfile::tempdir().unwrap();
    assert_eq!(list(&runs, &[]), "");
    assert_eq!(list_json(&runs), Vec::<Value>::new());
    let message = failure(program().args(["runs", "--runs", "no/such/folder"]));
    assert!(message.contains("can't list the runs in no/such/folder") && message.contains("--runs"), "{message}");
}

#[test]
fn runs_compares_two_runs_by_their_differences() {
    let runs = runs(&["a", "b"]);
    let (a, b) = (runs.path().join("a"), runs.path().join("b"));
    replace(&b.join("config.toml"), "learning_rate = 0.005", "learning_rate = 0.01");
    let table = stdout(program().arg("runs").args([&a, &b]));
    let row = |key: &str| {
        let line = table.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key} in {table}"));
        line[key.len()..].split_whitespace().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(row("optimizer.learning_rate"), ["0.005", "0.01"]);
    assert_eq!(row("epochs"), ["2/2", "2/2"]);
    assert!(!table.contains("model.hidden"), "{table}");
    assert_eq!(stdout(program().arg("compare").args([&a, &b])), table);
    assert_eq!(stdout(program().arg("runs").arg(&a)), stdout(program().arg("show").arg(&a)), "one is shown");

    let json: Value = serde_json::from_str(&stdout(program().arg("runs").args([&a, &b]).arg("--json"))).unwrap();
    let expected = serde_json::json!([{ "key": "optimizer.learning_rate", "values": [0.005, 0.01] }]);
    assert_eq!(json["config"], expected);
    assert_eq!(json["results"][1]["status"], "finished");
}

#[test]
fn folder_that_is_not_a_run_cannot_be_compared() {
    let message = failure(program().args(["runs", "config"]).arg(&smoke().run));
    assert!(message.contains("config"), "{message}");
}

#[test]
fn list_has_date_seed_device_and_size_and_keeps_what_is_asked_for() {
    let runs = started(&["a", "b", "c"]);
    replace(&runs.path().join("b/config.toml"), "learning_rate = 0.005", "learning_rate = 0.01");
    let all = list(&runs, &[]);
    let heading = "run  config  started  seed  device  epochs  validation error  test error  time  size  state";
    assert_eq!(
        all.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" "),
        heading.replace("  ", " ")
    );
    assert!(all.contains("2001-09-") && all.contains(" kB") | all.contains(" MB"), "{all}");
    assert_eq!(names(&list(&runs, &["--limit", "2"])), ["b", "c"]);
    for word in ["ls", "list"] {
        assert_eq!(stdout(program().args(["runs", word, "--runs"]).arg(runs.path())), all);
    }
    assert_eq!(names(&list(&runs, &["--limit", "2", "--sort", "name"])), ["a", "b"]);
    for rate in ["0.01", "1e-2", "0.010"] {
        assert_eq!(names(&list(&runs, &["--filter", &format!("optimizer.learning_rate={rate}")])), ["b"]);
    }
    for written in ["model.noise=0", "model.hidden=[16]", "optimizer.kind=\"adam\"", "optimizer.kind=adam"] {
        assert_eq!(names(&list(&runs, &["--filter", written])), ["a", "b", "c"], "{written}");
    }
    assert_eq!(names(&list(&runs, &["--filter", "state=finished", "--filter", "config=smoke"])), ["a", "b", "c"]);
    let (none, warning) = success(program().args(["runs", "--filter", "sede=1", "--runs"]).arg(runs.path()));
    assert!(
        none.is_empty() && warning.contains("no run has a key sede, and the columns are config, "),
        "{none}{warning}"
    );
}

#[test]
fn list_has_the_columns_that_are_asked_for_and_keys_of_the_config_among_them() {
    let runs = runs(&["a", "b"]);
    replace(&runs.path().join("b/config.toml"), "learning_rate = 0.005", "learning_rate = 0.01");
    let list = list(&runs, &["--columns", "test-error,optimizer.learning_rate,nothing", "--sort", "name"]);
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["run", "test-error", "optimizer.learning_rate", "nothing"]);
    assert!(rows[1][0] == "a" && rows[1][2] == "%" && rows[1][3..] == ["0.005", "-"], "{list}");
    assert_eq!(rows[2][3..], ["0.01", "-"]);
    let (_, warning) = success(program().args(["runs", "--columns", "nothing", "--runs"]).arg(runs.path()));
    assert!(warning.contains("no run has a key nothing, and the columns are config, started, "), "{warning}");
    let (_, warning) = success(program().args(["runs", "--columns", "learning_rate", "--runs"]).arg(runs.path()));
    assert!(warning.contains("learning_rate: its whole name is optimizer.learning_rate"), "{warning}");
    let filtered = |filter: &str| {
        let mut command = program();
        stdout(command.args(["runs", "--columns", "test", "--filter", filter, "--runs"]).arg(runs.path()))
            .lines()
            .count()
    };
    assert_eq!([filtered("epochs=2"), filtered("epochs=2/2"), filtered("epochs=3")], [3, 3, 0]);
    let errors = stdout(program().args(["runs", "--columns", "test_error", "--runs"]).arg(runs.path()));
    let error = errors.lines().nth(1).unwrap().split_whitespace().nth(1).unwrap();
    assert_eq!(filtered(&format!("test-error={error}")), 3, "{error}");
    let named =
        stdout(program().args(["runs", "--columns", "seed,run", "--filter", "run=a", "--runs"]).arg(runs.path()));
    let rows: Vec<Vec<&str>> = named.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), ["run", "a"], "the name is the first column");
    assert!(rows.iter().all(|row| row.len() == 2), "and the only one of names: {named}");
    let before = stdout(program().arg("--runs").arg(runs.path()).args(["--color", "never", "runs", "--sort", "name"]));
    assert_eq!(names(&before), ["a", "b"], "options of the program may come first");
}

#[test]
fn json_lines_of_the_list_are_the_objects_of_its_json() {
    let runs = runs(&["a", "b"]);
    let lines = list(&runs, &["--jsonl"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, list_json(&runs));
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["settings"]["optimizer.learning_rate"], 0.005);
    assert_eq!(list(&tempfile::tempdir().unwrap(), &["--jsonl"]), "");
}

#[test]
fn show_has_config_network_curves_results_and_files() {
    let runs = started(&["it"]);
    let shown = stdout(program().args(["show", "latest", "--runs"]).arg(runs.path()));
    for text in
        ["finished, 2 of 2 epochs", "model.hidden = [16]", "hidden.0, relu", "12,560", "in all", "best.safetensors"]
    {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let curve = shown.lines().find(|line| line.starts_with("training loss")).unwrap();
    assert!(curve.contains('█') && curve.contains('▁'), "{shown}");
    let json = stdout(program().args(["show", "--json", "--runs"]).arg(runs.path()));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["epochs"] == 2 && json["evaluation"]["wrong"].is_u64() && json["files"].is_array(), "{json}");
    let summary = stdout(program().args(["summary", "--config", "config/smoke.toml"]));
    assert!(summary.contains("hidden.0, relu") && summary.contains("updates"), "{summary}");
}

#[test]
fn export_has_a_row_an_epoch_with_the_keys_of_the_config() {
    let runs = runs(&["one", "two"]);
    replace(&runs.path().join("two/config.toml"), "name = \"smoke\"", "name = \"other\"");
    let table = stdout(program().args(["runs", "export", "-", "--runs"]).arg(runs.path()));
    let rows = csv::Reader::from_reader(table.as_bytes()).into_deserialize::<BTreeMap<String, String>>();
    let rows: Vec<_> = rows.collect::<Result<_, _>>().unwrap();
    let metrics = fs::read_to_string(runs.path().join("one/metrics.csv")).unwrap();
    assert_eq!(rows.len(), 2 * (metrics.lines().count() - 1));
    let of = |run: &str| rows.iter().find(|row| row["run"] == run && row["epoch"] == "1").unwrap();
    assert_eq!((of("one")["name"].as_str(), of("two")["name"].as_str()), ("smoke", "other"));
    assert_eq!((of("one")["optimizer.kind"].as_str(), of("one")["model.hidden"].as_str()), ("adam", "[16]"));
    let first = metrics.lines().nth(1).unwrap().split(',').nth(1).unwrap();
    assert_eq!(of("one")["train_loss"], first);

    let message = failure(program().args(["runs", "export", "one", "--runs"]).arg(runs.path()));
    assert!(message.contains("one must end in .csv or .jsonl, as it becomes a table of epochs"), "{message}");
    let file = runs.path().join("epochs.jsonl");
    let one = runs.path().join("one");
    stdout(program().args(["runs", "export"]).arg(&file).arg(&one));
    let lines = fs::read_to_string(&file).unwrap();
    let row: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((row["epoch"].as_u64(), row["model.hidden"][0].as_u64()), (Some(1), Some(16)));
    assert_eq!((row["run"].as_str(), lines.lines().count()), (one.to_str(), metrics.lines().count() - 1));
    let message = failure(program().args(["runs", "export"]).arg(&file).arg(&one));
    assert!(message.contains("epochs.jsonl exists: name another file, or replace it with --force"), "{message}");
}
