//! Adam and AdamW as Keras computes them, a Burn [`Optimizer`].
//!
//! With gradient g, at step t:
//!
//! ```text
//! m ← β₁·m + (1 - β₁)·g
//! v ← β₂·v + (1 - β₂)·g²
//! w ← w - η·λ·w - η·√(1 - β₂ᵗ)/(1 - β₁ᵗ)·m/(√v + ε)
//! ```
//!
//! Burn and PyTorch divide by `√(v/(1 - β₂ᵗ)) + ε` instead. Written so, Keras' ε is `ε/√(1 - β₂ᵗ)`: about 32 times as
//! large at step 1, the same in the end.
//! Sources: Kingma and Ba 2015, the form before section 2.1 (<https://arxiv.org/abs/1412.6980>); λ as in Loshchilov and
//! Hutter 2019 (<https://arxiv.org/abs/1711.05101>).

use burn::optim::{AdamState, AdaptiveMomentumState, LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

/// The update rule and its constants; the state is Burn's own.
#[derive(Debug, Clone, Copy)]
pub struct KerasAdam {
    /// β₁, the decay of the mean of gradients, in [0, 1).
    pub beta_1: f64,
    /// β₂, the decay of the mean of squared gradients, in [0, 1).
    pub beta_2: f64,
    /// ε, greater than 0.
    pub epsilon: f64,
    /// λ, the decoupled weight decay; 0 is Adam, anything else AdamW.
    pub weight_decay: f64,
}

impl Optimizer for KerasAdam {
    type State<const D: usize> = AdamState<D>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        weights: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamState<D>>,
    ) -> (Tensor<D>, Option<AdamState<D>>) {
        let new_m = gradient.clone().mul_scalar(1.0 - self.beta_1);
        let new_v = gradient.square().mul_scalar(1.0 - self.beta_2);
        let (m, v, time) = match state.map(|state| state.momentum) {
            Some(old) => (
                old.moment_1.mul_scalar(self.beta_1) + new_m,
                old.moment_2.mul_scalar(self.beta_2) + new_v,
                old.time + 1,
            ),
            None => (new_m, new_v, 1),
        };
        let correction = (1.0 - self.beta_2.powf(time as f64)).sqrt() / (1.0 - self.beta_1.powf(time as f64));
        let step = m.clone().mul_scalar(rate * correction) / v.clone().sqrt().add_scalar(self.epsilon);
        let weights =
            if self.weight_decay == 0.0 { weights } else { weights.mul_scalar(1.0 - rate * self.weight_decay) };
        (weights - step, Some(AdamState::new(AdaptiveMomentumState::new(time, m, v))))
    }

    fn to_device<const D: usize>(mut state: AdamState<D>, device: &Device) -> AdamState<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}
