//! What Burn's `Learner` trains: a network and, if asked for, the average of its weights, which then is the model.

use std::path::Path;

use burn::module::Module;

use super::average::Average;
use super::consistency::Consistency;
use super::freezing::Freezing;
use crate::checkpoint::Checkpoint;
use crate::config::{self, Init, Training};
use crate::model::Mlp;
use crate::weights::{self, WeightsError};

/// A network in training. Only `model` has gradients and optimiser state.
#[derive(Module, Debug)]
pub struct Trainee {
    pub(super) model: Mlp,
    pub(super) average: Option<Average>,
    /// `training.label_smoothing`.
    pub(super) smoothing: f64,
    #[module(skip)]
    pub(super) consistency: Option<Consistency>,
    #[module(skip)]
    freezing: Freezing,
}

impl Trainee {
    /// `model`, to be trained as `training` says, before its first update.
    pub fn new(model: Mlp, training: &Training) -> Self {
        let average = training.ema.map(|decay| Average::new(&model, decay));
        let smoothing = training.label_smoothing;
        Self { model, average, smoothing, consistency: None, freezing: Freezing::default() }
    }

    /// The same, learning from unlabelled images as well, as `config` says.
    pub fn consistent(self, config: &config::Consistency) -> Self {
        Self { consistency: Consistency::new(config), ..self }
    }

    /// The same with the weights in `checkpoint`, the content of the file `path`.
    ///
    /// # Errors
    /// If they are another network's, or there is an average of them in only one of the two.
    pub fn restored(self, checkpoint: &Checkpoint, path: &Path) -> Result<Self, WeightsError> {
        let model = weights::from_bytes(self.model, &checkpoint.model, path)?;
        let average = match (self.average, &checkpoint.average) {
            (Some(average), Some(bytes)) => Some(average.restored(bytes, path)?),
            (None, None) => None,
            (average, _) => {
                let which = if average.is_some() { "missing" } else { "left over" };
                let mismatches = format!("the average of the weights is {which}");
                return Err(WeightsError::Mismatch { path: path.into(), mismatches });
            }
        };
        Ok(Self { model, average, ..self })
    }

    /// The same, with layers frozen as `init` says, where an epoch has so many updates; from [`Trainee::starting_at`] on.
    pub fn freezing(self, init: &Init, updates_per_epoch: usize) -> Self {
        Self { freezing: Freezing::new(init, updates_per_epoch), ..self }
    }

    /// The same, to go on with `update`, counted from 0.
    pub fn starting_at(self, update: usize) -> Self {
        let average = self.average.map(|average| average.starting_at(update));
        let (freezing, model) = self.freezing.starting_at(update, self.model);
        Self { model, average, freezing, ..self }
    }

    /// The network that is validated, selected and kept: the average, if there is one.
    pub fn kept(&self) -> &Mlp {
        self.average.as_ref().map_or(&self.model, Average::network)
    }

    /// The network after `update`, which the average follows.
    pub(super) fn updated(self, update: impl FnOnce(Mlp) -> Mlp) -> Self {
        let model = update(self.model);
        let average = self.average.map(|average| average.followed(&model));
        let (freezing, model) = self.freezing.updated(model);
        Self { model, average, freezing, smoothing: self.smoothing, consistency: self.consistency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Model;
    use crate::device;
    use crate::record::Seconds;

    fn trainee(ema: Option<f64>) -> Trainee {
        let device = device::list().into_iter().find_map(|listed| listed.adapters.into_iter().next()).unwrap();
        let model = Model { hidden: vec![5], ..Model::default() };
        let model = Mlp::new(&model, &Init::default(), 6, 4, 1, &device.device);
        Trainee::new(model, &Training { ema, ..Training::default() })
    }

    #[test]
    fn an_average_in_only_one_of_trainee_and_checkpoint_is_refused() {
        let bytes = weights::to_bytes(trainee(None).kept()).unwrap();
        let refusal = |ema, average: Option<Vec<u8>>| {
            let checkpoint = Checkpoint {
                epochs: vec![],
                seconds: Seconds::default(),
                model: bytes.clone(),
                average,
                optimizer: vec![],
            };
            trainee(ema).restored(&checkpoint, Path::new("runs/c")).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(refusal(None, None), Ok(()));
        assert_eq!(refusal(Some(0.9), Some(bytes.clone())), Ok(()));
        let message = "the model in runs/c does not fit this network: the average of the weights is";
        assert_eq!(refusal(Some(0.9), None), Err(format!("{message} missing")));
        assert_eq!(refusal(None, Some(bytes.clone())), Err(format!("{message} left over")));
    }
}
