//! `report.html` and `mnist-burn report`: the HTML report of a run, or of several.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::trained::smoke;
use super::{DEVICE, failure, folders, program, stdout, success};

/// Reads a page, which must not load anything from elsewhere.
fn self_contained(path: &Path) -> String {
    let page = fs::read_to_string(path).unwrap();
    for outside in ["http://", "https://", "<script", "<link", "@import", "url(", "href=", "file:"] {
        assert!(!page.contains(outside), "{outside} in {}", path.display());
    }
    assert_eq!(page.matches("src=").count(), page.matches("src=\"data:image/png;base64,").count());
    assert!(page.contains("default-src 'none'"), "the browser enforces it");
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    page
}

#[test]
fn train_writes_a_report_with_the_metrics_of_its_evaluation() {
    let page = self_contained(&smoke().run.join("report.html"));
    let evaluation: Value = serde_json::from_slice(&fs::read(smoke().run.join("evaluation.json")).unwrap()).unwrap();
    let wrong = evaluation["wrong"].as_u64().unwrap();
    assert!(page.contains(&format!("<dt>mistakes of 10,000</dt><dd>{wrong}</dd>")));
    assert!(page.contains(&format!("<dd>{:.2} %</dd>", wrong as f64 / 100.0)));
    assert!(page.contains(&format!("<dd>{:.4}</dd>", evaluation["loss"].as_f64().unwrap())));
    for (truth, row) in evaluation["confusion"].as_array().unwrap().iter().enumerate() {
        for (class, count) in row.as_array().unwrap().iter().enumerate().filter(|(_, count)| **count != 0) {
            assert!(page.contains(&format!("{truth} classified as {class}: {count} of ")), "{truth} {class}");
        }
    }
    for class in evaluation["classes"].as_array().unwrap() {
        for metric in ["precision", "recall", "f1"] {
            assert!(page.contains(&format!("<td>{:.4}</td>", class[metric].as_f64().unwrap())), "{class}");
        }
    }
    assert!(page.contains(&format!("The 500 of {wrong} wrong predictions")), "a smoke run has more than are shown");
    assert_eq!(page.matches("<img ").count(), 500 + 16, "the mistakes, and the first layer's units");
    for part in ["best epoch, ", "Guo et al. 2017", "learning_rate = 0.005", "<td>ndarray (CPU)</td>", "12,730"] {
        assert!(page.contains(part) || DEVICE != "ndarray", "{part}");
    }
    assert!(smoke().stdout.contains("report.html"), "{}", smoke().stdout);
}

#[test]
fn report_can_be_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.html");
    let report = || {
        let mut command = program();
        command.arg("report").arg(&smoke().run).args(["--device", DEVICE, "--output"]).arg(&path);
        success(&mut command)
    };
    let (printed, notes) = report();
    assert!(printed.trim_end() == path.to_str().unwrap() && !notes.contains("is replaced"), "{printed}{notes}");
    let first = fs::read(smoke().run.join("report.html")).unwrap();
    assert!(fs::read(&path).unwrap() == first);

    fs::write(&path, &first[..first.len() / 2]).unwrap();
    let (_, notes) = report();
    assert!(fs::read(&path).unwrap() == first, "a new page replaces an old one");
    assert!(notes.contains("again.html is replaced"), "{notes}");
}

#[test]
fn report_never_overwrites_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.html");
    fs::write(&path, "<p>mine").unwrap();
    let runs = [vec![&smoke().run], vec![&smoke().run; 2]];
    for (runs, output) in runs.iter().flat_map(|runs| [(runs, path.as_path()), (runs, folder.path())]) {
        let mut command = program();
        command.arg("report").args(runs).args(["--device", DEVICE, "--output"]).arg(output);
        let message = failure(&mut command);
        let reason = match output.is_dir() {
            true => "is not a regular file, and is not replaced: name another file",
            false => "exists but is not a report: move it, or name another file with --output",
        };
        assert!(message.contains(reason), "{message}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "<p>mine");
}

#[test]
fn report_that_cannot_be_written_costs_the_run_nothing() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("run");
    let train = |last: &[&str]| {
        let mut command = program();
        command.args(["train", "-c", "config/smoke.toml", "--device", DEVICE, "--set", "training.epochs=1", "--run"]);
        success(command.arg(&run).args(last))
    };
    train(&["--no-test"]);
    fs::write(run.join("report.html"), "mine").unwrap();
    let (report, message) = train(&[]);
    assert!(message.contains("report.html was not written: "), "{message}");
    assert!(report.contains("test accuracy") && !report.contains("report.html"), "{report}");
    assert!(run.join("evaluation.json").exists() && fs::read(run.join("report.html")).unwrap() == b"mine");
}

#[test]
fn report_compares_several_runs() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two", "three & four"] {
        smoke().copy_to(&folder.path().join(name));
    }
    // One run is not evaluated, and one has another experiment.
    fs::remove_file(folder.path().join("one/evaluation.json")).unwrap();
    let config = fs::read_to_string(smoke().run.join("config.toml")).unwrap();
    fs::write(folder.path().join("two/config.toml"), config.replace("seed = 1", "seed = 22")).unwrap();

    let mut command = program();
    command.current_dir(folder.path()).args(["report", "one", "two", "three & four"]);
    assert_eq!(stdout(&mut command), "report.html\n");
    let page = self_contained(&folder.path().join("report.html"));
    assert!(page.contains("3 runs compared") && page.contains("three &#38; four"), "{page}");
    assert!(page.contains("<code>seed</code></th><td><code>1</code></td><td><code>22</code></td>"), "{page}");
    let lines = page.matches("<polyline").count();
    assert_eq!(lines, 4 * 3 + 1, "error and loss, of training and validation, a line per run, and the Pareto front");
    let error = fs::read_to_string(smoke().run.join("evaluation.json")).unwrap();
    let error = serde_json::from_str::<Value>(&error).unwrap()["wrong"].as_f64().unwrap() / 100.0;
    assert_eq!(page.matches(&format!("<td>{error:.2} %</td>")).count(), 2, "two of them were evaluated");
}

#[test]
fn errors_with_integers_are_recorded_by_the_export_and_drawn_in_a_comparison() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    [&one, &two].into_iter().for_each(|run| smoke().copy_to(run));
    let model = folder.path().join("int8.onnx");
    let (_, notes) = success(program().arg("export").arg(&one).arg(&model).args(["--quantize", "int8"]));
    let reported = notes.lines().find_map(|line| line.strip_prefix("wrong test images: ")).expect(&notes);
    let wrong: u64 = reported.split(' ').next().unwrap().parse().unwrap();
    let recorded = || {
        let evaluation = fs::read_to_string(one.join("evaluation.json")).unwrap();
        serde_json::from_str::<Value>(&evaluation).unwrap()
    };
    assert_eq!(recorded()["int8_wrong"], wrong);
    // An evaluation of the same model keeps it.
    stdout(program().arg("evaluate").arg(&one));
    assert_eq!(recorded()["int8_wrong"], wrong);

    let path = folder.path().join("report.html");
    stdout(program().arg("report").args([&one, &two]).arg("--output").arg(&path));
    let error = 100.0 * wrong as f64 / recorded()["images"].as_f64().unwrap();
    let title = format!("<title>{}, int8: {error:.2} %</title></rect>", one.display());
    let page = self_contained(&path);
    assert!(page.contains(&title) && page.matches("</rect>").count() == 1, "{title} not in {page}");
}

#[test]
fn report_of_softmax_regression_without_validation_is_complete() {
    let runs = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--runs"]).arg(runs.path());
    for setting in ["model.hidden=[]", "data.validation=0", "training.epochs=1", "training.batch_size=1024"] {
        command.args(["--set", setting]);
    }
    success(&mut command);
    let page = self_contained(&folders(runs.path())[0].join("report.html"));
    assert!(page.contains("No images were held out for validation") && !page.contains("best epoch, "), "{page}");
    assert!(page.contains("weights of class 9") && !page.contains("hidden layer"), "{page}");
    assert_eq!(page.matches("<polyline").count(), 2, "error and loss of training");
}

#[test]
fn report_calls_rows_columns_and_units_by_the_names_of_the_classes() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("five");
    let mut command = program();
    command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--run"]).arg(&run);
    command.args(["--set", "data.classes=[5,6,7]", "--set", "data.fraction=0.05", "--set", "model.hidden=[]"]);
    command.args(["--set", "training.epochs=1"]);
    success(&mut command);
    let page = self_contained(&run.join("report.html"));
    let (_, matrix) = page.split_once("class=\"confusion\"").unwrap();
    let (matrix, _) = matrix.split_once("</table>").unwrap();
    for scope in ["col", "row"] {
        let names: Vec<&str> =
            matrix.split(&format!("scope=\"{scope}\">")).skip(1).map(|rest| rest.split_once('<').unwrap().0).collect();
        assert_eq!(names, ["5", "6", "7"], "{scope}");
    }
    for class in ["5", "6", "7"] {
        assert!(page.contains(&format!("alt=\"weights of class {class}\"")), "{class}");
    }
    assert!(!page.contains("class 0"));
}

/// Trains on `fraction` of the images, until the network knows them by heart if there are few.
fn trained_on(folder: &Path, fraction: &str, seed: &str) -> PathBuf {
    let run = folder.join(format!("{fraction}-{seed}"));
    let mut command = program();
    command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--no-test", "--seed", seed, "--run"]);
    command.arg(&run).args(["--set", &format!("data.fraction={fraction}"), "--set", "data.validation=0"]);
    stdout(command.args(["--epochs", "60", "--batch-size", "10", "--set", "model.hidden=[64]"]));
    run
}

#[test]
fn attack_finds_training_images_of_a_network_that_knows_them_by_heart() {
    let folder = tempfile::tempdir().unwrap();
    let [target, shadow, other] = ["1", "2", "3"].map(|seed| trained_on(folder.path(), "0.003", seed));
    let ensemble = folder.path().join("both");
    success(program().args(["ensemble", "--runs"]).arg(folder.path()).arg("both").args([&target, &other]));
    let path = folder.path().join("attack.html");
    // An ensemble has the training images of both members, so chance varies less.
    for (target, shadows, by_chance, errors) in
        [(&target, &[][..], 0.75, 4.0), (&target, &[&shadow], 0.75, 4.0), (&ensemble, &[&shadow], 0.54, 3.0)]
    {
        let mut report = program();
        report.arg("report").arg(target).args(["--membership", "--device", DEVICE, "--output"]).arg(&path);
        shadows.iter().for_each(|shadow| _ = report.arg("--shadow").arg(shadow));
        let (_, notes) = success(&mut report);
        let line = notes.lines().find(|line| line.starts_with("membership: ")).unwrap();
        let found: f64 = line.split(' ').nth(1).unwrap().parse().unwrap();
        // By chance it would be 1 %. Many test images are easy, too: a shadow tells which.
        assert!(shadows.is_empty() || found > 1.0 + errors * by_chance, "standard errors above chance: {line}");
        assert!(line.ends_with(&format!("1.00 ± {by_chance} %")), "{line}");
        let page = self_contained(&path);
        assert!(page.contains(&format!("<strong>{found:.2} %</strong> of the training images are found")), "{line}");
    }
}

#[test]
fn attack_needs_shadows_that_left_out_images_of_the_same_data() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = program();
    report.arg("report").arg(&smoke().run).args(["--membership", "--device", DEVICE, "--output"]);
    report.arg(folder.path().join("attack.html")).arg("--shadow");
    let message = failure(report.arg(&smoke().run));
    assert!(message.contains("no image was left out by a run of --shadow"), "{message}");
    let other = folder.path().join("other");
    smoke().copy_to(&other);
    let record = other.join("record.json");
    let changed =
        fs::read_to_string(&record).unwrap().replace("\"sha256\": {\n      \"t10k", "\"sha256\": {\n      \"s10k");
    fs::write(&record, changed).unwrap();
    let message = failure(report.arg("--shadow").arg(&other));
    assert!(message.contains("was trained on other images than the run that is attacked"), "{message}");
}
