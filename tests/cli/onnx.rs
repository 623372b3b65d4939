//! `mnist-burn export RUN model.onnx`: networks that other programs compute.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mnist_burn::data::{ImageBatcher, idx};
use mnist_burn::device;
use mnist_burn::run::RunFolder;
use serde_json::Value;

use super::export::root;
use super::predict::write;
use super::trained::smoke;
use super::{DEVICE, failure, program, stdout, success};

/// A short training with these options.
fn train(folder: &Path, config: &str, set: &[&str]) -> PathBuf {
    let run = folder.join("run");
    let mut command = program();
    command.args(["train", "--config", config, "--device", DEVICE, "--run"]).arg(&run);
    for set in ["training.epochs=1", "data.fraction=0.005", "training.batch_size=20"].iter().chain(set) {
        command.args(["--set", set]);
    }
    stdout(&mut command);
    run
}

/// The metadata, labels and logits that onnxruntime gives for these images.
fn onnxruntime(file: &Path, images: &Path) -> Value {
    let mut python = Command::new("python3");
    let script = root().join("tests/weights/onnx_predictions.py");
    serde_json::from_str(&stdout(python.arg(script).arg(file).arg(images).args(["28", "28"]))).unwrap()
}

/// Checks onnxruntime's results on all test images against Burn's.
fn check(folder: &Path, run: &Path) {
    let pixels = idx::images(&root().join("data/mnist/t10k-images-idx3-ubyte.gz")).unwrap().1;
    let labels = idx::labels(&root().join("data/mnist/t10k-labels-idx1-ubyte.gz")).unwrap();
    fs::write(folder.join("images"), &pixels).unwrap();
    let (found, opened) = (RunFolder::at(run), device::open(DEVICE).unwrap());
    let (record, experiment) = (found.record().unwrap(), found.experiment().unwrap());
    let (model, _) = found.model(&experiment, &record, &opened).unwrap();
    let images = ImageBatcher::new(record.data.scaling).images(pixels.chunks_exact(784), &opened.device);
    let logits: Vec<f32> = model.forward(images).into_data().iter().collect();
    for input in ["raw", "float"] {
        let file = folder.join(format!("{input}.onnx"));
        stdout(program().arg("export").arg(run).arg(&file).args(["--input", input]));
        let answers = onnxruntime(&file, &folder.join("images"));
        let names = record.data.names();
        let mut wrong = 0;
        for (index, expected) in logits.chunks(names.len()).enumerate() {
            let largest = expected.iter().fold(0.0_f32, |largest, logit| largest.max(logit.abs()));
            for (class, expected) in expected.iter().enumerate() {
                let logit = answers["logits"][index][class].as_f64().unwrap() as f32;
                assert!((logit - expected).abs() <= 1e-5 * largest, "{input}, {index}: {logit} is not {expected}");
            }
            let best = (0..names.len()).reduce(|a, b| if expected[b] > expected[a] { b } else { a }).unwrap();
            let label = answers["labels"][index].as_u64().unwrap();
            assert_eq!(label.to_string(), names[best], "{input}, image {index}");
            let truth = u64::from(labels[index]);
            wrong += usize::from(names.contains(&truth.to_string()) && truth != label);
        }
        let evaluation = found.evaluation(&record).unwrap().unwrap().evaluation;
        assert_eq!(wrong, evaluation.wrong, "{input}");
        let error: f64 = answers["metadata"]["test_error"].as_str().unwrap().parse().unwrap();
        assert_eq!(error, wrong as f64 / evaluation.images as f64);
    }
}

#[test]
#[ignore = "needs Python packages: python3 -m venv venv && . venv/bin/activate && pip install numpy onnx onnxruntime"]
fn onnxruntime_gives_the_predictions_of_evaluate_for_every_kind_of_network() {
    let standardized = "data.pixels=standardized";
    let cases: [(&str, &[&str]); 6] = [
        ("config/baseline.toml", &[]),
        ("config/deep.toml", &[]),
        ("config/sigmoid.toml", &["data.validation=100"]),
        ("config/plain.toml", &[]),
        (
            "config/smoke.toml",
            &["model.activation=gelu", "model.batch_norm=true", "model.hidden=[24,16]", standardized],
        ),
        ("config/smoke.toml", &["model.activation=tanh", "data.classes=[9,5,7]", "data.validation=100"]),
    ];
    for (config, set) in cases {
        let folder = tempfile::tempdir().unwrap();
        let run = train(folder.path(), config, set);
        check(folder.path(), &run);
    }
}

#[test]
#[ignore = "needs Python packages: python3 -m venv venv && . venv/bin/activate && pip install numpy onnx onnxruntime"]
fn onnxruntime_gives_the_mean_of_the_probabilities_of_an_ensembles_members() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    let runs = [
        train(&one, "config/smoke.toml", &["model.activation=gelu", "data.validation=100"]),
        train(&other, "config/deep.toml", &["data.pixels=standardized"]),
    ];
    success(program().args(["ensemble", "--runs"]).arg(folder.path()).arg("both").args(&runs));
    let both = folder.path().join("both");
    fs::write(
        folder.path().join("images"),
        idx::images(&root().join("data/mnist/t10k-images-idx3-ubyte.gz")).unwrap().1,
    )
    .unwrap();
    let [one, other, joint] = [&runs[0], &runs[1], &both].map(|run| {
        let file = folder.path().join("network.onnx");
        stdout(program().arg("export").arg(run).arg(&file).arg("--force"));
        onnxruntime(&file, &folder.path().join("images"))["logits"].take()
    });
    let softmax = |logits: &Value| {
        let powers: Vec<f64> = logits.as_array().unwrap().iter().map(|logit| logit.as_f64().unwrap().exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(|power| power / sum).collect::<Vec<_>>()
    };
    for index in 0..10_000 {
        let [one, other, joint] = [&one, &other, &joint].map(|logits| softmax(&logits[index]));
        for class in 0..10 {
            let mean = (one[class] + other[class]) / 2.0;
            assert!((joint[class] - mean).abs() < 1e-5, "image {index}: {} is not {mean}", joint[class]);
        }
    }
}

#[test]
#[ignore = "needs Python packages: python3 -m venv venv && . venv/bin/activate && pip install numpy onnx onnxruntime"]
fn onnxruntime_makes_as_many_mistakes_with_integers_as_the_export_reports() {
    let folder = tempfile::tempdir().unwrap();
    let run = train(folder.path(), "config/baseline.toml", &["data.fraction=0.1"]);
    let [float, int8] = ["float.onnx", "int8.onnx"].map(|name| folder.path().join(name));
    stdout(program().arg("export").arg(&run).arg(&float));
    let (_, notes) = success(program().arg("export").arg(&run).arg(&int8).args(["--quantize", "int8"]));
    let size = |file: &Path| fs::metadata(file).unwrap().len() as f64;
    assert!(size(&int8) <= 0.27 * size(&float), "{} of {}", size(&int8), size(&float));

    let pixels = idx::images(&root().join("data/mnist/t10k-images-idx3-ubyte.gz")).unwrap().1;
    fs::write(folder.path().join("images"), &pixels).unwrap();
    let truth = idx::labels(&root().join("data/mnist/t10k-labels-idx1-ubyte.gz")).unwrap();
    let wrong = [&float, &int8].map(|file| {
        let labels = onnxruntime(file, &folder.path().join("images"))["labels"].take();
        truth.iter().zip(labels.as_array().unwrap()).filter(|(truth, label)| **label != **truth).count()
    });
    let reported = notes.lines().find_map(|line| line.strip_prefix("wrong test images: ")).expect(&notes);
    let numbers: Vec<usize> = reported.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!((numbers[1], numbers[2]), (10_000, wrong[0]), "{reported}");
    // Sums of integers are rounded in another place.
    assert!(numbers[0].abs_diff(wrong[1]) <= 3, "{reported}, and onnxruntime {wrong:?}");
    assert!(wrong[1] <= wrong[0] + 20, "{wrong:?}");
}

#[test]
fn option_of_another_kind_of_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, options) in [
        ("m.safetensors", ["--input", "raw"].as_slice()),
        ("m.safetensors", &["--quantize", "int8"]),
        ("m.onnx", &["--half"]),
    ] {
        let file = folder.path().join(name);
        let message = failure(program().arg("export").arg(&smoke().run).arg(&file).args(options));
        assert!(message.contains(&format!("{} does not apply to {}", options[0], file.display())), "{message}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
#[ignore = "builds tract, which takes minutes"]
fn tract_example_classifies_as_the_program_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.onnx");
    stdout(program().arg("export").arg(&smoke().run).arg(&file));
    for picture in write(0..5, folder.path()) {
        let mut tract = Command::new(env!("CARGO"));
        tract.args(["run", "--release", "--manifest-path"]).arg(root().join("examples/tract/Cargo.toml"));
        let found = stdout(tract.arg("--").arg(&file).arg(&picture));
        let answers =
            stdout(program().arg("predict").arg(&smoke().run).arg(&picture).args(["--json", "--device", DEVICE]));
        let answers: Value = serde_json::from_str(&answers).unwrap();
        let probability = answers[0]["probabilities"].as_array().unwrap().iter();
        let most = probability.map(|it| it.as_f64().unwrap()).fold(0.0, f64::max);
        let expected = format!("{} ({:.1} %)", answers[0]["class"].as_str().unwrap(), 100.0 * most);
        assert_eq!(found.trim(), expected);
    }
}
