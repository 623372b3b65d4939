//! The optimiser, from the config to Burn's types.
//!
//! Burn restores an optimiser's state on its default device: a GPU if the build has one, even if the machine has none or the
//! CPU was asked for. The states of `adam` and `sgd` are restored on the CPU instead, by the flex backend, which every build
//! with Burn's training has. The next step moves them to its device.

use burn::grad_clipping::GradientClipping;
use burn::optim::ModuleOptimizer;

use super::adam::Adam;
use super::sgd::Sgd;
use crate::config::{Optimizer, OptimizerKind};

/// The optimiser of a config: its update rule and gradient clipping.
pub fn optimizer(config: &Optimizer) -> ModuleOptimizer {
    let config = config.clone().resolved();
    // A key that the kind does not use is unset; 0 removes its term from the formula.
    let [beta_1, beta_2, epsilon, weight_decay, momentum] =
        [config.beta_1, config.beta_2, config.epsilon, config.weight_decay, config.momentum]
            .map(Option::unwrap_or_default);
    let rule: ModuleOptimizer = match config.kind {
        OptimizerKind::Adam | OptimizerKind::Adamw => Adam { beta_1, beta_2, epsilon, weight_decay }.into(),
        OptimizerKind::Sgd => Sgd { momentum, nesterov: config.nesterov.unwrap_or_default(), weight_decay }.into(),
    };
    match (config.clip_norm, config.clip_value) {
        (Some(norm), _) => rule.with_grad_clipping(GradientClipping::Norm(norm as f32)),
        (None, Some(value)) => rule.with_grad_clipping(GradientClipping::Value(value as f32)),
        (None, None) => rule,
    }
}
