//! The optimiser and the learning rate's course, from the config to Burn's types.

use burn::optim::momentum::MomentumConfig;
use burn::optim::{ModuleOptimizer, SgdConfig};

use super::adam::KerasAdam;
use crate::config::{Optimizer, OptimizerKind};

/// The update rule of a config.
pub fn optimizer(config: &Optimizer) -> ModuleOptimizer {
    let config = config.clone().resolved();
    // A key that its kind does not use is unset after that, and 0 is what leaves it out of the formula.
    let [beta_1, beta_2, epsilon, weight_decay, momentum] =
        [config.beta_1, config.beta_2, config.epsilon, config.weight_decay, config.momentum]
            .map(Option::unwrap_or_default);
    match config.kind {
        OptimizerKind::Adam | OptimizerKind::Adamw => {
            ModuleOptimizer::from(KerasAdam { beta_1, beta_2, epsilon, weight_decay })
        }
        OptimizerKind::Sgd if momentum == 0.0 => SgdConfig::new().init(),
        OptimizerKind::Sgd => {
            // Burn dampens the gradient by 0.1 unless told otherwise; Keras and PyTorch do not. Keras keeps the rate
            // inside the momentum, Burn and PyTorch outside: the same as long as the rate is.
            let momentum = MomentumConfig::new().with_momentum(momentum).with_dampening(0.0);
            let momentum = momentum.with_nesterov(config.nesterov.unwrap_or_default());
            SgdConfig::new().with_momentum(Some(momentum)).init()
        }
    }
}
