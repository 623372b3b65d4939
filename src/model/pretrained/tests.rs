//! Networks that start from files and runs, and those that are refused.
//!
//! - `programs`: files as other programs write them.

mod programs;

use std::fs;

use burn::tensor::{Tensor, TensorData};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::config::Pixels;
use crate::data::Scaling;
use crate::device::{self, Opened};
use crate::run::{Record, RunFolder};

const INPUTS: usize = 6;

/// The last backend of the list, which is a CPU.
fn cpu() -> Opened {
    device::list().into_iter().rev().find_map(|(_, adapters)| adapters.into_iter().next()).unwrap()
}

fn names(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

/// An experiment whose network has these layers and that starts from `from`.
fn experiment(hidden: &[usize], from: &Path) -> Experiment {
    let mut experiment = Experiment::default().resolved();
    experiment.model.hidden = hidden.into();
    experiment.init.from = Some(from.into());
    experiment
}

fn network(experiment: &Experiment, classes: usize, seed: u64) -> Mlp {
    Mlp::new(&experiment.model, &experiment.init, INPUTS, classes, Some(seed), &cpu().device)
}

/// A file with the randomly initialised weights of seed 7.
fn file(folder: &TempDir, hidden: &[usize], classes: usize) -> PathBuf {
    let path = folder.path().join("there.safetensors");
    let there = network(&experiment(hidden, &path), classes, 7);
    fs::write(&path, weights::to_bytes(&there).unwrap()).unwrap();
    path
}

/// The experiment's network of so many classes and seed 1, started from `init.from`.
fn started(experiment: &Experiment, classes: usize) -> Result<(Mlp, TransferRecord), PretrainedError> {
    let from = experiment.init.from.as_ref().expect("init.from is set");
    let pretrained =
        if from.is_dir() { RunFolder::at(from).pretrained().unwrap() } else { Pretrained::from_file(from)? };
    let pretrained = pretrained.unwrapped(experiment)?.renamed(&experiment.init.rename)?;
    pretrained.into_network(network(experiment, classes, 1), experiment, &names(classes))
}

/// The error with its causes, as they are printed one after the other.
fn refusal(experiment: &Experiment, classes: usize) -> String {
    let error = started(experiment, classes).expect_err("it does not fit");
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The numbers of each tensor.
fn tensors(network: &Mlp) -> BTreeMap<String, Vec<u8>> {
    let bytes = weights::to_bytes(network).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter().map(|(name, tensor)| (name.into(), tensor.data().to_vec())).collect()
}

#[test]
fn network_of_the_same_shape_takes_every_layer_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, &[5, 3], 4);
    let (found, record) = started(&experiment(&[5, 3], &path), 4).unwrap();
    assert!(weights::to_bytes(&found).unwrap() == fs::read(&path).unwrap());
    assert_eq!(record.taken, ["hidden.0", "hidden.1", "output"]);
    assert_eq!((record.sha256, record.fresh.len()), (checksum::of_file(&path).unwrap(), 0));
}

#[test]
fn output_layer_is_reinitialised_for_another_number_of_classes_and_the_record_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = experiment(&[5], &file(&folder, &[5], 4));
    let (found, record) = started(&experiment, 3).unwrap();
    let (there, random) = (tensors(&network(&experiment, 4, 7)), tensors(&network(&experiment, 3, 1)));
    let found = tensors(&found);
    assert_eq!(found["hidden.0.weight"], there["hidden.0.weight"]);
    assert_eq!(found["output.weight"], random["output.weight"]);
    assert_eq!(record.taken, ["hidden.0"]);
    assert_eq!(record.fresh["output"], "the weights are for 4 classes, not 3");
    assert_eq!(record.unused, ["output.bias", "output.weight"]);
}

#[test]
fn layers_that_do_not_fit_are_refused_all_at_once_with_the_ways_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, &[5], 4);
    let expected = format!(
        "{} does not fit this network: hidden.0.bias is [5], not [7]; hidden.0.weight is [5, 6], not [7, 6]; \
         hidden.1.bias [5] is missing; hidden.1.weight [5, 7] is missing; the other tensors in the file: none; \
         rename layers with init.rename, or name them in init.reinitialize to initialise them randomly",
        path.display()
    );
    assert_eq!(refusal(&experiment(&[7, 5], &path), 4), expected);
}

#[test]
fn layer_in_reinitialize_is_randomly_initialised() {
    let folder = tempfile::tempdir().unwrap();
    let mut experiment = experiment(&[5, 8, 5], &file(&folder, &[5], 4));
    experiment.init.reinitialize = vec!["hidden.1".into(), "hidden.2".into()];
    let (found, record) = started(&experiment, 4).unwrap();
    let random = tensors(&network(&experiment, 4, 1));
    assert_eq!(tensors(&found)["hidden.1.weight"], random["hidden.1.weight"]);
    assert_ne!(tensors(&found)["output.weight"], random["output.weight"]);
    assert_eq!(record.fresh["hidden.2"], "init.reinitialize names it");
}

#[test]
fn tensors_of_another_type_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("there.safetensors");
    let bytes = [0; 8 * 4 * INPUTS];
    let integers = |shape: Vec<usize>, bytes| TensorView::new(Dtype::I64, shape, bytes).unwrap();
    let views = [("output.bias", integers(vec![4], &bytes[..32])), ("output.weight", integers(vec![4, 6], &bytes[..]))];
    fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    let message = refusal(&experiment(&[], &path), 4);
    assert!(message.contains("output.bias holds I64, not F32; output.weight holds I64"), "{message}");
}

#[test]
fn frozen_layer_that_would_stay_randomly_initialised_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut experiment = experiment(&[5], &file(&folder, &[5], 4));
    experiment.init.freeze = vec!["output".into()];
    let expected = "init.freeze: output would stay randomly initialised: the weights are for 4 classes, not 3; \
                    remove it from init.freeze";
    assert_eq!(refusal(&experiment, 3), expected);
    assert!(started(&experiment, 4).is_ok());
}

/// An experiment for the network of `tests/weights/outside.py`.
fn outside(name: &str, renamed: &[(&str, &str)]) -> Experiment {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights").join(name);
    let mut experiment = experiment(&[5], &path);
    experiment.model.batch_norm = true;
    experiment.init.rename = renamed.iter().map(|(there, here)| (there.to_string(), here.to_string())).collect();
    experiment
}

#[test]
fn pytorch_weights_give_pytorchs_logits() {
    let reference = include_str!("../../../tests/weights/outside.json");
    let reference: Value = serde_json::from_str(reference).unwrap();
    let numbers = |key: &str| -> Vec<f32> {
        let rows = reference[key].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
        rows.map(|number| number.as_f64().unwrap() as f32).collect()
    };
    let layers = [("fc1", "hidden.0"), ("bn1", "norm.0"), ("fc2", "output")];
    for experiment in [outside("outside.pt", &layers), outside("outside.safetensors", &[])] {
        let (network, record) = started(&experiment, 4).unwrap();
        assert_eq!((record.taken.len(), record.unused.len()), (3, 0), "{record:?}");
        let images = Tensor::from_data(TensorData::new(numbers("images"), [3, INPUTS]), &cpu().device);
        let logits: Vec<f32> = network.forward(images).into_data().iter().collect();
        assert_eq!(logits.len(), 12);
        for (found, expected) in logits.iter().zip(numbers("logits")) {
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }
}

#[test]
fn rename_applies_to_a_single_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("there.safetensors");
    let bytes = [0; 4 * 4 * INPUTS];
    let view = |shape: Vec<usize>, bytes| TensorView::new(Dtype::F32, shape, bytes).unwrap();
    let views = [("b", view(vec![4], &bytes[..16])), ("kernel", view(vec![4, 6], &bytes[..]))];
    fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    let mut experiment = experiment(&[], &path);
    for (there, here) in [("b", "output.bias"), ("kernel", "output.weight")] {
        experiment.init.rename.insert(there.into(), here.into());
    }
    assert_eq!(started(&experiment, 4).unwrap().1.taken, ["output"]);
}

#[test]
fn rename_can_swap_layers() {
    let folder = tempfile::tempdir().unwrap();
    let mut experiment = experiment(&[6, 6], &file(&folder, &[6, 6], 4));
    for (there, here) in [("hidden.0", "hidden.1"), ("hidden.1", "hidden.0")] {
        experiment.init.rename.insert(there.into(), here.into());
    }
    let (there, found) = (tensors(&network(&experiment, 4, 7)), tensors(&started(&experiment, 4).unwrap().0));
    assert_eq!(found["hidden.0.weight"], there["hidden.1.weight"]);
    assert_eq!(found["hidden.1.weight"], there["hidden.0.weight"]);
}

#[test]
fn rename_of_two_layers_to_one_name_is_refused() {
    let message = refusal(&outside("outside.pt", &[("fc1", "output"), ("fc2", "output")]), 4);
    assert!(
        message.ends_with("outside.pt has several tensors for output.bias; give each layer a different name"),
        "{message}"
    );
}

#[test]
fn rename_of_an_unknown_name_is_refused_with_the_known_ones() {
    let message = refusal(&outside("outside.safetensors", &[("fc", "hidden.0")]), 4);
    assert!(message.contains("outside.safetensors has no tensor and no layer fc; it has hidden.0.bias, "), "{message}");
}

#[test]
fn file_without_weights_is_refused_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    for whole in ["outside.pt", "outside.safetensors"] {
        let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights").join(whole)).unwrap();
        let path = folder.path().join(whole);
        for part in [&b""[..], b"no weights at all", &bytes[..bytes.len() / 2], &bytes[..bytes.len() - 1]] {
            fs::write(&path, part).unwrap();
            let message = refusal(&experiment(&[5], &path), 4);
            let expected =
                format!("init.from does not name a usable weights file: can't load a model from {}: ", path.display());
            assert!(message.starts_with(&expected), "{message}");
        }
    }
    let missing = refusal(&experiment(&[5], Path::new("no/such.pt")), 4);
    assert!(missing.starts_with("init.from does not name a usable weights file"), "{missing}");
}

/// A folder with the needed files of a run of this network, with standardised pixels and these classes.
fn run(folder: &TempDir, classes: &[&str]) -> PathBuf {
    let run = RunFolder::at(folder.path());
    let mut there = experiment(&[5], Path::new("nowhere"));
    there.init.from = None;
    there.data.pixels = Pixels::Standardized;
    run.write_config(&there).unwrap();
    let data = json!({
        "height": 2, "width": 3, "classes": classes.len(), "names": classes, "training_images": 9,
        "validation_images": 0, "scaling": { "mean": 0.25, "deviation": 0.5 }, "sha256": {}
    });
    let record = json!({
        "version": "0", "commit": null, "device": "ndarray", "adapter": "CPU", "seed": 1, "started": 0.0, "data": data,
        "parameters": 59, "models": {}, "training": null, "failure": null
    });
    let mut record: Record = serde_json::from_value(record).unwrap();
    let bytes = weights::to_bytes(&network(&there, classes.len(), 7)).unwrap();
    run.write_models(&[(RunFolder::BEST, &bytes)], &mut record).unwrap();
    run.write_record(&record).unwrap();
    folder.path().into()
}

fn standardized(from: &Path) -> Experiment {
    let mut experiment = experiment(&[5], from);
    experiment.data.pixels = Pixels::Standardized;
    experiment
}

#[test]
fn run_provides_its_scaling_and_its_output_layer_if_the_classes_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = standardized(&run(&folder, &["0", "1", "2"]));
    let pretrained = RunFolder::at(folder.path()).pretrained().unwrap();
    assert_eq!(pretrained.description.map(|it| it.pixels.scaling), Some(Scaling { mean: 0.25, deviation: 0.5 }));
    let (_, record) = started(&experiment, 3).unwrap();
    assert_eq!(record.taken, ["hidden.0", "output"]);
    assert!(record.file.ends_with("best.safetensors"), "{record:?}");
}

#[test]
fn output_layer_is_reinitialised_for_as_many_other_classes() {
    let folder = tempfile::tempdir().unwrap();
    let (_, record) = started(&standardized(&run(&folder, &["5", "6", "7"])), 3).unwrap();
    assert_eq!(record.fresh["output"], "the weights are for the classes 5, 6, 7, not 0, 1, 2");
}

#[test]
fn run_that_computes_differently_is_refused_with_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let message = refusal(&experiment(&[5], &run(&folder, &["0", "1", "2"])), 3);
    assert!(message.contains("was trained with data.pixels = \"standardized\", not \"unit\""), "{message}");
}

#[test]
fn folder_that_is_not_a_run_or_has_a_changed_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = || RunFolder::at(folder.path()).pretrained().unwrap_err().to_string();
    assert!(refusal().contains("is not a run folder"), "{}", refusal());
    let model = run(&folder, &["0", "1", "2"]).join(RunFolder::BEST);
    let mut bytes = fs::read(&model).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&model, bytes).unwrap();
    assert!(refusal().contains("is not the file that the run wrote"), "{}", refusal());
}
