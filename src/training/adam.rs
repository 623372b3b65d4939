//! Adam, AdamW and RMSprop, a Burn [`Optimizer`] that updates the weights in one pass.
//!
//! With gradient g, at step t:
//!
//! ```text
//! m ← β₁·m + (1 - β₁)·g
//! v ← β₂·v + (1 - β₂)·g²
//! w ← w - η·λ·w - η·√(1 - β₂ᵗ)/(1 - β₁ᵗ)·m/(√v + ε)
//! ```
//!
//! That is Keras' form. Burn and PyTorch divide by `√(v/(1 - β₂ᵗ)) + ε` instead. This is the same with `ε·√(1 - β₂ᵗ)`
//! in place of ε: a thirtieth of ε at step 1 for the default β₂, and nearly ε in the end.
//!
//! RMSprop, with β₁ as its momentum, divides before it adds up, and corrects no bias:
//!
//! ```text
//! v ← β₂·v + (1 - β₂)·g²
//! m ← β₁·m + g/√(v + ε)
//! w ← w - η·m
//! ```
//!
//! It equals Keras' while the rate η is constant: Keras includes η in m. Burn and PyTorch divide by `√v + ε`.
//!
//! Sources: Kingma and Ba 2015, the form before section 2.1 (<https://arxiv.org/abs/1412.6980>); λ as in Loshchilov and
//! Hutter 2019 (<https://arxiv.org/abs/1711.05101>); RMSprop of Hinton's lecture 6e, 2012.

use burn::optim::{AdamState, AdaptiveMomentumState, LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

use crate::model::host_tensor::{in_one_pass, normal};

/// The update rule and its constants.
#[derive(Debug, Clone, Copy)]
pub struct Adam {
    /// β₁, the decay of the mean of gradients, in [0, 1).
    pub beta_1: f64,
    /// β₂, the decay of the mean of squared gradients, in [0, 1).
    pub beta_2: f64,
    /// ε, greater than 0.
    pub epsilon: f64,
    /// λ, the decoupled weight decay: 0 for Adam, greater for AdamW.
    pub weight_decay: f64,
    /// Whether the rule is RMSprop, without weight decay.
    pub rms_prop: bool,
}

#[derive(Clone)]
pub struct State<const D: usize>(AdamState<D>);

impl<const D: usize> RecordState for State<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        self.0.state_flatten(prefix, out);
    }

    fn state_unflatten(prefix: &str, from: &mut StateSource, _: &Device) -> Option<Self> {
        AdamState::state_unflatten(prefix, from, &Device::flex()).map(Self)
    }
}

#[derive(Clone, Copy)]
struct Step {
    /// `[β, 1 - β]` of m, or `[β, 1]`.
    mean: [f32; 2],
    /// `[β, 1 - β]` of v.
    square: [f32; 2],
    /// The factor of the weights: 1 less their decay.
    kept: f32,
    /// The factor of m/(√v + ε).
    rate: f32,
    epsilon: f32,
    rms_prop: bool,
}

impl Step {
    /// The step in Burn's operations, which its compiler fuses on a GPU.
    fn by_tensors<const D: usize>(self, weights: Tensor<D>, [gradient, m, v]: [Tensor<D>; 3]) -> [Tensor<D>; 3] {
        let v = v.mul_scalar(self.square[0]) + gradient.clone().square().mul_scalar(self.square[1]);
        let root = match self.rms_prop {
            true => v.clone().add_scalar(self.epsilon).sqrt(),
            false => v.clone().sqrt().add_scalar(self.epsilon),
        };
        let g = gradient.mul_scalar(self.mean[1]);
        let m = m.mul_scalar(self.mean[0]) + if self.rms_prop { g / root.clone() } else { g };
        let step = m.clone().mul_scalar(self.rate);
        let step = if self.rms_prop { step } else { step / root };
        let weights = if self.kept == 1.0 { weights } else { weights.mul_scalar(self.kept) };
        [weights - step, m, v]
    }

    /// The step in one pass, which overwrites the gradient with the new weights.
    #[inline(always)]
    fn pass(self, weights: &[f32], [gradient, m, v]: [&mut [f32]; 3]) {
        for (((w, g), m), v) in weights.iter().zip(gradient).zip(m).zip(v) {
            *v = normal(self.square[0] * *v + self.square[1] * (*g * *g));
            let roots = if self.rms_prop { [(*v + self.epsilon).sqrt(), 1.0] } else { [1.0, v.sqrt() + self.epsilon] };
            *m = normal(self.mean[0] * *m + self.mean[1] * *g / roots[0]);
            *g = self.kept * w - self.rate * *m / roots[1];
        }
    }
}

impl Optimizer for Adam {
    type State<const D: usize> = State<D>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        weights: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<State<D>>,
    ) -> (Tensor<D>, Option<State<D>>) {
        let AdaptiveMomentumState { time, moment_1, moment_2, .. } = match state {
            Some(State(state)) => state.momentum,
            None => AdaptiveMomentumState::new(0, gradient.zeros_like(), gradient.zeros_like()),
        };
        let time = time + 1;
        let unbiased = |beta: f64| if self.rms_prop { 1.0 } else { 1.0 - beta.powf(time as f64) };
        let step = Step {
            mean: [self.beta_1, if self.rms_prop { 1.0 } else { 1.0 - self.beta_1 }].map(|factor| factor as f32),
            square: [self.beta_2, 1.0 - self.beta_2].map(|factor| factor as f32),
            kept: (1.0 - rate * self.weight_decay) as f32,
            rate: (rate * unbiased(self.beta_2).sqrt() / unbiased(self.beta_1)) as f32,
            epsilon: self.epsilon as f32,
            rms_prop: self.rms_prop,
        };
        let changed = in_one_pass(&weights, [gradient, moment_1, moment_2], step, Step::pass);
        let [weights, m, v] = changed.unwrap_or_else(|unchanged| step.by_tensors(weights, unchanged));
        (weights, Some(State(AdamState::new(AdaptiveMomentumState::new(time, m, v)))))
    }

    fn to_device<const D: usize>(State(state): State<D>, device: &Device) -> State<D> {
        State(AdamState::new(state.momentum.to_device(device)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_of_a_weight_without_gradients_ends_at_zero_and_is_never_subnormal() {
        let step = Step { mean: [0.9, 0.1], square: [0.7, 0.3], kept: 1.0, rate: 1.0, epsilon: 1e-7, rms_prop: false };
        let (mut m, mut v) = ([1.0], [1.0]);
        for _ in 0..1000 {
            step.pass(&[0.0], [&mut [0.0], &mut m, &mut v]);
            assert!([m[0], v[0]].iter().all(|state| *state == 0.0 || state.is_normal()), "{m:?} {v:?}");
        }
        assert_eq!([m, v], [[0.0]; 2]);
    }

    #[test]
    fn operations_of_a_gpu_and_the_pass_of_a_cpu_give_the_same_step() {
        let device = Device::flex();
        let numbers =
            |seed: usize| -> Vec<f32> { (0..40).map(|i| ((i * 7 + seed * 5) % 19) as f32 / 9.5 - 1.0).collect() };
        for rms_prop in [false, true] {
            let (mean, square) = ([0.9, if rms_prop { 1.0 } else { 0.1 }], [0.7, 0.3]);
            let step = Step { mean, square, kept: 0.99, rate: 0.05, epsilon: 1e-2, rms_prop };
            let (weights, mut g, mut m) = (numbers(0), numbers(1), numbers(2));
            let mut v: Vec<f32> = numbers(3).iter().map(|v| v * v).collect();
            let tensor = |values: &[f32]| Tensor::<1>::from_floats(values, &device);
            let found = step.by_tensors(tensor(&weights), [&g, &m, &v].map(|it| tensor(it)));
            step.pass(&weights, [&mut g, &mut m, &mut v]);
            for (found, expected) in found.into_iter().zip([g, m, v]) {
                let found: Vec<f32> = found.into_data().iter().collect();
                let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5 * (1.0 + b.abs());
                assert!(found.iter().zip(&expected).all(close), "{rms_prop}: {found:?} {expected:?}");
            }
        }
    }
}
