//! What Burn's `Learner` trains: a network and, if asked for, the average of its weights, which then is the model.

use burn::module::Module;

use super::average::Average;
use super::consistency::Consistency;
use super::freezing::Freezing;
use crate::config::{self, Init, Training};
use crate::model::Mlp;

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
