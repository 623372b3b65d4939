//! The training recipe, number by number: weights and batches, on every backend of the build.
//!
//! - `keras`: ten steps against an independent float64 computation;
//! - `backends`: the same steps on every backend;
//! - `start`: the initial weights;
//! - `batches`: shuffling, the last batch, dropout, noise;
//! - `optimizers`: the update rules, and Burn's loop running them;
//! - `freezing`: frozen layers, and layers with their own learning rate;
//! - `updates`: the update rules against Burn's own;
//! - `semi_supervised`: learning from unlabelled images;
//! - `options`: label smoothing, gradient accumulation, moving average of the weights.

mod backends;
mod batches;
mod freezing;
mod keras;
mod optimizers;
mod options;
mod semi_supervised;
mod start;
mod updates;

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::store::{BurnToPyTorchAdapter, ModuleSnapshot};
use burn::tensor::{Device, Tensor, TensorData};
use burn::train::TrainStep;
use mnist_burn::config::{Experiment, Init, Model};
use mnist_burn::data::Batch;
use mnist_burn::device;
use mnist_burn::model::Mlp;
use mnist_burn::model::weights;
use mnist_burn::training::{Mean, Position, TrainingModel};
use safetensors::tensor::TensorView;

/// Every backend of this build, without autodiff. A GPU backend without an adapter is skipped with a message.
fn devices() -> Vec<(String, Device)> {
    let mut devices = vec![];
    for (backend, adapters) in device::list() {
        match adapters.into_iter().next() {
            Some(adapter) => devices.push((adapter.name, adapter.device)),
            None => eprintln!("not tested: {backend} finds no adapter"),
        }
    }
    assert!(!devices.is_empty(), "a build has at least one backend");
    devices
}

/// The reference network without dropout, for comparisons that must not depend on random numbers.
fn without_dropout(hidden: Vec<usize>) -> Model {
    Model { hidden, dropout: 0.0, ..Model::default() }
}

/// A randomly initialised network. Its weights depend on other tests: all threads share the generator of a CPU backend.
fn network(model: &Model, inputs: usize, classes: usize, device: &Device) -> Mlp {
    Mlp::new(model, &Init::default(), inputs, classes, Some(1), device)
}

/// A copy with its own running statistics, which a clone would share.
fn copy<M: Module>(module: &M) -> M {
    module.valid().train()
}

fn batch(images: Vec<f32>, labels: Vec<i32>, device: &Device) -> Batch {
    let (count, width) = (labels.len(), images.len() / labels.len());
    Batch::new(Tensor::from_data(TensorData::new(images, [count, width]), device), labels)
}

/// `network` in training as `experiment` says, after `updates` epochs of one update each.
fn training_model(network: Mlp, experiment: Experiment, updates: usize) -> TrainingModel {
    TrainingModel::new(network, &experiment, Position::after_epochs(updates, 1))
}

/// `model` with the weights in a file.
fn loaded(model: Mlp, path: &Path) -> Mlp {
    weights::from_bytes(model, &weights::read(path).unwrap(), path).unwrap()
}

/// Does one training step. Returns the mean loss before it and the model after it.
fn step(model: Mlp, optimizer: &mut burn::optim::ModuleOptimizer, rate: f64, batch: Batch) -> (f32, Mlp) {
    let output = TrainStep::step(&training_model(model.clone(), Experiment::default(), 0), batch);
    let loss = number(&output.item.loss);
    (loss, optimizer.step(rate, model, output.grads))
}

/// A loss, as a number.
fn number(mean: &Mean) -> f32 {
    match mean {
        Mean::Number(number) => *number as f32,
        Mean::OnDevice(number) => number.clone().into_scalar(),
    }
}

/// A model's tensors by name, flat, in PyTorch's layout.
fn tensors(model: &Mlp) -> BTreeMap<String, Vec<f32>> {
    let collected = model.collect(None, Some(Box::new(BurnToPyTorchAdapter)), false);
    let floats = |bytes: &[u8]| bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    collected.into_iter().map(|tensor| (tensor.name.clone(), floats(&tensor.to_bytes().unwrap()))).collect()
}

/// `model` with these tensors, in PyTorch's layout, loaded from a safetensors file.
fn filled(model: Mlp, tensors: &BTreeMap<String, Vec<f32>>) -> Mlp {
    let bytes: Vec<(&String, Vec<u8>)> =
        tensors.iter().map(|(name, values)| (name, values.iter().flat_map(|v| v.to_le_bytes()).collect())).collect();
    let views = bytes.iter().map(|(name, bytes)| {
        // A bias has one axis. A weight has two, the first one as long as its bias.
        let count = bytes.len() / 4;
        let shape = match name.strip_suffix(".weight") {
            Some(layer) => {
                let outputs = tensors[&format!("{layer}.bias")].len();
                vec![outputs, count / outputs]
            }
            None => vec![count],
        };
        (name.as_str(), TensorView::new(safetensors::Dtype::F32, shape, bytes).unwrap())
    });
    let file = tempfile::NamedTempFile::with_suffix(".safetensors").unwrap();
    safetensors::serialize_to_file(views, None, file.path()).unwrap();
    loaded(model, file.path())
}

/// Fails where two lists of numbers differ by more than `tolerance`.
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance, "{what}[{index}]: {found} is not {expected}");
    }
}
