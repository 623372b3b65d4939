//! Fills in the optional keys that an experiment uses, and clears those that belong to another kind of optimiser or schedule.

use super::data::{Augment, ELASTIC_SIGMA};
use super::experiment::{BATCH_NORM_MOMENTUM, Experiment};
use super::optimizer::{
    ADAMW_DECAY, BETA_1, BETA_2, EPSILON, EVERY, FACTOR, Optimizer, OptimizerKind, Schedule, ScheduleKind,
};
use super::schema::kind_uses;
use super::training::{CLIP, DELTA, Privacy, RATIO, SemiSupervised, THRESHOLD};

impl Experiment {
    /// The experiment with its optional keys filled in, as far as they are used. Keys of another kind of optimiser or
    /// schedule are cleared.
    pub fn resolved(mut self) -> Self {
        self.data.augment = self.data.augment.resolved();
        resolve(&mut self.model.batch_norm_momentum, self.model.batch_norm, BATCH_NORM_MOMENTUM);
        let (optimizer, schedule) = (self.optimizer.resolved(), self.schedule.resolved());
        let (semi_supervised, privacy) = (self.semi_supervised.resolved(), self.privacy.resolved());
        Self { optimizer, schedule, semi_supervised, privacy, ..self }
    }
}

impl Augment {
    /// With the width of an elastic deformation, if there is one.
    pub fn resolved(mut self) -> Self {
        resolve(&mut self.elastic_sigma, self.elastic_alpha.is_some(), ELASTIC_SIGMA);
        self
    }
}

impl SemiSupervised {
    /// With threshold and ratio, if there is a weight.
    pub fn resolved(mut self) -> Self {
        resolve(&mut self.threshold, self.weight.is_some(), THRESHOLD);
        resolve(&mut self.ratio, self.weight.is_some(), RATIO);
        self
    }
}

impl Privacy {
    /// With δ and the largest norm, if the training is private.
    pub fn resolved(mut self) -> Self {
        let is_on = self.is_on();
        resolve(&mut self.delta, is_on, DELTA);
        resolve(&mut self.clip, is_on, CLIP);
        self
    }
}

impl Optimizer {
    /// With the keys of its kind, by Keras' defaults.
    pub fn resolved(mut self) -> Self {
        let kind = self.kind;
        let uses = |key| kind_uses("optimizer", key, kind);
        resolve(&mut self.beta_1, uses("beta_1"), BETA_1);
        resolve(&mut self.beta_2, uses("beta_2"), BETA_2);
        resolve(&mut self.epsilon, uses("epsilon"), EPSILON);
        let weight_decay = if self.kind == OptimizerKind::Adamw { ADAMW_DECAY } else { 0.0 };
        resolve(&mut self.weight_decay, uses("weight_decay"), weight_decay);
        resolve(&mut self.momentum, uses("momentum"), 0.0);
        resolve(&mut self.nesterov, uses("nesterov"), false);
        self
    }
}

impl Schedule {
    /// With the keys of its kind.
    pub fn resolved(mut self) -> Self {
        let kind = self.kind;
        let uses = |key| kind_uses("schedule", key, kind);
        resolve(&mut self.every, uses("every"), EVERY);
        resolve(&mut self.factor, uses("factor"), FACTOR);
        let warmup = if self.kind == ScheduleKind::OneCycle { 0.3 } else { 0.0 };
        resolve(&mut self.warmup, uses("warmup"), warmup);
        self
    }
}

/// Fills in the default of a key that is used, and clears one that is not.
fn resolve<T>(key: &mut Option<T>, is_used: bool, default: T) {
    *key = is_used.then(|| key.take().unwrap_or(default));
}
