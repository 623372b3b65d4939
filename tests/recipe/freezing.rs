//! Frozen layers, and layers with their own learning rate.

use std::collections::BTreeMap;
use std::ops::Range;

use burn::tensor::Device;
use burn::train::TrainStep;
use mnist_burn::config::{Experiment, Init, Lora, Model, Optimizer, OptimizerKind, Schedule, Training};
use mnist_burn::model::Mlp;
use mnist_burn::training::{LrSchedule, Position, TrainingModel, optimizer};

use super::{assert_close, batch, copy, devices, network, tensors, training_model, without_dropout};

const UPDATES_PER_EPOCH: usize = 3;

fn model() -> Model {
    Model { batch_norm: true, ..without_dropout(vec![5, 4]) }
}

/// AdamW, with a weight decay that changes every weight.
fn adamw() -> Optimizer {
    Optimizer { kind: OptimizerKind::Adamw, weight_decay: Some(0.5), learning_rate: 0.1, ..Optimizer::default() }
}

/// Two backends, CPUs if the build has them: software Vulkan takes minutes for all these kernels.
fn two_devices() -> impl Iterator<Item = (String, Device)> {
    devices().into_iter().rev().take(2)
}

fn freeze(layers: &[&str], unfreeze_after: Option<usize>) -> Init {
    Init { freeze: layers.iter().map(ToString::to_string).collect(), unfreeze_after, ..Init::default() }
}

/// The saved network's tensors before the first update and after each of `updates`.
fn steps(
    init: &Init,
    layers: &BTreeMap<String, f64>,
    updates: Range<usize>,
    device: &Device,
) -> Vec<BTreeMap<String, Vec<f32>>> {
    steps_of(network(&model(), 6, 3, device), init, layers, updates, device)
}

/// The same for `network`.
fn steps_of(
    network: Mlp,
    init: &Init,
    layers: &BTreeMap<String, f64>,
    updates: Range<usize>,
    device: &Device,
) -> Vec<BTreeMap<String, Vec<f32>>> {
    let training = Training { ema_decay: Some(0.5), ..Training::default() };
    let experiment = Experiment { training, init: init.clone(), ..Experiment::default() };
    let position = Position::after_epochs(0, UPDATES_PER_EPOCH);
    (0..updates.start).for_each(|_| position.advance());
    let mut training_model = TrainingModel::new(network, &experiment, position.clone());
    let mut optimizer = optimizer(&adamw());
    let mut rates = LrSchedule::new(&Schedule::default(), 0.1, 10, position).with_layers(layers);
    let mut seen = vec![tensors(training_model.eval_model())];
    for number in updates {
        let images = (0..24).map(|i| ((i * 7 + number * 5) % 11) as f32 / 11.0).collect();
        let output = TrainStep::step(&training_model, batch(images, vec![0, 1, 2, 1], device));
        training_model = training_model.optimize(&mut optimizer, rates.step(), output.grads);
        seen.push(tensors(training_model.eval_model()));
    }
    seen
}

#[test]
fn network_with_low_rank_matrices_computes_the_same_until_they_learn() {
    for (name, device) in two_devices() {
        let network = network(&model(), 6, 3, &device);
        let lora = Lora { rank: Some(2), alpha: Some(4.0), layers: vec!["hidden.0".into(), "output".into()] };
        let init = Init { lora, freeze: vec!["norm.1".into()], ..Init::default() };
        let seen = steps_of(copy(&network), &init, &BTreeMap::new(), 0..3, &device);
        let before = tensors(&network);
        let own = |seen: &BTreeMap<String, Vec<f32>>| -> BTreeMap<String, Vec<f32>> {
            seen.clone().into_iter().filter(|(tensor, _)| !tensor.contains(".lora.")).collect()
        };
        assert!(changed(&before, &own(&seen[0])).is_empty(), "{name}");
        assert!(seen[0]["hidden.0.weight.lora.a"].iter().any(|&a| a != 0.0), "{name}");
        assert!(seen[0]["hidden.0.weight.lora.b"].iter().all(|&b| b == 0.0), "{name}");
        let learned = changed(&seen[0], &seen[3]);
        for tensor in ["hidden.0.weight.lora.b", "output.weight.lora.b", "hidden.1.weight", "norm.0.weight"] {
            assert!(learned.iter().any(|it| it == tensor), "{name}: {tensor} in {learned:?}");
        }
        for tensor in ["hidden.0.weight", "hidden.0.bias", "output.weight", "output.bias", "norm.1.weight"] {
            assert!(!learned.iter().any(|it| it == tensor), "{name}: {tensor}");
        }
    }
}

/// The tensors that differ, bit by bit.
fn changed(before: &BTreeMap<String, Vec<f32>>, after: &BTreeMap<String, Vec<f32>>) -> Vec<String> {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    before.iter().filter(|(name, values)| bits(values) != bits(&after[*name])).map(|(name, _)| name.clone()).collect()
}

/// Whether a tensor has no effect in training: a bias before batch normalisation, which subtracts it again. Its
/// gradient is 0, up to rounding.
fn is_idle(tensor: &str) -> bool {
    tensor.starts_with("hidden.") && tensor.ends_with(".bias")
}

#[test]
fn frozen_layer_keeps_every_bit_and_its_running_statistics_while_the_others_learn() {
    for (name, device) in two_devices() {
        let seen = steps(&freeze(&["hidden.0", "norm.0"], None), &BTreeMap::new(), 0..4, &device.autodiff());
        let norm = ["bias", "running_mean", "running_var", "weight"].map(|part| format!("norm.1.{part}"));
        let others = ["hidden.1.weight", "output.bias", "output.weight"].map(String::from);
        let mut expected = [&norm[..], &others].concat();
        expected.sort();
        for after in &seen[1..] {
            let mut changed = changed(&seen[0], after);
            changed.retain(|name| name != "hidden.1.bias");
            assert_eq!(changed, expected, "{name}");
        }
    }
}

#[test]
fn frozen_layer_leaves_its_batch_normalisation_to_learn() {
    let (_, device) = devices().pop().unwrap();
    let seen = steps(&freeze(&["hidden.0"], None), &BTreeMap::new(), 0..2, &device.autodiff());
    let changed = changed(&seen[0], &seen[2]);
    assert!(!changed.iter().any(|name| name.starts_with("hidden.0")), "{changed:?}");
    assert!(
        changed.contains(&"norm.0.running_mean".into()) && changed.contains(&"norm.0.weight".into()),
        "{changed:?}"
    );
}

#[test]
fn frozen_layer_learns_after_unfreeze_after_epochs() {
    for (name, device) in two_devices() {
        let seen = steps(&freeze(&["hidden.0", "norm.0"], Some(1)), &BTreeMap::new(), 0..5, &device.autodiff());
        let of = |layer: &str, from: usize, to: usize| {
            changed(&seen[from], &seen[to]).iter().filter(|name| name.starts_with(layer)).count()
        };
        let learned = |layer: &str| of(layer, UPDATES_PER_EPOCH, 4);
        assert_eq!((of("hidden.0", 0, UPDATES_PER_EPOCH), of("norm.0", 0, UPDATES_PER_EPOCH)), (0, 0), "{name}");
        assert_eq!((learned("hidden.0.weight"), learned("norm.0")), (1, 4), "{name}");
    }
}

#[test]
fn resumed_training_freezes_the_layers_that_are_still_frozen() {
    let (_, device) = devices().pop().unwrap();
    let init = freeze(&["hidden.0"], Some(2));
    let hidden = |updates: Range<usize>| {
        let seen = steps(&init, &BTreeMap::new(), updates, &device.clone().autodiff());
        changed(&seen[0], seen.last().unwrap()).iter().filter(|name| *name == "hidden.0.weight").count()
    };
    assert_eq!([hidden(3..6), hidden(3..7), hidden(6..7), hidden(9..10)], [0, 1, 1, 1]);
}

#[test]
fn frozen_layers_cost_no_gradients() {
    let (_, device) = devices().pop().unwrap();
    let device = device.autodiff();
    let gradients = |layers: &[&str]| {
        let experiment = Experiment { init: freeze(layers, None), ..Experiment::default() };
        let model = training_model(network(&model(), 6, 3, &device), experiment, 0);
        TrainStep::step(&model, batch(vec![0.5; 12], vec![0, 1], &device)).grads.len()
    };
    assert_eq!([gradients(&[]), gradients(&["hidden.0", "norm.0"]), gradients(&["hidden.1"])], [10, 6, 8]);
}

#[test]
fn training_operations_count_the_products_that_freezing_leaves() {
    let (_, device) = devices().pop().unwrap();
    let network = network(&model(), 6, 3, &device);
    let (first, second, output) = (2 * 6 * 5, 2 * 5 * 4, 2 * 4 * 3);
    let operations = |layers: &[&str]| network.training_operations(&freeze(layers, None).freeze);
    assert_eq!(operations(&[]), 2 * first + 3 * (second + output));
    assert_eq!(operations(&["hidden.0"]), first + 3 * (second + output), "norm.0 learns, so the second's inputs count");
    assert_eq!(operations(&["hidden.0", "norm.0"]), first + 2 * second + 3 * output);
    assert_eq!(operations(&["hidden.0", "norm.0", "hidden.1", "norm.1"]), first + second + 2 * output);
    assert_eq!(operations(&["output"]), 2 * first + 3 * second + 2 * output);
}

#[test]
fn layer_factor_multiplies_the_step_of_its_layer_alone() {
    let (_, device) = devices().pop().unwrap();
    let device = device.autodiff();
    let factors = [("hidden.1", 0.25), ("norm.0", 2.0)].map(|(layer, factor)| (layer.to_string(), factor));
    let start = network(&model(), 6, 3, &device);
    let after = |layers: &BTreeMap<String, f64>| steps_of(copy(&start), &Init::default(), layers, 0..1, &device);
    let (plain, factored) = (after(&BTreeMap::new()), after(&factors.into()));
    for (tensor, start) in &plain[0] {
        let factor = match tensor.rsplit_once('.').unwrap() {
            (_, "running_mean" | "running_var") => 1.0,
            ("hidden.1", _) => 0.25,
            ("norm.0", _) => 2.0,
            _ => 1.0,
        };
        let step = |to: &[f32]| to.iter().zip(start).map(|(to, from)| to - from).collect::<Vec<_>>();
        let expected: Vec<f32> = step(&plain[1][tensor]).iter().map(|step| factor * step).collect();
        assert!(is_idle(tensor) || expected.iter().any(|&step| step != 0.0), "{tensor} moves");
        assert_close(&step(&factored[1][tensor]), &expected, 1e-6, tensor);
    }
}
