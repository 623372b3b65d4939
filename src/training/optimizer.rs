//! The optimiser, from the config to Burn's types.

use burn::grad_clipping::GradientClipping;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{ModuleOptimizer, SgdConfig};

use super::adam::KerasAdam;
use super::portable::Portable;
use crate::config::{Optimizer, OptimizerKind};

/// The update rule of a config.
pub fn optimizer(config: &Optimizer) -> ModuleOptimizer {
    let config = config.clone().resolved();
    let clipping = match (config.clip_norm, config.clip_value) {
        (Some(norm), _) => Some(GradientClipping::Norm(norm as f32)),
        (None, value) => value.map(|value| GradientClipping::Value(value as f32)),
    };
    let rule = rule(&config);
    match clipping {
        Some(clipping) => rule.with_grad_clipping(clipping),
        None => rule,
    }
}

/// The rule alone, of a resolved config.
fn rule(config: &Optimizer) -> ModuleOptimizer {
    // A key that its kind does not use is unset, and 0 is what leaves it out of the formula.
    let [beta_1, beta_2, epsilon, weight_decay, momentum] =
        [config.beta_1, config.beta_2, config.epsilon, config.weight_decay, config.momentum]
            .map(Option::unwrap_or_default);
    match config.kind {
        OptimizerKind::Adam | OptimizerKind::Adamw => {
            Portable(KerasAdam { beta_1, beta_2, epsilon, weight_decay }).into()
        }
        OptimizerKind::Sgd => {
            // Burn dampens the gradient by 0.1 unless told otherwise; Keras and PyTorch do not. Keras keeps the rate
            // inside the momentum, Burn and PyTorch outside: the same as long as the rate is.
            let nesterov = config.nesterov.unwrap_or_default();
            let velocity = MomentumConfig::new().with_momentum(momentum).with_dampening(0.0).with_nesterov(nesterov);
            let decay = WeightDecayConfig::new(weight_decay as f32);
            let sgd = SgdConfig::new()
                .with_momentum((momentum > 0.0).then_some(velocity))
                .with_weight_decay((weight_decay > 0.0).then_some(decay));
            Portable(sgd.build()).into()
        }
    }
}
