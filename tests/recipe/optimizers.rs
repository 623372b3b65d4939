//! The update rules against their formulas, and Burn's training loop with them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::train::TrainStep;
use mnist_burn::cli::{Display, Ui};
use mnist_burn::config::{BatchSize, Experiment, Model, Optimizer, OptimizerKind, Training};
use mnist_burn::data::{Images, Scaling, Split, TrainingData};
use mnist_burn::device::{self, Opened};
use mnist_burn::model::Mlp;
use mnist_burn::run::{DataRecord, Epoch, Record, RunFolder};
use mnist_burn::training::{self, Trained, optimizer};

use super::{assert_close, batch, devices, filled, loaded, network, tensors, training_model};

pub const INPUTS: usize = 3;
pub const CLASSES: usize = 2;
const IMAGES: [f32; 12] = [1.0, 0.0, 0.4, 0.8, 0.2, 0.0, 0.0, 1.0, 0.6, 0.2, 0.8, 0.2];
pub const LABELS: [i32; 4] = [0, 0, 1, 1];

/// Softmax regression: no hidden layer, so that its gradient takes a few lines.
pub fn regression() -> Model {
    Model { hidden: vec![], ..Model::default() }
}

pub fn start() -> BTreeMap<String, Vec<f32>> {
    let weight = vec![0.3, -0.2, 0.1, -0.4, 0.5, 0.2];
    BTreeMap::from([("output.weight".to_string(), weight), ("output.bias".to_string(), vec![0.0; 2])])
}

/// The probabilities of each image's classes, from the weights, `[classes, inputs]`, and then the biases.
pub fn probabilities(parameters: &[f64]) -> Vec<Vec<f64>> {
    let logit = |image: &[f32], c: usize| {
        (0..INPUTS).map(|i| parameters[c * INPUTS + i] * f64::from(image[i])).sum::<f64>()
            + parameters[CLASSES * INPUTS + c]
    };
    let softmax = |image| {
        let exponentials: Vec<f64> = (0..CLASSES).map(|c| logit(image, c).exp()).collect();
        exponentials.iter().map(|e| e / exponentials.iter().sum::<f64>()).collect()
    };
    IMAGES.chunks(INPUTS).map(softmax).collect()
}

/// The gradient of the mean cross-entropy with respect to the weights, `[classes, inputs]`, then the biases, with the
/// label-smoothing factor `smoothing`.
pub fn gradient(parameters: &[f64], smoothing: f64) -> Vec<f64> {
    weighted_gradient(parameters, smoothing, [1.0; CLASSES])
}

/// The same with the loss of each image times the weight of its class.
pub fn weighted_gradient(parameters: &[f64], smoothing: f64, weights: [f64; CLASSES]) -> Vec<f64> {
    let mut gradient = vec![0.0; parameters.len()];
    for ((image, &label), found) in IMAGES.chunks(INPUTS).zip(&LABELS).zip(probabilities(parameters)) {
        for c in 0..CLASSES {
            let target = (1.0 - smoothing) * f64::from(u8::from(c == label as usize)) + smoothing / CLASSES as f64;
            let error = weights[label as usize] * (found[c] - target) / LABELS.len() as f64;
            for i in 0..INPUTS {
                gradient[c * INPUTS + i] += error * f64::from(image[i]);
            }
            gradient[CLASSES * INPUTS + c] += error;
        }
    }
    gradient
}

/// The initial weights, then the biases.
pub fn start_values() -> Vec<f64> {
    start().into_iter().rev().flat_map(|(_, values)| values).map(f64::from).collect()
}

/// The parameters after `steps` updates, each made by `update(parameters, gradient, step from 1)`.
pub fn by_formula(steps: usize, mut update: impl FnMut(&mut [f64], &[f64], i32)) -> Vec<f32> {
    let mut parameters = start_values();
    for number in 1..=steps {
        let gradient = gradient(&parameters, 0.0);
        update(&mut parameters, &gradient, number as i32);
    }
    parameters.into_iter().map(|p| p as f32).collect()
}

/// Checks the parameters after `steps` training steps with the optimiser of a config, on every backend.
pub fn check(config: Optimizer, steps: usize, expected: &[f32]) {
    for (name, device) in devices() {
        let device = device.autodiff();
        let network = filled(network(&regression(), INPUTS, CLASSES, &device), &start());
        let mut model = training_model(network, Experiment { optimizer: config.clone(), ..Experiment::default() }, 0);
        let mut optimizer = optimizer(&config);
        for _ in 0..steps {
            let output = TrainStep::step(&model, batch(IMAGES.to_vec(), LABELS.to_vec(), &device));
            model = model.optimize(&mut optimizer, config.learning_rate.into(), output.grads);
        }
        let found = tensors(model.eval_model());
        let found = [&found["output.weight"][..], &found["output.bias"]].concat();
        assert_close(&found, expected, 1e-6, &name);
    }
}

pub fn sgd(momentum: f64, nesterov: bool) -> Optimizer {
    Optimizer {
        kind: OptimizerKind::Sgd,
        learning_rate: 0.1,
        momentum: Some(momentum),
        nesterov: Some(nesterov),
        ..Optimizer::default()
    }
}

#[test]
fn sgd_goes_against_the_gradient() {
    let expected = by_formula(5, |w, g, _| w.iter_mut().zip(g).for_each(|(w, g)| *w -= 0.1 * g));
    check(sgd(0.0, false), 5, &expected);
}

#[test]
fn momentum_equals_keras_without_dampening() {
    let mut velocity = [0.0; 8];
    let expected = by_formula(5, |w, g, _| {
        for i in 0..8 {
            velocity[i] = 0.9 * velocity[i] - 0.1 * g[i];
            w[i] += velocity[i];
        }
    });
    check(sgd(0.9, false), 5, &expected);
}

#[test]
fn nesterov_momentum_equals_keras() {
    let mut velocity = [0.0; 8];
    let expected = by_formula(5, |w, g, _| {
        for i in 0..8 {
            velocity[i] = 0.9 * velocity[i] - 0.1 * g[i];
            w[i] += 0.9 * velocity[i] - 0.1 * g[i];
        }
    });
    check(sgd(0.9, true), 5, &expected);
}

#[test]
fn adamw_decays_the_weights_apart_from_the_gradient() {
    let (mut m, mut v) = ([0.0; 8], [0.0; 8]);
    let expected = by_formula(5, |w, g, t| {
        let alpha = 0.01 * (1.0 - 0.999f64.powi(t)).sqrt() / (1.0 - 0.9f64.powi(t));
        for i in 0..8 {
            w[i] -= 0.01 * 0.1 * w[i];
            m[i] += 0.1 * (g[i] - m[i]);
            v[i] += 0.001 * (g[i] * g[i] - v[i]);
            w[i] -= alpha * m[i] / (v[i].sqrt() + 1e-7);
        }
    });
    let config =
        Optimizer { kind: OptimizerKind::Adamw, learning_rate: 0.01, weight_decay: Some(0.1), ..Optimizer::default() };
    check(config, 5, &expected);
}

#[test]
fn rmsprop_equals_keras_with_and_without_momentum() {
    for momentum in [0.0, 0.8] {
        let (mut v, mut u) = ([0.0; 8], [0.0; 8]);
        let expected = by_formula(5, |w, g, _| {
            for i in 0..8 {
                v[i] = 0.7 * v[i] + 0.3 * g[i] * g[i];
                u[i] = momentum * u[i] + 0.01 * g[i] / (v[i] + 1e-3).sqrt();
                w[i] -= u[i];
            }
        });
        let config = Optimizer {
            kind: OptimizerKind::Rmsprop,
            learning_rate: 0.01,
            rho: Some(0.7),
            momentum: Some(momentum),
            epsilon: Some(1e-3),
            ..Optimizer::default()
        };
        check(config, 5, &expected);
    }
}

#[test]
fn sgd_weight_decay_is_added_to_the_gradient_before_the_momentum_as_in_pytorch() {
    let mut velocity = [0.0; 8];
    let expected = by_formula(5, |w, g, _| {
        for i in 0..8 {
            velocity[i] = 0.9 * velocity[i] + g[i] + 0.3 * w[i];
            w[i] -= 0.1 * velocity[i];
        }
    });
    check(Optimizer { weight_decay: Some(0.3), ..sgd(0.9, false) }, 5, &expected);
}

#[test]
fn gradient_norm_clipping_scales_weights_and_biases_separately() {
    let clip = |gradient: &[f64]| -> Vec<f64> {
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        gradient.iter().map(|g| g * (0.05 / norm).min(1.0)).collect()
    };
    let mut shortened = [0; 2];
    let expected = by_formula(5, |w, g, _| {
        let (weights, biases) = g.split_at(6);
        let clipped = [clip(weights), clip(biases)];
        shortened[0] += usize::from(clipped[0] != weights);
        shortened[1] += usize::from(clipped[1] != biases);
        w.iter_mut().zip(clipped.concat()).for_each(|(w, g)| *w -= 0.1 * g);
    });
    assert!(shortened[0] == 5 && shortened[1] < 5, "both a longer and a shorter one: {shortened:?}");
    check(Optimizer { clip_norm: Some(0.05), ..sgd(0.0, false) }, 5, &expected);
}

#[test]
fn gradient_clipping_by_the_global_norm_equals_keras() {
    let mut norms = vec![];
    // keras.utils.clip_by_global_norm: g · largest / max(norm, largest).
    let expected = by_formula(8, |w, g, _| {
        let norm = g.iter().map(|g| g * g).sum::<f64>().sqrt();
        norms.push(norm);
        w.iter_mut().zip(g).for_each(|(w, g)| *w -= 0.5 * g * 0.2 / norm.max(0.2));
    });
    assert!(norms.iter().any(|&norm| norm > 0.25) && norms.iter().any(|&norm| norm < 0.2), "{norms:?}");
    let sgd = Optimizer { learning_rate: 0.5, ..sgd(0.0, false) };
    check(Optimizer { global_clip_norm: Some(0.2), ..sgd }, 8, &expected);
}

#[test]
fn gradient_value_clipping_limits_each_number() {
    let mut cut = 0;
    let expected = by_formula(5, |w, g, _| {
        cut += g.iter().filter(|g| g.abs() > 0.04).count();
        w.iter_mut().zip(g).for_each(|(w, g)| *w -= 0.1 * g.clamp(-0.04, 0.04));
    });
    assert!((1..40).contains(&cut), "some are cut, some are not: {cut}");
    check(Optimizer { clip_value: Some(0.04), ..sgd(0.0, false) }, 5, &expected);
}

/// The device of the training loop: the CPU, if the build has it.
pub fn loop_device() -> Opened {
    let cpu = if cfg!(feature = "ndarray") { "ndarray" } else { "auto" };
    device::open(cpu).unwrap()
}

/// Trains `model` in a new run folder in `runs`, on as many devices as the experiment has. `spoil` changes the folder
/// before.
pub fn train(
    experiment: &Experiment,
    model: Mlp,
    data: &TrainingData,
    runs: &Path,
    spoil: impl FnOnce(&Path),
) -> (RunFolder, Result<Trained, mnist_burn::Error>) {
    let (run, _lock) = RunFolder::create(runs, experiment).unwrap();
    spoil(run.path());
    let devices = vec![loop_device(); experiment.device.names().len()];
    let display = Display { ui: Ui::Lines, epochs: experiment.training.epochs, quits_with: None };
    let trained = training::train(experiment, model, data, &devices, &run, record(), &display);
    (run, trained.map_err(mnist_burn::Error::from))
}

/// The record of a run on two by two images of three classes: no test looks at it.
fn record() -> Record {
    Record { data: DataRecord { height: 2, width: 2, classes: 3, ..DataRecord::default() }, ..Record::default() }
}

/// The four images as a data set, of which `validation` are validation images, too.
pub fn data(validation: Vec<usize>) -> TrainingData {
    // Bytes that are exactly the images above when divided by 5.
    let bytes = IMAGES.iter().map(|pixel| (pixel * 5.0).round() as u8).collect();
    let images = Images::new(bytes, LABELS.iter().map(|&label| label as u8).collect(), [1, 3], CLASSES);
    let split = Split { training: vec![0, 1, 2, 3], validation, ..Split::default() };
    TrainingData { images: Arc::new(images), split, scaling: Scaling { mean: 0.0, deviation: 5.0 / 255.0 } }
}

/// Trains the regression in Burn's loop with SGD, and returns the epochs' metrics and the last weights.
pub fn run_loop(training: Training, rate: f64, data: &TrainingData) -> (Vec<Epoch>, Vec<f32>) {
    let optimizer = Optimizer { learning_rate: rate, ..sgd(0.0, false) };
    let experiment = Experiment { model: regression(), training, optimizer, ..Experiment::default() };
    let device = loop_device();
    let runs = tempfile::tempdir().unwrap();
    let model = filled(network(&regression(), INPUTS, CLASSES, &device.device.clone().autodiff()), &start());
    let (run, trained) = train(&experiment, model, data, runs.path(), |_| {});
    let history = trained.unwrap().history;
    let last = run.path().join(RunFolder::LAST);
    let trained = loaded(network(&regression(), INPUTS, CLASSES, &device.device), &last);
    let trained = tensors(&trained);
    (history.epochs(), [&trained["output.weight"][..], &trained["output.bias"]].concat())
}

#[test]
fn batch_size_all_makes_one_update_an_epoch_from_the_whole_split() {
    let training = Training { epochs: 3, batch_size: BatchSize::All, ..Training::default() };
    let (epochs, trained) = run_loop(training, 0.1, &data(vec![]));
    assert_eq!(epochs.len(), 3);
    let expected = by_formula(3, |w, g, _| w.iter_mut().zip(g).for_each(|(w, g)| *w -= 0.1 * g));
    assert_close(&trained, &expected, 1e-6, "weights");
}

#[test]
fn epoch_loss_weights_each_image_alike_in_the_small_last_batch_too() {
    // Steps too small to change anything: the loss stays that of the start, however the images are cut into batches.
    let losses = |epochs, batch_size| -> Vec<f64> {
        let training = Training { epochs, batch_size, ..Training::default() };
        run_loop(training, 1e-12, &data(vec![])).0.iter().map(|epoch| epoch.train_loss).collect()
    };
    let (whole, parts) = (losses(1, BatchSize::All), losses(3, BatchSize::Images(3)));
    assert!(parts.iter().all(|loss| (loss - whole[0]).abs() < 1e-6), "{parts:?} {whole:?}");
}

#[test]
fn nan_or_infinite_loss_stops_the_training_with_advice() {
    let device = loop_device();
    let images = Images::new(vec![0, 255, 255, 0], vec![0, 1], [1, 2], 2);
    let data = TrainingData {
        images: Arc::new(images),
        split: Split { training: vec![0, 1], ..Split::default() },
        // Inputs of infinite size.
        scaling: Scaling { mean: 0.0, deviation: 1e-45 },
    };
    let experiment = Experiment { model: regression(), ..Experiment::default() };
    let runs = tempfile::tempdir().unwrap();
    let model = network(&regression(), 2, 2, &device.device.clone().autodiff());
    let (run, trained) = train(&experiment, model, &data, runs.path(), |_| {});
    let message = trained.err().unwrap().to_string();
    assert!(message.contains("diverged in epoch 1, batch 1, at the learning rate 0.001"), "{message}");
    assert_eq!(run.record().unwrap().failure.as_ref(), Some(&message));
    assert!(message.contains("No model was saved") && message.contains("optimizer.learning_rate"), "{message}");
}

#[test]
fn model_that_can_not_be_saved_is_an_error_with_its_cause() {
    let device = loop_device();
    let runs = tempfile::tempdir().unwrap();
    let data = TrainingData {
        images: Arc::new(Images::new(vec![0, 255, 255, 0], vec![0, 1], [1, 2], 2)),
        split: Split { training: vec![0, 1], ..Split::default() },
        scaling: Scaling::UNIT,
    };
    let experiment = Experiment { model: regression(), ..Experiment::default() };
    let model = network(&regression(), 2, 2, &device.device.clone().autodiff());
    let in_the_way = |run: &Path| std::fs::create_dir(run.join("metrics.csv")).unwrap();
    let error = train(&experiment, model, &data, runs.path(), in_the_way).1.err().unwrap();
    assert!(error.to_string().contains("metrics.csv") && std::error::Error::source(&error).is_some(), "{error}");
}
