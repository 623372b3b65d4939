//! The initial weights and their distributions, named as in Keras.

use mnist_burn::config::{Init, Model, Weights};
use mnist_burn::model::Mlp;

use super::{devices, tensors};

const INPUTS: f64 = 784.0;
const WIDTH: f64 = 128.0;

/// The first layer's weights: 100,352 numbers.
fn first_layer(weights: Weights, device: &burn::tensor::Device) -> Vec<f64> {
    let model = Mlp::new(&Model::default(), &Init { weights, ..Init::default() }, 784, 10, Some(1), device);
    tensors(&model)["hidden.0.weight"].iter().map(|&w| w.into()).collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

#[test]
fn glorot_uniform_fills_its_interval_evenly() {
    let limit = (6.0 / (INPUTS + WIDTH)).sqrt();
    for (name, device) in devices() {
        let weights = first_layer(Weights::GlorotUniform, &device);
        assert!(weights.iter().all(|w| w.abs() <= limit), "{name}");
        // Each tenth of the interval holds a tenth of the weights, to about four standard deviations of 0.001.
        let mut parts = [0.0; 10];
        for w in &weights {
            parts[(((w / limit + 1.0) * 5.0) as usize).min(9)] += 1.0 / weights.len() as f64;
        }
        assert!(parts.iter().all(|part| (part - 0.1).abs() < 0.004), "{name}: {parts:?}");
    }
}

#[test]
fn initialisers_have_their_variance() {
    use Weights::*;
    let cases = [
        (GlorotUniform, 2.0 / (INPUTS + WIDTH)),
        (GlorotNormal, 2.0 / (INPUTS + WIDTH)),
        (HeUniform, 2.0 / INPUTS),
        (HeNormal, 2.0 / INPUTS),
        (LecunUniform, 1.0 / INPUTS),
        (LecunNormal, 1.0 / INPUTS),
    ];
    let (_, device) = devices().pop().unwrap();
    for (name, variance) in cases {
        let weights = first_layer(name, &device);
        let found = mean(weights.iter().map(|w| w * w));
        assert!(mean(weights.iter().copied()).abs() < 0.05 * variance.sqrt(), "{name:?}");
        assert!((found / variance - 1.0).abs() < 0.03, "{name:?}: {found} is not {variance}");
    }
}

#[test]
fn biases_start_at_zero() {
    let (_, device) = devices().pop().unwrap();
    let tensors = tensors(&Mlp::new(&Model::default(), &Init::default(), 784, 10, Some(1), &device));
    assert_eq!(tensors["hidden.0.bias"], vec![0.0; 128]);
    assert_eq!(tensors["output.bias"], vec![0.0; 10]);
}

#[test]
fn tensors_have_pytorchs_names_with_batch_normalisation_too() {
    let (_, device) = devices().pop().unwrap();
    let model = Model { hidden: vec![6, 5], batch_norm: true, ..Model::default() };
    let names: Vec<String> = tensors(&Mlp::new(&model, &Init::default(), 4, 3, Some(1), &device)).into_keys().collect();
    let layer = |n| ["bias", "weight"].map(|part| format!("hidden.{n}.{part}"));
    let norm = |n| ["bias", "running_mean", "running_var", "weight"].map(|part| format!("norm.{n}.{part}"));
    let expected =
        [&layer(0)[..], &layer(1), &norm(0), &norm(1), &["output.bias".into(), "output.weight".into()]].concat();
    assert_eq!(names, expected);
}

#[test]
fn trained_parameters_exclude_running_statistics() {
    let (_, device) = devices().pop().unwrap();
    let plain = Model { hidden: vec![6, 5], ..Model::default() };
    let model = |model: &Model| Mlp::new(model, &Init::default(), 4, 3, Some(1), &device);
    let weights = 4 * 6 + 6 + 6 * 5 + 5 + 5 * 3 + 3;
    assert_eq!(model(&plain).trained_parameters(), weights);
    let normalized = Model { batch_norm: true, ..plain };
    assert_eq!(model(&normalized).trained_parameters(), weights + 2 * 6 + 2 * 5);
}

#[test]
fn weights_are_drawn_when_the_network_is_created() {
    let (_, device) = devices().pop().unwrap();
    let model = Mlp::new(&Model::default(), &Init::default(), 784, 10, Some(1), &device);
    let first = tensors(&model);
    device.seed(99);
    assert_eq!(tensors(&model), first);
}
