//! The other update rules against their formulas, and Burn's loop running them as configured.

use std::collections::BTreeMap;
use std::sync::Arc;

use mnist_burn::config::{BatchSize, Experiment, Model, Optimizer, OptimizerKind, Schedule, ScheduleKind, Training};
use mnist_burn::data::{Images, Scaling, Split, TrainingData};
use mnist_burn::device::{self, Opened};
use mnist_burn::run::RunFolder;
use mnist_burn::training::{self, optimizer, schedule};
use mnist_burn::weights;

use super::{assert_close, batch, devices, filled, network, step, tensors};

const INPUTS: usize = 3;
const CLASSES: usize = 2;
const IMAGES: [f32; 12] = [1.0, 0.0, 0.4, 0.8, 0.2, 0.0, 0.0, 1.0, 0.6, 0.2, 0.8, 0.2];
const LABELS: [i32; 4] = [0, 0, 1, 1];

/// Softmax regression: no hidden layer, so that a few lines hold its gradient.
fn regression() -> Model {
    Model { hidden: vec![], ..Model::default() }
}

fn start() -> BTreeMap<String, Vec<f32>> {
    let weight = vec![0.3, -0.2, 0.1, -0.4, 0.5, 0.2];
    BTreeMap::from([("output.weight".to_string(), weight), ("output.bias".to_string(), vec![0.0; 2])])
}

/// The mean cross-entropy's gradient by the weights, `[classes, inputs]`, then by the biases.
fn gradient(parameters: &[f64]) -> Vec<f64> {
    let mut gradient = vec![0.0; parameters.len()];
    for (image, &label) in IMAGES.chunks(INPUTS).zip(&LABELS) {
        let logits: Vec<f64> = (0..CLASSES)
            .map(|c| {
                (0..INPUTS).map(|i| parameters[c * INPUTS + i] * f64::from(image[i])).sum::<f64>()
                    + parameters[CLASSES * INPUTS + c]
            })
            .collect();
        let sum: f64 = logits.iter().map(|z| z.exp()).sum();
        for c in 0..CLASSES {
            let error = (logits[c].exp() / sum - f64::from(u8::from(c == label as usize))) / LABELS.len() as f64;
            for i in 0..INPUTS {
                gradient[c * INPUTS + i] += error * f64::from(image[i]);
            }
            gradient[CLASSES * INPUTS + c] += error;
        }
    }
    gradient
}

/// The parameters after `steps` updates, each made by `update(parameters, gradient, step from 1)`.
fn by_formula(steps: usize, mut update: impl FnMut(&mut [f64], &[f64], i32)) -> Vec<f32> {
    let mut parameters: Vec<f64> = start().into_iter().rev().flat_map(|(_, values)| values).map(f64::from).collect();
    for number in 1..=steps {
        let gradient = gradient(&parameters);
        update(&mut parameters, &gradient, number as i32);
    }
    parameters.into_iter().map(|p| p as f32).collect()
}

/// The parameters after `steps` steps of Burn's with the optimiser of a config, on every backend.
fn check(config: Optimizer, steps: usize, expected: &[f32]) {
    for (name, device) in devices() {
        let device = device.autodiff();
        let mut model = filled(network(&regression(), INPUTS, CLASSES, &device), &start());
        let mut optimizer = optimizer(&config);
        for _ in 0..steps {
            let batch = batch(IMAGES.to_vec(), LABELS.to_vec(), &device);
            model = step(model, &mut optimizer, config.learning_rate, batch).1;
        }
        let found = tensors(&model);
        let found = [&found["output.weight"][..], &found["output.bias"]].concat();
        assert_close(&found, expected, 1e-6, &name);
    }
}

fn sgd(momentum: f64, nesterov: bool) -> Optimizer {
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
fn momentum_is_keras_without_dampening() {
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
fn nesterov_looks_ahead_as_keras_does() {
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
fn adamw_shrinks_the_weights_apart_from_the_gradient() {
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
fn the_cosine_schedule_goes_from_the_full_rate_to_almost_zero() {
    let mut rates = schedule(&Schedule { kind: ScheduleKind::Cosine }, 0.5, 4).unwrap();
    let expected = |step: f64| 0.25 * (1.0 + (std::f64::consts::PI * step / 4.0).cos());
    for number in 0..4 {
        let rate = rates.step().base();
        assert!((rate - expected(number.into())).abs() < 1e-9, "step {number}: {rate}");
    }
}

/// The device that the loop is tried on: the CPU's, where the build has one.
fn loop_device() -> Opened {
    let cpu = if cfg!(feature = "ndarray") { "ndarray" } else { "auto" };
    device::open(cpu).unwrap()
}

/// Trains the regression in Burn's loop, and returns each epoch's training loss and the last weights.
fn run_loop(training: Training, rate: f64) -> (Vec<f64>, Vec<f32>) {
    // Bytes that are exactly the images above at a scale of a fifth.
    let bytes = IMAGES.iter().map(|pixel| (pixel * 5.0).round() as u8).collect();
    let images = Images::new(bytes, LABELS.iter().map(|&label| label as u8).collect(), [1, 3], CLASSES);
    let data = TrainingData {
        images: Arc::new(images),
        split: Split { training: vec![0, 1, 2, 3], validation: vec![] },
        scaling: Scaling { mean: 0.0, deviation: 5.0 / 255.0 },
    };
    let optimizer = Optimizer { learning_rate: rate, ..sgd(0.0, false) };
    let experiment = Experiment { model: regression(), training, optimizer, ..Experiment::default() };
    let device = loop_device();
    let runs = tempfile::tempdir().unwrap();
    let run = RunFolder::create(runs.path(), "loop").unwrap();
    let model = filled(network(&regression(), INPUTS, CLASSES, &device.device.clone().autodiff()), &start());
    let journal = training::train(&experiment, model, &data, &device, &run).unwrap();
    let trained = weights::load(network(&regression(), INPUTS, CLASSES, &device.device), &run.last_model()).unwrap();
    let trained = tensors(&trained);
    let losses = journal.epochs().iter().map(|epoch| epoch.train_loss).collect();
    (losses, [&trained["output.weight"][..], &trained["output.bias"]].concat())
}

#[test]
fn batch_size_all_makes_one_update_an_epoch_from_the_whole_split() {
    let (losses, trained) = run_loop(Training { epochs: 3, batch_size: BatchSize::All, ..Training::default() }, 0.1);
    assert_eq!(losses.len(), 3);
    let expected = by_formula(3, |w, g, _| w.iter_mut().zip(g).for_each(|(w, g)| *w -= 0.1 * g));
    assert_close(&trained, &expected, 1e-6, "weights");
}

#[test]
fn an_epochs_loss_weighs_each_image_alike_the_last_small_batch_included() {
    // Steps too small to change anything: the loss stays that of the start, however the images are cut into batches.
    let (whole, _) = run_loop(Training { epochs: 1, batch_size: BatchSize::All, ..Training::default() }, 1e-12);
    let (parts, _) = run_loop(Training { epochs: 3, batch_size: BatchSize::Images(3), ..Training::default() }, 1e-12);
    assert!(parts.iter().all(|loss| (loss - whole[0]).abs() < 1e-6), "{parts:?} {whole:?}");
}

#[test]
fn a_loss_that_is_no_number_stops_the_training_with_the_way_out() {
    let device = loop_device();
    let images = Images::new(vec![0, 255, 255, 0], vec![0, 1], [1, 2], 2);
    let data = TrainingData {
        images: Arc::new(images),
        split: Split { training: vec![0, 1], validation: vec![] },
        // Inputs of infinite size.
        scaling: Scaling { mean: 0.0, deviation: 1e-45 },
    };
    let experiment = Experiment { model: regression(), ..Experiment::default() };
    let runs = tempfile::tempdir().unwrap();
    let run = RunFolder::create(runs.path(), "diverged").unwrap();
    let model = network(&regression(), 2, 2, &device.device.clone().autodiff());
    let message = training::train(&experiment, model, &data, &device, &run).unwrap_err().to_string();
    assert!(message.contains("diverged in epoch 1") && message.contains("optimizer.learning_rate"), "{message}");
}

#[test]
fn a_model_that_can_not_be_kept_is_an_error_with_its_cause() {
    let device = loop_device();
    let runs = tempfile::tempdir().unwrap();
    let run = RunFolder::create(runs.path(), "full").unwrap();
    std::fs::create_dir(run.path().join("metrics.csv")).unwrap();
    let data = TrainingData {
        images: Arc::new(Images::new(vec![0, 255, 255, 0], vec![0, 1], [1, 2], 2)),
        split: Split { training: vec![0, 1], validation: vec![] },
        scaling: Scaling::UNIT,
    };
    let experiment = Experiment { model: regression(), ..Experiment::default() };
    let model = network(&regression(), 2, 2, &device.device.clone().autodiff());
    let error = training::train(&experiment, model, &data, &device, &run).unwrap_err();
    assert!(error.to_string().contains("can't be kept"), "{error}");
    let write = std::error::Error::source(&error).unwrap();
    assert!(write.to_string().contains("metrics.csv") && write.source().is_some(), "{error}: {write}");
}
