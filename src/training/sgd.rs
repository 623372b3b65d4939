//! Stochastic gradient descent with momentum, a Burn [`Optimizer`] that updates the weights in one pass.
//!
//! With gradient g, at each step:
//!
//! ```text
//! g ← g + λ·w
//! u ← μ·u + g
//! w ← w - η·u, or w - η·(μ·u + g) with Nesterov's momentum
//! ```
//!
//! It equals Burn's and PyTorch's without dampening, and Keras' while the rate η is constant: Keras includes η in u.
//!
//! Source: Sutskever and others 2013, <https://proceedings.mlr.press/v28/sutskever13.html>.

use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

use crate::model::host_tensor::{in_one_pass, normal};

/// The update rule and its constants.
#[derive(Debug, Clone, Copy)]
pub struct Sgd {
    /// μ, in [0, 1); 0 for no momentum and no u.
    pub momentum: f64,
    /// Whether to use Nesterov's momentum.
    pub nesterov: bool,
    /// λ, the weight decay: an L2 penalty.
    pub weight_decay: f64,
}

/// u, if there is momentum. Its record has the format of Burn's own `SgdState`, whose fields are private.
#[derive(Debug, Clone)]
pub struct SgdState<const D: usize>(Option<Tensor<D>>);

/// The name of u in Burn's record.
const VELOCITY: &str = "momentum.velocity";

impl<const D: usize> RecordState for SgdState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        if let Some(velocity) = &self.0 {
            out.push_tensor(prefix, VELOCITY, velocity.to_data());
        }
    }

    fn state_unflatten(prefix: &str, from: &mut StateSource, _: &Device) -> Option<Self> {
        Some(Self(from.take_tensor(prefix, VELOCITY).map(|data| Tensor::from_data(data, &Device::flex()))))
    }
}

impl Sgd {
    /// The step with momentum in Burn's operations, which its compiler fuses on a GPU.
    fn by_tensors<const D: usize>(&self, rate: f64, w: Tensor<D>, [g, u]: [Tensor<D>; 2]) -> [Tensor<D>; 2] {
        let g = self.decayed(g, w.clone());
        let u = u.mul_scalar(self.momentum) + g.clone();
        let step = if self.nesterov { u.clone().mul_scalar(self.momentum) + g } else { u.clone() };
        [w - step.mul_scalar(rate), u]
    }

    fn decayed<const D: usize>(&self, g: Tensor<D>, w: Tensor<D>) -> Tensor<D> {
        if self.weight_decay == 0.0 { g } else { g + w.mul_scalar(self.weight_decay) }
    }
}

/// Overwrites the gradient with the new weights.
#[inline(always)]
fn plain([rate, decay, _]: [f32; 3], weights: &[f32], [gradient]: [&mut [f32]; 1]) {
    for (w, g) in weights.iter().zip(gradient) {
        *g = w - rate * (*g + decay * w);
    }
}

/// The same with momentum: it also updates u. The step is a·u + b·g for `[a, b]`.
#[inline(always)]
fn with_momentum(([rate, decay, momentum], [a, b]): ([f32; 3], [f32; 2]), weights: &[f32], [g, u]: [&mut [f32]; 2]) {
    for ((w, g), u) in weights.iter().zip(g).zip(u) {
        let slope = *g + decay * w;
        *u = normal(momentum * *u + slope);
        *g = w - rate * (a * *u + b * slope);
    }
}

impl Optimizer for Sgd {
    type State<const D: usize> = SgdState<D>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        weights: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<SgdState<D>>,
    ) -> (Tensor<D>, Option<SgdState<D>>) {
        let start = || state.and_then(|SgdState(velocity)| velocity).unwrap_or_else(|| gradient.zeros_like());
        let factors = [rate, self.weight_decay, self.momentum].map(|factor| factor as f32);
        let Some(velocity) = (self.momentum > 0.0).then(start) else {
            let changed = in_one_pass(&weights, [gradient], factors, plain);
            let [weights] = changed.unwrap_or_else(|[g]| [weights.clone() - self.decayed(g, weights).mul_scalar(rate)]);
            return (weights, Some(SgdState(None)));
        };
        let step = if self.nesterov { [factors[2], 1.0] } else { [1.0, 0.0] };
        let changed = in_one_pass(&weights, [gradient, velocity], (factors, step), with_momentum);
        let [weights, velocity] = changed.unwrap_or_else(|unchanged| self.by_tensors(rate, weights, unchanged));
        (weights, Some(SgdState(Some(velocity))))
    }

    fn to_device<const D: usize>(SgdState(velocity): SgdState<D>, device: &Device) -> SgdState<D> {
        SgdState(velocity.map(|velocity| velocity.to_device(device)))
    }
}
