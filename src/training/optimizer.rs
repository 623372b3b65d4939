//! The optimiser, from the config to Burn's types, and the check of its saved state.
//!
//! Burn restores an optimiser's state on its default device: a GPU if the build has one, even if the machine has none or the
//! CPU was asked for. The states of `adam` and `sgd` are restored on the CPU instead, by the flex backend, which every build
//! with Burn's training has. The next step moves them to its device.

use std::collections::BTreeMap;
use std::path::Path;

use burn::grad_clipping::GradientClipping;
use burn::module::Module;
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::store::ModuleSnapshot;
use burn::store::burn_pack::Reader;
use burn::tensor::{Bytes, DType};

use super::adam::Adam;
use super::sgd::Sgd;
use crate::config::{Optimizer, OptimizerKind};
use crate::run::RunError;

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
    let by_norm = config.clip_norm.map(|norm| GradientClipping::Norm(norm as f32));
    let clipping = by_norm.or(config.clip_value.map(|value| GradientClipping::Value(value as f32)));
    clipping.into_iter().fold(rule, ModuleOptimizer::with_grad_clipping)
}

/// Checks that `state`, a part of the checkpoint at `path`, is one that the optimiser of `config` can have for the parameters of
/// `model`. Burn panics on one that does not decode or fit, or begins without it.
pub fn check_state(state: &[u8], model: &impl Module, config: &Optimizer, path: &Path) -> Result<(), RunError> {
    let unfit = |reason: String| RunError::Version {
        path: path.into(),
        reason: format!("the optimiser's state can't be used: {reason}"),
    };
    let bytes = || Bytes::from_bytes_vec(state.to_vec());
    let reader = Reader::from_bytes(bytes()).map_err(|error| unfit(error.to_string()))?;
    let parameters = model.collect(None, None, false).into_iter();
    let shapes: BTreeMap<_, _> = parameters.map(|it| (it.param_id, it.shape)).collect();
    for tensor in reader.into_tensors().map_err(|error| unfit(error.to_string()))? {
        let (name, dtype, shape, parameter, _) = tensor.into_parts().map_err(|error| unfit(error.to_string()))?;
        if parameter.is_none() || shapes.get(&parameter) != Some(&shape) || dtype != DType::F32 {
            return Err(unfit(format!("{} does not fit the network", name.escape_debug())));
        }
    }
    let record = OptimizerRecord::from_bytes(bytes()).map_err(|error| unfit(error.to_string()))?;
    let tensors = record.len();
    // Burn leaves out, without an error, what it can't restore.
    let restored = optimizer(config).load_record(record).to_record().len();
    if restored == tensors { Ok(()) } else { Err(unfit("it is incomplete".into())) }
}
