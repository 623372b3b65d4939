//! Model files that say what their model is, used without their run.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::{Value, json};

use super::predict::write;
use super::trained::smoke;
use super::{DEVICE, failure, program, stdout, success};

/// A copy of the smoke run's model with its header changed, alone in a folder.
fn changed(folder: &Path, change: impl FnOnce(&mut Value)) -> PathBuf {
    let file = fs::read(smoke().run.join("best.safetensors")).unwrap();
    let (header, tensors) = file[8..].split_at(u64::from_le_bytes(file[..8].try_into().unwrap()) as usize);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    change(&mut header);
    let header = header.to_string();
    let path = folder.join("alone.safetensors");
    fs::write(&path, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), tensors].concat()).unwrap();
    path
}

#[test]
fn model_file_says_what_its_model_is() {
    let file = fs::read(smoke().run.join("best.safetensors")).unwrap();
    let (_, header) = SafeTensors::read_metadata(&file).unwrap();
    let entries = header.metadata().as_ref().unwrap();
    let json = |name: &str| serde_json::from_str::<Value>(&entries[name]).unwrap();
    assert_eq!((entries["program"].as_str(), entries["activation"].as_str()), ("mnist-burn", "relu"));
    assert_eq!((entries["version"].as_str(), entries["format"].as_str()), (env!("CARGO_PKG_VERSION"), "pt"));
    assert_eq!(json("architecture"), json!({ "height": 28, "width": 28, "hidden": [16], "batch_norm": false }));
    assert_eq!(json("classes").as_array().unwrap().len(), 10);
    let pixels = json("pixels");
    assert_eq!((&pixels["range"], &pixels["polarity"]), (&json!([0, 255]), &json!("light on dark")));
    assert_eq!(pixels["scaling"], json!({ "mean": 0.0, "deviation": 1.0 }));
}

#[test]
fn model_file_alone_predicts_and_exports_what_its_run_does() {
    let folder = tempfile::tempdir().unwrap();
    let images = write(0..20, folder.path());
    for half in [None, Some("--half")] {
        let alone = folder.path().join("alone.safetensors");
        stdout(program().arg("export").arg(&smoke().run).arg(&alone).arg("--force").args(half));
        let predict = |run: &Path| {
            let mut command = program();
            let command = command.arg("predict").arg(run).args(&images).args(["--json", "--device", DEVICE]);
            serde_json::from_str::<Vec<Value>>(&stdout(command)).unwrap()
        };
        for (alone, run) in predict(&alone).iter().zip(predict(&smoke().run)) {
            assert_eq!(alone["class"], run["class"]);
            assert!(half.is_some() || *alone == run, "{alone}");
        }
        let again = folder.path().join("again.safetensors");
        stdout(program().arg("export").arg(&alone).arg(&again).arg("--force"));
        assert!(fs::read(&again).unwrap() == fs::read(&alone).unwrap());
    }
}

#[test]
fn model_file_that_does_not_say_what_its_model_is_needs_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = changed(folder.path(), |header| header["__metadata__"] = json!({ "format": "pt" }));
    let message = failure(program().arg("predict").arg(&path).arg("a.png"));
    assert!(message.contains("alone.safetensors: it does not say what its model is"), "{message}");
}

#[test]
fn model_file_that_contradicts_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let architecture =
        |hidden: Value| json!({ "height": 28, "width": 28, "hidden": hidden, "batch_norm": false }).to_string();
    let pixels = |pixels: &Value, from: &str, to: &str| pixels.as_str().unwrap().replace(from, to);
    // An entry of the metadata, its new value, and the reason of the refusal.
    type Case<'a> = (&'a str, &'a dyn Fn(&Value) -> String, &'a str);
    let cases: [Case; 6] = [
        ("architecture", &|_| architecture(json!([17])), "hidden.0.bias is [16], not [17]"),
        ("architecture", &|_| architecture(json!([-1])), "invalid value"),
        ("architecture", &|_| architecture(json!([100_000])), "model.hidden"),
        ("activation", &|_| "step".into(), "unknown variant `step`"),
        ("classes", &|_| json!(["a", "b"]).to_string(), "output.bias is [10], not [2]"),
        ("pixels", &|it| pixels(it, "light on dark", "dark on light"), "polarity are not those of the preparation"),
    ];
    for (name, value, reason) in cases {
        let path = changed(folder.path(), |header| {
            let entry = &mut header["__metadata__"][name];
            *entry = json!(value(entry));
        });
        for command in [["predict", "a.png"], ["export", "m.onnx"]] {
            let message = failure(program().arg(command[0]).arg(&path).arg(folder.path().join(command[1])));
            assert!(message.contains("alone.safetensors: its metadata are damaged: "), "{message}");
            assert!(message.contains(reason), "{message}");
        }
    }
}

#[test]
fn training_starts_from_what_a_model_file_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = changed(folder.path(), |_| {});
    let train = |set: &[&str]| {
        let mut command = program();
        command.args(["train", "--config", "config/smoke.toml", "--device", DEVICE, "--dry-run"]);
        command.arg("--set").arg(format!("init.from={}", path.display()));
        set.iter().for_each(|set| _ = command.args(["--set", set]));
        command
    };
    let (_, notes) = success(&mut train(&["data.classes=[9,8,7,6,5,4,3,2,1,0]"]));
    assert!(notes.contains("randomly initialised: output, as the weights are for the classes 0, 1, 2"), "{notes}");
    for (set, reason) in [
        ("model.activation=tanh", "model.activation = \"relu\", not \"tanh\""),
        ("data.pixels=standardized", "data.pixels = \"unit\", not \"standardized\""),
    ] {
        let message = failure(&mut train(&[set]));
        assert!(message.contains("alone.safetensors was trained with") && message.contains(reason), "{message}");
    }
}

#[test]
fn run_whose_config_contradicts_its_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    smoke().copy_to(folder.path());
    let config = fs::read_to_string(folder.path().join("config.toml")).unwrap();
    fs::write(folder.path().join("config.toml"), config.replace("\"relu\"", "\"tanh\"")).unwrap();
    let message = failure(program().arg("evaluate").arg(folder.path()));
    assert!(message.contains("does not fit this network: its activation is Relu, not Tanh"), "{message}");
}

#[test]
fn model_file_alone_is_evaluated_on_named_images_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alone.safetensors");
    fs::copy(smoke().run.join("best.safetensors"), &path).unwrap();
    let evaluate = |model: &Path, options: &[&str]| {
        let mut command = program();
        command.arg("evaluate").arg(model).args(["--json", "--device", DEVICE]).args(options);
        command
    };
    let read = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let of_file = read(stdout(&mut evaluate(&path, &["--data", "data/mnist"])));
    let of_run = read(stdout(&mut evaluate(&smoke().run, &[])));
    assert_eq!(of_file["wrong"], of_run["wrong"]);
    assert_eq!(of_file["loss"], of_run["loss"]);
    for options in [&[][..], &["--data", "data/mnist", "--split", "validation"]] {
        let message = failure(&mut evaluate(&path, options));
        assert!(message.contains("alone.safetensors does not say which images to evaluate it on"), "{message}");
    }
}

#[test]
#[ignore = "trains a network of each shipped config for an epoch"]
fn model_file_of_any_config_alone_gives_the_figures_of_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let entries = fs::read_dir("config").unwrap().map(|entry| entry.unwrap().path());
    let mut configs: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "toml")).collect();
    // The network that this one starts from is trained first.
    configs.sort_by_key(|path| (path.ends_with("finetune.toml"), path.clone()));
    assert!(configs.len() > 10);
    for config in configs {
        let name = config.file_stem().unwrap().to_str().unwrap();
        let run = folder.path().join(name);
        let mut command = program();
        command
            .args(["train", "--epochs", "1", "--json", "--device", DEVICE, "--config"])
            .arg(&config)
            .arg("--run")
            .arg(&run);
        if name != "private" {
            command.args(["--set", "data.fraction=0.05"]);
        }
        // The networks that these two read.
        for (reader, key, read) in
            [("finetune", "init.from", "pretrain"), ("distilled", "distillation.teacher", "deep")]
        {
            if name == reader {
                command.args(["--set", &format!("{key}={}", folder.path().join(read).display())]);
            }
        }
        let trained: Value = serde_json::from_str(&stdout(&mut command)).unwrap();
        let alone = folder.path().join(format!("{name}.safetensors"));
        fs::copy(run.join("best.safetensors"), &alone).unwrap();
        let mut command = program();
        command.arg("evaluate").arg(&alone).args(["--json", "--device", DEVICE, "--data", "data/mnist"]);
        let evaluated: Value = serde_json::from_str(&stdout(&mut command)).unwrap();
        assert!(trained["evaluation"]["images"].as_u64() > Some(1_000));
        for key in ["wrong", "loss", "confusion"] {
            assert_eq!(evaluated[key], trained["evaluation"][key], "{name}");
        }
    }
}
