//! The optimiser and the learning rate's course, from the config to Burn's types.

use burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{ModuleOptimizer, SgdConfig};

use super::TrainingError;
use super::adam::KerasAdam;
use crate::config::{Optimizer, OptimizerKind, Schedule, ScheduleKind};

/// The update rule of a resolved config.
pub fn optimizer(config: &Optimizer) -> ModuleOptimizer {
    match config.kind {
        OptimizerKind::Adam | OptimizerKind::Adamw => ModuleOptimizer::from(KerasAdam {
            beta_1: config.beta_1.unwrap_or(0.9),
            beta_2: config.beta_2.unwrap_or(0.999),
            epsilon: config.epsilon.unwrap_or(1e-7),
            weight_decay: config.weight_decay.unwrap_or(0.0),
        }),
        OptimizerKind::Sgd => {
            let momentum = config.momentum.filter(|&momentum| momentum > 0.0).map(|momentum| {
                // Burn dampens the gradient by 0.1 unless told otherwise; Keras and PyTorch do not. Keras keeps the rate
                // inside the momentum, Burn and PyTorch outside: the same as long as the rate is.
                let nesterov = config.nesterov.unwrap_or(false);
                MomentumConfig::new().with_momentum(momentum).with_dampening(0.0).with_nesterov(nesterov)
            });
            SgdConfig::new().with_momentum(momentum).init()
        }
    }
}

/// The learning rate of each of `steps` updates.
///
/// # Errors
/// If Burn's schedule refuses the learning rate.
pub fn schedule(config: &Schedule, rate: f64, steps: usize) -> Result<ModuleLrScheduler, TrainingError> {
    match config.kind {
        ScheduleKind::Constant => Ok(rate.into()),
        ScheduleKind::Cosine => {
            CosineAnnealingLrSchedulerConfig::new(rate, steps).init().map_err(TrainingError::Schedule)
        }
    }
}
