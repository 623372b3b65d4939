//! `[init] from`: transfer learning from a run, with frozen layers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use safetensors::SafeTensors;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::reproduce::{assert_same_results, results};
use super::served::Served;
use super::{DEVICE, failure, program, stdout, success};

/// A run on five digits.
struct Pretrained {
    _folder: TempDir,
    run: PathBuf,
}

/// Everything with state: batch normalisation, a moving average, moments, standardised pixels.
const NETWORK: [&str; 7] = [
    "model.hidden=[12,8]",
    "model.batch_norm=true",
    "training.ema_decay=0.9",
    "optimizer.kind=adamw",
    "data.pixels=standardized",
    "data.validation=500",
    "training.batch_size=512",
];

fn train(run: &Path, sets: &[&str]) -> Command {
    let mut command = program();
    command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--run"]).arg(run);
    NETWORK.iter().chain(sets).for_each(|set| _ = command.args(["--set", set]));
    command
}

fn pretrained() -> &'static Pretrained {
    static PRETRAINED: OnceLock<Pretrained> = OnceLock::new();
    PRETRAINED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("before");
        success(&mut train(&run, &["data.classes=[0,1,2,3,4]", "data.fraction=0.2"]));
        Pretrained { run, _folder: folder }
    })
}

/// A command for a training on the other five digits, from the pretrained run.
fn tuned(run: &Path, sets: &[&str]) -> Command {
    let from = format!("init.from={}", pretrained().run.display());
    let mut command = train(run, &[&from, "data.classes=[5,6,7,8,9]", "data.fraction=0.05", "training.epochs=4"]);
    let frozen = [
        "init.freeze=[\"hidden.0\",\"norm.0\"]",
        "init.unfreeze_after=2",
        "optimizer.layer_factors={\"hidden.1\"=0.1}",
    ];
    frozen.iter().chain(sets).for_each(|set| _ = command.args(["--set", set]));
    command
}

fn record(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("record.json")).unwrap()).unwrap()
}

/// The bytes of a tensor in a run's best model.
fn tensor(run: &Path, name: &str) -> Vec<u8> {
    let file = fs::read(run.join("best.safetensors")).unwrap();
    SafeTensors::deserialize(&file).unwrap().tensor(name).unwrap().data().to_vec()
}

/// A finetuned run without interruption, with its stderr. Tests compare with it.
fn undisturbed() -> &'static (TempDir, PathBuf, String) {
    static RUN: OnceLock<(TempDir, PathBuf, String)> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("tuned");
        let (_, message) = success(&mut tuned(&run, &[]));
        (folder, run, message)
    })
}

#[test]
fn pretrained_layers_and_the_others_are_reported_and_recorded() {
    let (_, run, message) = undisturbed();
    assert!(message.contains("best.safetensors: hidden.0, hidden.1, norm.0, norm.1"), "{message}");
    let reason = "the weights are for the classes 0, 1, 2, 3, 4, not 5, 6, 7, 8, 9";
    assert!(message.contains(&format!("randomly initialised: output, as {reason}")), "{message}");
    assert!(message.contains("not used: output.bias, output.weight"), "{message}");
    let (found, there) = (record(run), record(&pretrained().run));
    assert_eq!(found["transfer"]["taken"], serde_json::json!(["hidden.0", "hidden.1", "norm.0", "norm.1"]));
    assert_eq!(found["transfer"]["fresh"]["output"], reason);
    assert_eq!(found["transfer"]["sha256"], there["models"]["best.safetensors"][0]);
    assert_eq!(found["data"]["scaling"], there["data"]["scaling"], "the first layer keeps its pixel scaling");
    assert_eq!(found["data"]["names"], serde_json::json!(["5", "6", "7", "8", "9"]));
    assert!(there["transfer"].is_null());
}

#[test]
fn frozen_layers_stay_those_of_the_pretrained_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("tuned");
    let from = format!("init.from={}", pretrained().run.display());
    let freeze = "init.freeze=[\"hidden.0\",\"norm.0\"]";
    success(&mut train(&run, &[&from, freeze, "data.classes=[5,6,7,8,9]", "data.fraction=0.05"]));
    for name in ["hidden.0.weight", "hidden.0.bias", "norm.0.weight", "norm.0.running_mean", "norm.0.running_var"] {
        assert!(tensor(&run, name) == tensor(&pretrained().run, name), "{name}");
    }
    assert!(tensor(&run, "hidden.1.weight") != tensor(&pretrained().run, "hidden.1.weight"));
}

#[test]
fn finetuned_run_resumes_to_the_same_bytes_without_the_pretrained_run() {
    let (_, expected, _) = undisturbed();
    // Stopped while layers are frozen, when they are unfrozen, and later.
    for epochs in [1, 2, 3] {
        let folder = tempfile::tempdir().unwrap();
        let (run, origin) = (folder.path().join("tuned"), folder.path().join("origin"));
        fs::create_dir(&origin).unwrap();
        for name in ["config.toml", "record.json", "best.safetensors"] {
            fs::copy(pretrained().run.join(name), origin.join(name)).unwrap();
        }
        let from = format!("init.from={}", origin.display());
        success(&mut tuned(&run, &[&from, &format!("training.epochs={epochs}")]));
        fs::remove_dir_all(&origin).unwrap();
        success(program().arg("resume").arg(&run).args(["--set", "training.epochs=4"]));
        assert_same_results(expected, &run);
        assert_eq!(record(&run)["transfer"]["sha256"], record(expected)["transfer"]["sha256"]);
        assert_eq!(record(&run)["data"], record(expected)["data"]);
    }
}

/// A command for a training of low-rank matrices on the other five digits, from the pretrained run.
fn adapted(run: &Path, sets: &[&str]) -> Command {
    let from = format!("init.from={}", pretrained().run.display());
    let mut command = train(run, &[&from, "data.classes=[5,6,7,8,9]", "data.fraction=0.05", "training.epochs=3"]);
    let lora = ["init.lora={rank=2,alpha=4,layers=[\"hidden.0\",\"hidden.1\"]}", "init.freeze=[\"norm.0\"]"];
    lora.iter().chain(sets).for_each(|set| _ = command.args(["--set", set]));
    command
}

/// The values of a tensor of a model's file.
fn values(file: &Path, name: &str) -> Vec<f32> {
    let bytes = fs::read(file).unwrap();
    let tensor = SafeTensors::deserialize(&bytes).unwrap().tensor(name).unwrap().data().to_vec();
    tensor.chunks_exact(4).map(|value| f32::from_le_bytes(value.try_into().unwrap())).collect()
}

#[test]
fn adapter_of_low_rank_is_the_whole_difference_between_the_adapted_layers_and_the_pretrained_ones() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("adapted");
    success(&mut adapted(&run, &[]));
    let (adapter, best) = (run.join("adapter.safetensors"), run.join("best.safetensors"));
    for (layer, inputs, units) in [("hidden.0", 784, 12), ("hidden.1", 12, 8)] {
        let before = values(&pretrained().run.join("best.safetensors"), &format!("{layer}.weight"));
        let after = values(&best, &format!("{layer}.weight"));
        let [a, b] = ["a", "b"].map(|matrix| values(&adapter, &format!("{layer}.weight.lora.{matrix}")));
        assert_eq!([a.len(), b.len()], [inputs * 2, 2 * units]);
        let mut largest = 0.0_f32;
        for (unit, input) in (0..units).flat_map(|unit| (0..inputs).map(move |input| (unit, input))) {
            let product = a[2 * input] * b[unit] + a[2 * input + 1] * b[units + unit];
            let index = unit * inputs + input;
            // alpha / rank = 2.
            assert!((before[index] + 2.0 * product - after[index]).abs() < 1e-5, "{layer} {unit} {input}");
            largest = largest.max(product.abs());
        }
        assert!(largest > 1e-4, "{layer} has learned");
        assert!(tensor(&run, &format!("{layer}.bias")) == tensor(&pretrained().run, &format!("{layer}.bias")));
    }
    let bytes = fs::read(&adapter).unwrap();
    let mut names: Vec<_> = SafeTensors::deserialize(&bytes).unwrap().names().into_iter().map(String::from).collect();
    names.retain(|name| !name.contains(".lora."));
    names.sort();
    let learned = ["bias", "running_mean", "running_var", "weight"].map(|part| format!("norm.1.{part}"));
    assert_eq!(names, [&learned[..], &["output.bias".into(), "output.weight".into()]].concat());
    assert!(SafeTensors::read_metadata(&bytes).unwrap().1.metadata().as_ref().unwrap()["alpha"] == "4");
}

#[test]
fn training_of_low_rank_matrices_resumes_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [expected, run] = ["expected", "resumed"].map(|name| folder.path().join(name));
    success(&mut adapted(&expected, &[]));
    success(&mut adapted(&run, &["training.epochs=1"]));
    success(program().arg("resume").arg(&run).args(["--set", "training.epochs=3"]));
    assert_same_results(&expected, &run);
    let adapters = [&expected, &run].map(|run| fs::read(run.join("adapter.safetensors")).unwrap());
    assert!(adapters[0] == adapters[1]);
}

#[test]
fn run_without_an_epoch_is_not_resumed_from_other_weights() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("tuned");
    let file = folder.path().join("start.safetensors");
    fs::copy(pretrained().run.join("best.safetensors"), &file).unwrap();
    let from = format!("init.from={}", file.display());
    success(&mut tuned(&run, &[&from, "training.epochs=1"]));
    fs::remove_file(run.join("checkpoint.mpk")).unwrap();
    fs::copy(pretrained().run.join("last.safetensors"), &file).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let message = failure(program().arg("resume").arg(&run).args(["--set", "training.epochs=2"]));
    assert!(message.contains("start.safetensors is not the one that it was started with"), "{message}");
}

#[test]
fn init_settings_cannot_change_on_resume() {
    let (folder, run, _) = undisturbed();
    let before = results(run);
    let sets = [
        "init.from=./elsewhere",
        "init.unfreeze_after=3",
        "optimizer.layer_factors={\"output\"=2}",
        "init.freeze=[\"norm.0\"]",
    ];
    let mut command = program();
    command.arg("resume").arg(run).current_dir(folder.path());
    sets.iter().for_each(|set| _ = command.args(["--set", set]));
    let message = failure(&mut command);
    assert!(message.contains("5 problems"), "{message}");
    for key in ["init.from", "init.unfreeze_after", "optimizer.layer_factors.output", "init.freeze"] {
        assert!(message.contains(&format!("{key} = ")), "{key}: {message}");
    }
    assert_eq!(results(run), before);
}

#[test]
fn pretrained_run_of_another_shape_is_refused_before_a_folder_is_created() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("tuned");
    let message = failure(&mut tuned(&run, &["model.hidden=[13,8]"]));
    assert!(message.contains("does not fit this network: hidden.0.bias is [12], not [13]"), "{message}");
    assert!(!run.exists());
}

#[test]
fn predictions_and_metrics_have_the_names_of_the_classes() {
    let (_, run, _) = undisturbed();
    let text = stdout(program().arg("evaluate").arg(run));
    assert!(text.contains("of 4861"), "the test images of these digits alone: {text}");
    let evaluation: Value = serde_json::from_str(&stdout(program().arg("evaluate").arg(run).arg("--json"))).unwrap();
    assert_eq!((&evaluation["classes"][2]["class"], &evaluation["classes"][2]["name"]), (&2.into(), &"7".into()));
    let seven = image::GrayImage::from_raw(28, 28, first_test_image()).unwrap();
    let picture = run.with_file_name("seven.png");
    seven.save(&picture).unwrap();
    let json = stdout(program().arg("predict").arg(run).arg(&picture).arg("--json"));
    let answer: Value = serde_json::from_str(&json).unwrap();
    let digit = answer[0]["digit"].as_u64().unwrap();
    assert!((5..10).contains(&digit) && answer[0]["class"].as_str() == Some(&digit.to_string()), "{json}");
    let line = stdout(program().arg("predict").arg(run).arg(&picture));
    assert!(line.contains("(5: ") && line.contains("9: ") && !line.contains("0: 0"), "{line}");
    let server = Served::start(run.parent().unwrap(), DEVICE, &[]);
    let told = server.predict(Some("tuned"), "image/png", &fs::read(&picture).unwrap()).json();
    assert_eq!((&told["class"], &told["digit"]), (&answer[0]["class"], &answer[0]["digit"]));
    assert_eq!(told["classes"], json!(["5", "6", "7", "8", "9"]));
}

fn first_test_image() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist/t10k-images-idx3-ubyte.gz");
    mnist_burn::data::idx::images(&path).unwrap().1[..784].to_vec()
}

#[test]
fn init_from_a_folder_that_is_not_a_run_is_refused_before_a_folder_is_created() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, run) = (folder.path().join("empty"), folder.path().join("run"));
    fs::create_dir(&empty).unwrap();
    let message = failure(&mut train(&run, &[&format!("init.from={}", empty.display())]));
    assert!(message.contains("init.from does not name a usable run"), "{message}");
    assert!(message.contains("because: ") && message.contains("record.json") && !run.exists(), "{message}");
}
