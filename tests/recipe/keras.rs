//! Ten steps of the reference recipe against `reference/keras_steps.py`, which computes them with NumPy in float64.

use std::collections::BTreeMap;

use burn::optim::{AdamConfig, ModuleOptimizer};
use mnist_burn::config::Optimizer;
use mnist_burn::training::optimizer;
use serde::Deserialize;

use super::{assert_close, batch, devices, filled, network, step, tensors, without_dropout};

const RATE: f64 = 1e-3;

#[derive(Deserialize)]
struct Reference {
    shape: Shape,
    initial: BTreeMap<String, Vec<f32>>,
    batches: Vec<Images>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Shape {
    inputs: usize,
    hidden: usize,
    classes: usize,
}

#[derive(Deserialize)]
struct Images {
    images: Vec<f32>,
    labels: Vec<i32>,
}

#[derive(Deserialize)]
struct Case {
    epsilon: f64,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    loss: f32,
    weights: BTreeMap<String, Vec<f32>>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/keras_steps.json")).unwrap()
}

/// The reference recipe's optimiser, from the config as a run would build it.
fn adam(epsilon: f64) -> ModuleOptimizer {
    optimizer(&Optimizer { epsilon: Some(epsilon), ..Optimizer::default() })
}

/// The loss and the tensors after each step.
fn train(reference: &Reference, mut optimizer: ModuleOptimizer, device: &burn::tensor::Device) -> Vec<Step> {
    let Shape { inputs, hidden, classes } = reference.shape;
    let device = device.clone().autodiff();
    let mut model = filled(network(&without_dropout(vec![hidden]), inputs, classes, &device), &reference.initial);
    let mut steps = vec![];
    for Images { images, labels } in &reference.batches {
        let (loss, stepped) = step(model, &mut optimizer, RATE, batch(images.clone(), labels.clone(), &device));
        steps.push(Step { loss, weights: tensors(&stepped) });
        model = stepped;
    }
    steps
}

#[test]
fn ten_steps_equal_keras_to_1e_5_on_every_backend() {
    let reference = reference();
    for (name, device) in devices() {
        for case in &reference.cases {
            let steps = train(&reference, adam(case.epsilon), &device);
            assert_eq!(steps.len(), 10);
            for (number, (found, expected)) in steps.iter().zip(&case.steps).enumerate() {
                let place = format!("{name}, epsilon {}, step {number}", case.epsilon);
                assert_close(&[found.loss], &[expected.loss], 1e-5, &format!("{place}, loss"));
                assert_eq!(found.weights.len(), 4);
                for (tensor, values) in &expected.weights {
                    assert_close(&found.weights[tensor], values, 1e-5, &format!("{place}, {tensor}"));
                }
            }
        }
    }
}

#[test]
fn burns_adam_differs_from_keras_so_the_comparison_can_fail() {
    let reference = reference();
    let case = reference.cases.last().unwrap();
    let (_, device) = devices().pop().unwrap();
    let burns = train(&reference, AdamConfig::new().with_epsilon(case.epsilon as f32).init(), &device);
    let largest = |tensor: &str| {
        let expected = &case.steps[9].weights[tensor];
        burns[9].weights[tensor].iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(largest("output.weight") > 1e-4, "{}", largest("output.weight"));
}
