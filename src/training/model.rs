//! What Burn's `Learner` trains: a network and, if asked for, the exponential moving average of its weights.

use std::{path::Path, sync::Arc};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use burn::tensor::container::TensorContainer;

use super::loss::{Loss, UnlabelledLoss};
use super::{closed_form::ClosedForm, privacy::GaussianMechanism, schedule::Position};
use crate::config::{Experiment, Gradients, Init};
use crate::model::host_tensor::in_one_pass;
use crate::model::{Mlp, WeightsError, layer_group, own_weights, weights};
use crate::run::Checkpoint;

/// A network in training. Only `network` has gradients and optimiser state.
#[derive(Module, Debug)]
pub struct TrainingModel {
    pub(super) network: Mlp,
    pub(super) average: Option<Mlp>,
    #[module(skip)]
    pub(super) experiment: Arc<Experiment>,
    #[module(skip)]
    pub(super) loss: Loss,
    /// How to compute gradients if everything is in host memory. Without it, autodiff computes them.
    #[module(skip)]
    pub(super) closed_form: Option<ClosedForm>,
    /// What makes the gradients private, if they are to be.
    #[module(skip)]
    pub(super) mechanism: Option<GaussianMechanism>,
    #[module(skip)]
    pub(super) position: Position,
}

impl TrainingModel {
    /// A model that trains `network` as `experiment` says, from `position` on.
    pub fn new(network: Mlp, experiment: &Experiment, position: Position) -> Self {
        let lora = &experiment.init.lora;
        let network = network.with_lora(lora, experiment.seed);
        let is_closed_form = experiment.training.gradients != Gradients::Autodiff && lora.rank.is_none();
        Self {
            average: experiment.training.ema_decay.map(|_| network.valid()),
            network,
            loss: Loss {
                label_smoothing: experiment.training.label_smoothing,
                unlabelled: UnlabelledLoss::new(&experiment.semi_supervised),
                ..Loss::default()
            },
            closed_form: is_closed_form.then(ClosedForm::default),
            mechanism: None,
            experiment: Arc::new(experiment.clone()),
            position,
        }
        .frozen()
    }

    /// The model with the weights in `checkpoint`. Refused if they do not fit, or only one of both has a moving average.
    pub fn restored(self, checkpoint: &Checkpoint, path: &Path) -> Result<Self, WeightsError> {
        let network = weights::from_bytes(self.network, &checkpoint.model, path)?;
        let average = match (self.average, &checkpoint.average) {
            (Some(average), Some(bytes)) => Some(weights::from_bytes(average, bytes, path)?),
            (None, None) => None,
            (average, _) => {
                let which = if average.is_some() { "missing" } else { "unexpected" };
                let mismatches = format!("the moving average of the weights is {which}");
                return Err(WeightsError::Mismatch { path: path.into(), mismatches });
            }
        };
        // Loading weights unfreezes them.
        Ok(Self { network, average, ..self }.frozen())
    }

    /// The unfrozen model with the layers frozen that are to be frozen at its position.
    fn frozen(self) -> Self {
        let is_over = self.unfreezing().is_some_and(|update| self.position.update() >= update);
        let Init { freeze, lora, .. } = &self.experiment.init;
        let network = self.network.freeze_group(own_weights(&lora.layers));
        let network = if is_over { network } else { network.freeze_group(layer_group(freeze)) };
        Self { network, ..self }
    }

    /// The number of updates before the frozen layers learn.
    fn unfreezing(&self) -> Option<usize> {
        Some(self.experiment.init.unfreeze_after? * self.position.updates_per_epoch)
    }

    /// The network that is validated, selected and saved: the moving average, if there is one.
    pub fn eval_model(&self) -> &Mlp {
        self.average.as_ref().unwrap_or(&self.network)
    }

    pub(super) fn updated(self, update: impl FnOnce(Mlp) -> Mlp) -> Self {
        let (unfreezing, Experiment { init, training, .. }) = (self.unfreezing(), &*self.experiment);
        let network = update(self.network);
        let averages = self.average.zip(training.ema_decay);
        let average = averages.map(|(average, decay)| moved_average(average, &network, decay, self.position.update()));
        self.position.advance();
        let unfreezes = unfreezing == Some(self.position.update());
        let network = if unfreezes { network.unfreeze_group(layer_group(&init.freeze)) } else { network };
        Self { network, average, ..self }
    }
}

/// A moving average of the weights often makes fewer errors than those of any one update. After each update t, from 0:
///
/// ```text
/// d ← min(decay, (1 + t)/(10 + t))
/// a ← a + (1 - d)·(w - a)
/// ```
///
/// The smaller d of the first updates lets the average forget the initial weights. TensorFlow's
/// [`ExponentialMovingAverage`](https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage) with
/// `num_updates` does the same. The running statistics of batch normalisation are averaged like the weights. `average` is a
/// network without gradients, `decay` is in (0, 1), and the update `update`, from 0, produced `model`.
fn moved_average(average: Mlp, model: &Mlp, decay: f64, update: usize) -> Mlp {
    let decay = decay.min((1.0 + update as f64) / (10.0 + update as f64));
    let mut step = AverageStep { current: TensorContainer::new(), fraction: 1.0 - decay, next: 0 };
    // `valid` removes the gradients and brings the running statistics up to date.
    model.valid().visit(&mut step);
    average.map(&mut step)
}

/// Moves each tensor a fraction of the way to the tensor with the same index in a network of the same shape.
struct AverageStep {
    /// The tensors of that network by their index, which visiting it collects.
    current: TensorContainer<usize>,
    fraction: f64,
    next: usize,
}

impl ModuleVisitor for AverageStep {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.current.register(self.current.len(), param.val());
    }
}

impl ModuleMapper for AverageStep {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(current) = self.current.remove::<Tensor<D>>(&self.next) else { return param };
        self.next += 1;
        param.map(|average| {
            // With several devices, Burn may leave running statistics on any of them.
            let current = current.to_device(&average.device());
            let moved = in_one_pass(&current, [average], self.fraction as f32, moved);
            let [moved] = moved.unwrap_or_else(|[it]| [it.clone() + (current - it).mul_scalar(self.fraction)]);
            moved
        })
    }
}

#[inline(always)]
fn moved(fraction: f32, new: &[f32], [old]: [&mut [f32]; 1]) {
    old.iter_mut().zip(new).for_each(|(old, new)| *old += fraction * (new - *old));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Init, Model, Training};
    use crate::device;
    use crate::run::Usage;

    fn training_model(ema_decay: Option<f64>) -> TrainingModel {
        let device = device::list().into_iter().find_map(|(_, adapters)| adapters.into_iter().next()).unwrap();
        let model = Model { hidden: vec![5], ..Model::default() };
        let network = Mlp::new(&model, &Init::default(), 6, 4, Some(1), &device.device);
        let training = Training { ema_decay, ..Training::default() };
        TrainingModel::new(network, &Experiment { training, ..Experiment::default() }, Position::after_epochs(0, 1))
    }

    #[test]
    fn moving_average_in_only_one_of_model_and_checkpoint_is_refused() {
        let bytes = weights::to_bytes(training_model(None).eval_model()).unwrap();
        let refusal = |ema_decay, average: Option<Vec<u8>>| {
            let checkpoint = Checkpoint {
                epochs: vec![],
                usage: Usage::default(),
                model: bytes.clone(),
                average,
                optimizer: vec![],
            };
            let restored = training_model(ema_decay).restored(&checkpoint, Path::new("runs/c"));
            restored.map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(refusal(None, None), Ok(()));
        assert_eq!(refusal(Some(0.9), Some(bytes.clone())), Ok(()));
        let message = "the model in runs/c does not fit this network: the moving average of the weights is";
        assert_eq!(refusal(Some(0.9), None), Err(format!("{message} missing")));
        assert_eq!(refusal(None, Some(bytes.clone())), Err(format!("{message} unexpected")));
    }
}
