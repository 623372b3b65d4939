//! `mnist-burn export`: a run's model in a file for other programs.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::trained::smoke;
use super::{DEVICE, failure, program, stdout};

#[test]
fn export_writes_the_best_or_the_last_model() {
    let folder = tempfile::tempdir().unwrap();
    for (name, option) in [("best.safetensors", None), ("last.safetensors", Some("--last"))] {
        let file = folder.path().join(name);
        let printed = stdout(program().arg("export").arg(&smoke().run).arg(&file).args(option));
        assert_eq!(printed.trim_end(), file.display().to_string());
        assert!(fs::read(&file).unwrap() == fs::read(smoke().run.join(name)).unwrap());
    }
}

#[test]
fn export_replaces_a_file_only_with_force() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine");
    fs::write(&file, "mine").unwrap();
    let export = || {
        let mut command = program();
        command.arg("export").arg(&smoke().run).arg(&file);
        command
    };
    let message = failure(&mut export());
    assert!(message.contains("mine exists: name another file, or replace it with --force"), "{message}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    stdout(export().arg("--force"));
    assert!(fs::read(&file).unwrap() == fs::read(smoke().run.join("best.safetensors")).unwrap());
}

#[test]
fn export_refuses_a_model_that_the_run_did_not_write() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    smoke().copy_to(&run);
    fs::copy(run.join("config.toml"), run.join("best.safetensors")).unwrap();
    let file = folder.path().join("file");
    let message = failure(program().arg("export").arg(&run).arg(&file));
    assert!(message.contains("is not the file that the run wrote") && !file.exists(), "{message}");
}

#[test]
#[ignore = "needs Python with NumPy: python3 -m venv venv && . venv/bin/activate && pip install numpy"]
fn numpy_computes_the_same_probabilities_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    // With every kind of layer.
    let run = folder.path().join("run");
    let mut command = program();
    command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--no-test", "--run"]).arg(&run);
    command.args(["--set", "model.hidden=[12,8]", "--set", "model.batch_norm=true"]);
    stdout(&mut command);
    stdout(program().arg("export").arg(&run).arg(&file));
    let images = mnist_burn::data::idx::images(&root().join("data/mnist/t10k-images-idx3-ubyte.gz")).unwrap().1;
    let pictures: Vec<_> = (0..100)
        .map(|index| {
            let path = folder.path().join(format!("{index:03}.png"));
            let pixels = images[index * 784..][..784].to_vec();
            image::GrayImage::from_raw(28, 28, pixels).unwrap().save(&path).unwrap();
            path
        })
        .collect();
    fs::write(folder.path().join("images"), &images[..78_400]).unwrap();
    let script = root().join("tests/weights/logits.py");
    let mut numpy = Command::new("python3");
    let expected = stdout(numpy.arg(script).arg(&file).arg(folder.path().join("images")));
    let expected: Vec<Vec<f64>> = serde_json::from_str(&expected).unwrap();
    let answers: Vec<Value> =
        serde_json::from_str(&stdout(program().arg("predict").arg(&run).args(&pictures).arg("--json"))).unwrap();
    assert_eq!((answers.len(), expected.len()), (100, 100));
    for (answer, logits) in answers.iter().zip(expected) {
        // Probabilities determine the logits up to a constant, so compare differences.
        let found: Vec<f64> =
            answer["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap().ln()).collect();
        for class in 1..10 {
            let (found, expected) = (found[class] - found[0], logits[class] - logits[0]);
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn export(file: &Path) -> Command {
    let mut command = program();
    command.arg("export").arg(&smoke().run).arg(file);
    command
}

#[test]
#[cfg(unix)]
fn export_replaces_only_regular_files_and_writes_to_the_target_of_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let model = fs::read(smoke().run.join("best.safetensors")).unwrap();
    let path = |name: &str| folder.path().join(name);
    stdout(Command::new("mkfifo").arg(path("pipe")));
    std::os::unix::fs::symlink("/dev/null", path("null")).unwrap();
    for name in ["pipe", "null", "."] {
        let message = failure(export(&path(name)).arg("--force"));
        assert!(message.contains("is not a regular file, and is not replaced: name another file, or `-`"), "{message}");
    }
    fs::create_dir(path("deep")).unwrap();
    fs::write(path("deep/target"), "mine").unwrap();
    for (link, target) in [("link", "deep/target"), ("dangling", "deep/new"), ("twice", "link")] {
        std::os::unix::fs::symlink(target, path(link)).unwrap();
    }
    assert!(failure(&mut export(&path("twice"))).contains("twice exists"));
    for (link, target) in [("twice", "deep/target"), ("dangling", "deep/new")] {
        stdout(export(&path(link)).arg("--force"));
        assert!(fs::symlink_metadata(path(link)).unwrap().is_symlink() && fs::read(path(target)).unwrap() == model);
    }
    assert!(fs::symlink_metadata(path("pipe")).is_ok() && fs::read("/dev/null").unwrap().is_empty());
}

#[test]
fn dash_is_standard_output() {
    let elsewhere = tempfile::tempdir().unwrap();
    let output = |command: &mut Command| command.current_dir(elsewhere.path()).output().unwrap().stdout;
    assert!(output(&mut export("-".as_ref())) == fs::read(smoke().run.join("best.safetensors")).unwrap());
    // In the root, where the data are.
    let page = program().arg("report").arg(&smoke().run).args(["-o", "-"]).output().unwrap().stdout;
    assert!(!root().join("-").exists());
    assert!(page.to_ascii_lowercase().starts_with(b"<!doctype html>") && page.trim_ascii_end().ends_with(b"</html>"));
    let data = format!("data.dir={}", root().join("data/mnist").display());
    let grid = output(program().args(["images", "--set", &data, "-o", "-"]));
    image::load_from_memory(&grid).unwrap();
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn ending_of_another_kind_of_file_is_refused_with_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut report = program();
    report.arg("report").arg(&smoke().run).arg("-o").arg(path("r.pdf"));
    let mut images = program();
    images.args(["images", "-o"]).arg(path("g.JPG"));
    for (mut command, expected) in [
        (
            export(&path("m.pt")),
            "m.pt must end in .onnx or .safetensors, as it becomes a network file (`--format` writes",
        ),
        (report, "r.pdf must end in .html or .htm, as it becomes a report"),
        (images, "g.JPG must end in .png, as it becomes a grid of images"),
    ] {
        let message = failure(&mut command);
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    for name in ["m.safetensors", "m.SafeTensors", "m", "m-0.005"] {
        stdout(&mut export(&path(name)));
    }
}

#[test]
fn export_writes_a_program_for_another_framework() {
    let folder = tempfile::tempdir().unwrap();
    for framework in ["pytorch", "keras"] {
        let dir = folder.path().join(framework);
        let mut export = program();
        export.arg("export").arg(&smoke().run).arg(&dir).args(["--format", framework]);
        let printed = stdout(&mut export);
        assert_eq!(printed, format!("{0}/model.py\n{0}/model.safetensors\n", dir.display()));
        let message = failure(&mut export);
        assert!(
            message.contains("model.safetensors exists: name another file, or replace it with --force"),
            "{message}"
        );
        stdout(export.arg("--force"));
    }
}

#[test]
#[ignore = "needs Python with torch, keras and safetensors: pip install torch keras safetensors"]
fn exported_programs_compute_what_this_one_does() {
    let folder = tempfile::tempdir().unwrap();
    for activation in ["relu", "sigmoid", "tanh", "gelu"] {
        let run = folder.path().join(activation);
        let mut command = program();
        command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--no-test", "--run"]).arg(&run);
        command.args(["--set", "model.hidden=[12,8]", "--set", "model.batch_norm=true", "--set", "data.fraction=0.1"]);
        command.args(["--set", "data.pixels=standardized", "--set", &format!("model.activation={activation}")]);
        stdout(&mut command);
        for framework in ["pytorch", "keras"] {
            let dir = folder.path().join(format!("{activation}-{framework}"));
            stdout(program().arg("export").arg(&run).arg(&dir).args(["--format", framework]));
            let mut python = Command::new("python3");
            let printed = stdout(python.arg("model.py").current_dir(&dir).env("KERAS_BACKEND", "torch"));
            assert!(printed.contains("computes what mnist-burn does"), "{printed}");
            // Other weights do not pass.
            let file = dir.join("model.safetensors");
            let mut bytes = fs::read(&file).unwrap();
            let half = bytes.len() / 2;
            bytes[half..].fill(0);
            fs::write(&file, bytes).unwrap();
            assert!(!python.output().unwrap().status.success());
        }
    }
}
