//! The one-pass update rules against Burn's own, which compute one operation at a time.

use std::collections::BTreeMap;

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, AdamWConfig, Optimizer, RecordState, SgdConfig, StateSink, StateSource};
use burn::tensor::{Device, Tensor, TensorData};
use mnist_burn::training::{Adam, Sgd};

use super::{assert_close, devices};

/// More values than one thread takes, and not a multiple of the SIMD width.
const SHAPE: [usize; 2] = [331, 1601];

/// Values of both signs and of many magnitudes, from a fixed formula.
fn numbers(seed: usize, device: &Device) -> Tensor<2> {
    let value = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0;
    let values = (0..SHAPE[0] * SHAPE[1]).map(|i| value(i).powi(3)).collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, SHAPE), device)
}

fn values(tensor: &Tensor<2>) -> Vec<f32> {
    tensor.to_data().iter::<f32>().collect()
}

/// The weights and the state after `steps`; `optimizer` gives the optimiser of each step.
fn stepped<O: Optimizer>(
    optimizer: impl Fn(usize) -> O,
    steps: std::ops::Range<usize>,
    weights: Tensor<2>,
    state: Option<O::State<2>>,
) -> (Tensor<2>, Option<O::State<2>>) {
    let device = weights.device();
    // Learning rates differ from step to step.
    let rate = |step: usize| 0.01 / (1.0 + step as f64);
    steps.fold((weights, state), |(weights, state), step| {
        optimizer(step).step(rate(step), weights, numbers(step + 1, &device), state)
    })
}

/// Fails unless both rules lead to the same weights.
fn assert_same<A: Optimizer, B: Optimizer>(ours: impl Fn(usize) -> A, burns: impl Fn(usize) -> B, what: &str) {
    for (name, device) in devices() {
        let start = numbers(0, &device);
        let (found, expected) = (stepped(&ours, 0..8, start.clone(), None).0, stepped(&burns, 0..8, start, None).0);
        assert_close(&values(&found), &values(&expected), 1e-6, &format!("{what}, {name}"));
    }
}

const EPSILON: f64 = 1e-3;

fn adam(weight_decay: f64) -> impl Fn(usize) -> Adam {
    move |_| Adam { beta_1: 0.9, beta_2: 0.999, epsilon: EPSILON, weight_decay, rms_prop: false }
}

/// Burn adds epsilon to the root of the unbiased mean of squares, Keras to the root of the biased one. In a single
/// step, both give the same result with this epsilon.
fn burns_epsilon(step: usize) -> f32 {
    (EPSILON / (1.0 - 0.999f64.powi(step as i32 + 1)).sqrt()) as f32
}

fn burns_adam(step: usize) -> impl Optimizer {
    AdamConfig::new().with_epsilon(burns_epsilon(step)).build()
}

#[test]
fn adam_and_adamw_equal_burns_except_where_epsilon_is_added() {
    assert_same(adam(0.0), burns_adam, "Adam");
    let adamw = |step| AdamWConfig::new().with_epsilon(burns_epsilon(step)).with_weight_decay(0.1).build();
    assert_same(adam(0.1), adamw, "AdamW");
}

#[test]
fn adam_differs_from_burns_with_the_same_epsilon() {
    let start = numbers(0, &devices()[0].1);
    let burns = |_| AdamConfig::new().with_epsilon(EPSILON as f32).build();
    let keras = values(&stepped(adam(0.0), 0..8, start.clone(), None).0);
    let burn = values(&stepped(burns, 0..8, start, None).0);
    assert!(keras.iter().zip(&burn).any(|(a, b)| (a - b).abs() > 1e-4));
}

fn burns_sgd(momentum: f64, nesterov: bool, decay: f32) -> impl Optimizer {
    let velocity = MomentumConfig::new().with_momentum(momentum).with_dampening(0.0).with_nesterov(nesterov);
    SgdConfig::new()
        .with_momentum((momentum > 0.0).then_some(velocity))
        .with_weight_decay((decay > 0.0).then(|| WeightDecayConfig::new(decay)))
        .build()
}

#[test]
fn sgd_equals_burns_with_and_without_momentum_nesterov_and_decay() {
    for (momentum, nesterov, decay) in [(0.0, false, 0.0), (0.0, false, 0.2), (0.9, false, 0.2), (0.9, true, 0.2)] {
        let ours = Sgd { momentum, nesterov, weight_decay: f64::from(decay) };
        assert_same(|_| ours, |_| burns_sgd(momentum, nesterov, decay), &format!("SGD {momentum} {nesterov} {decay}"));
    }
}

/// A state, saved in a record and restored from it.
fn restored<A: RecordState, B: RecordState>(state: &A, device: &Device) -> B {
    let mut record = StateSink::default();
    state.state_flatten("1", &mut record);
    let mut source = StateSource::new(record.scalars.into_iter().collect::<BTreeMap<_, _>>());
    record.tensors.into_iter().for_each(|(name, data)| source.insert_tensor(name, data));
    B::state_unflatten("1", &mut source, device).unwrap()
}

#[test]
fn optimizers_continue_from_burns_records_and_burns_from_ours() {
    fn check<A: Optimizer, B: Optimizer>(ours: impl Fn(usize) -> A, burns: impl Fn(usize) -> B, device: &Device) {
        let expected = values(&stepped(&ours, 0..6, numbers(0, device), None).0);
        let (weights, state) = stepped(&ours, 0..3, numbers(0, device), None);
        let state = restored::<A::State<2>, B::State<2>>(&state.unwrap(), device);
        assert_close(&values(&stepped(&burns, 3..6, weights, Some(state)).0), &expected, 1e-6, "Burn's continues");
        let (weights, state) = stepped(&burns, 0..3, numbers(0, device), None);
        let state = A::to_device(restored::<B::State<2>, A::State<2>>(&state.unwrap(), device), device);
        assert_close(&values(&stepped(&ours, 3..6, weights, Some(state)).0), &expected, 1e-6, "ours continues");
    }
    for (_, device) in devices() {
        check(adam(0.0), burns_adam, &device);
        for (momentum, nesterov) in [(0.9, true), (0.0, false)] {
            let ours = |_| Sgd { momentum, nesterov, weight_decay: 0.0 };
            check(ours, |_| burns_sgd(momentum, nesterov, 0.0), &device);
        }
    }
}

#[test]
fn shared_or_column_major_weights_are_read_and_not_changed() {
    let rule = adam(0.1);
    for (name, device) in devices() {
        let start = numbers(0, &device);
        let by_columns = Tensor::from_data(start.clone().transpose().into_data(), &device).transpose();
        let expected = values(&stepped(&rule, 0..3, numbers(0, &device), None).0);
        for weights in [start, by_columns] {
            let before = values(&weights);
            assert_eq!(values(&stepped(&rule, 0..3, weights.clone(), None).0), expected, "{name}");
            assert_eq!(values(&weights), before, "{name}");
        }
    }
}

#[test]
fn number_of_threads_changes_no_bit() {
    let device = devices().pop().unwrap().1;
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| values(&stepped(adam(0.1), 0..3, numbers(0, &device), None).0))
    };
    assert_eq!(with(1), with(5));
}
