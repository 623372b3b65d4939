//! The optimiser, from the config to Burn's types, and the check of its saved state.
//!
//! Burn restores an optimiser's state on its default device: a GPU if the build has one, even if the machine has none. `adam`
//! and `sgd` restore theirs on the CPU, by flex, which Burn's training always has. The next step moves it to its device.

use std::{collections::BTreeMap, path::Path};

use burn::grad_clipping::GradientClipping;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsParams, ModuleOptimizer, OptimizerRecord};
use burn::store::ModuleSnapshot;
use burn::store::burn_pack::Reader;
use burn::tensor::{Bytes, DType, Tensor};

use super::adam::Adam;
use super::sgd::Sgd;
use crate::config::{Optimizer, OptimizerKind};
use crate::run::RunError;

/// The optimiser of a config: its update rule and gradient clipping.
pub fn optimizer(config: &Optimizer) -> ModuleOptimizer {
    let config = config.clone().resolved();
    // A key that the kind does not use is unset; 0 removes its term from the formula.
    let [beta_1, beta_2, epsilon, weight_decay, momentum] =
        [config.beta_1, config.beta_2.or(config.rho), config.epsilon, config.weight_decay, config.momentum]
            .map(Option::unwrap_or_default);
    let adam = Adam { beta_1, beta_2, epsilon, weight_decay, rms_prop: false };
    let rule: ModuleOptimizer = match config.kind {
        OptimizerKind::Adam | OptimizerKind::Adamw => adam.into(),
        OptimizerKind::Sgd => Sgd { momentum, nesterov: config.nesterov.unwrap_or_default(), weight_decay }.into(),
        OptimizerKind::Rmsprop => Adam { beta_1: momentum, rms_prop: true, ..adam }.into(),
    };
    let by_norm = config.clip_norm.map(|norm| GradientClipping::Norm(norm as f32));
    let clipping = by_norm.or(config.clip_value.map(|value| GradientClipping::Value(value as f32)));
    clipping.into_iter().fold(rule, ModuleOptimizer::with_grad_clipping)
}

/// The `gradients` of `model`, at least one, each times `largest / max(n, largest)`, where n is the norm over all of them.
/// An infinite norm makes them NaN. From Pascanu and others 2013, <https://arxiv.org/abs/1211.5063>; TensorFlow's and Keras'
/// [`clip_by_global_norm`](https://www.tensorflow.org/api_docs/python/tf/clip_by_global_norm).
pub fn clip_global_norm(model: &impl Module, gradients: GradientsParams, largest: f64) -> GradientsParams {
    let mut squares = vec![];
    let gradients = each_gradient(model, gradients, |gradient| {
        squares.push(gradient.clone().square().sum());
        gradient
    });
    let norm = Tensor::cat(squares, 0).sum().sqrt();
    // The difference is 0 for a finite norm.
    let factor = norm.clone().clamp_min(largest).recip().mul_scalar(largest) + (norm.clone() - norm);
    each_gradient(model, gradients, |gradient| gradient * factor.clone())
}

/// The `gradients` after `change`, which gets one after the other as a vector, in the order of the parameters of `model`.
pub fn each_gradient<F>(model: &impl Module, gradients: GradientsParams, change: F) -> GradientsParams
where
    F: FnMut(Tensor<1>) -> Tensor<1>,
{
    struct Changes<F>(GradientsParams, F);
    impl<F: FnMut(Tensor<1>) -> Tensor<1>> ModuleVisitor for Changes<F> {
        fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
            let Some(gradient) = self.0.remove::<D>(parameter.id) else { return };
            let shape = gradient.shape();
            self.0.register(parameter.id, (self.1)(gradient.flatten(0, D - 1)).reshape::<D, _>(shape));
        }
    }
    let mut changes = Changes(gradients, change);
    model.visit(&mut changes);
    changes.0
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

#[cfg(test)]
mod tests {
    use burn::nn::LinearConfig;
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn infinite_norm_makes_all_gradients_nan_so_that_the_divergence_shows() {
        let layer = LinearConfig::new(2, 1).init(&Device::flex());
        let (weight, bias) = (&layer.weight, layer.bias.as_ref().unwrap());
        let clipped = |size: f32| {
            let mut gradients = GradientsParams::new();
            gradients.register(weight.id, weight.val().full_like(size));
            gradients.register(bias.id, bias.val().full_like(1.0));
            let clipped = clip_global_norm(&layer, gradients, 2.0);
            clipped.get::<1>(bias.id).unwrap().into_scalar::<f32>()
        };
        // √(1 + 2·2²) = 3.
        assert!((clipped(2.0) - 2.0 / 3.0).abs() < 1e-6 && clipped(1.0) == 1.0);
        assert!(clipped(1e30).is_nan());
    }
}
