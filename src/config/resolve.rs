//! Fills in the optional keys that an experiment uses, and clears those that belong to another kind of optimiser or schedule.

use serde::de::DeserializeOwned;

use super::data::Augment;
use super::experiment::Experiment;
use super::optimizer::{Optimizer, OptimizerKind, Schedule, ScheduleKind};
use super::schema::{default, kind_uses};
use super::training::{Privacy, SemiSupervised};

impl Experiment {
    /// The experiment with its optional keys filled in, as far as they are used. Keys of another kind of optimiser or
    /// schedule are cleared.
    pub fn resolved(mut self) -> Self {
        let has_norm = self.model.batch_norm;
        resolve(&mut self.model.batch_norm_momentum, "model.batch_norm_momentum", |_| has_norm);
        self.data.augment = self.data.augment.resolved();
        let (optimizer, schedule) = (self.optimizer.resolved(), self.schedule.resolved());
        let (semi_supervised, privacy) = (self.semi_supervised.resolved(), self.privacy.resolved());
        Self { optimizer, schedule, semi_supervised, privacy, ..self }
    }
}

impl Augment {
    /// With the width of an elastic deformation, if there is one.
    pub fn resolved(mut self) -> Self {
        resolve(&mut self.elastic_sigma, "data.augment.elastic_sigma", |_| self.elastic_alpha.is_some());
        self
    }
}

impl SemiSupervised {
    /// With threshold and ratio, if there is a weight.
    pub fn resolved(mut self) -> Self {
        resolve(&mut self.threshold, "semi_supervised.threshold", |_| self.weight.is_some());
        resolve(&mut self.ratio, "semi_supervised.ratio", |_| self.weight.is_some());
        self
    }
}

impl Privacy {
    /// With δ and the largest norm, if the training is private.
    pub fn resolved(mut self) -> Self {
        let is_on = self.is_on();
        resolve(&mut self.delta, "privacy.delta", |_| is_on);
        resolve(&mut self.clip, "privacy.clip", |_| is_on);
        self
    }
}

impl Optimizer {
    /// With the keys of its kind, by Keras' defaults.
    pub fn resolved(mut self) -> Self {
        let is_used = |key: &str| kind_uses(key, self.kind);
        self.weight_decay.get_or_insert(if self.kind == OptimizerKind::Adamw { 0.004 } else { 0.0 });
        resolve(&mut self.weight_decay, "optimizer.weight_decay", is_used);
        resolve(&mut self.beta_1, "optimizer.beta_1", is_used);
        resolve(&mut self.beta_2, "optimizer.beta_2", is_used);
        resolve(&mut self.epsilon, "optimizer.epsilon", is_used);
        resolve(&mut self.momentum, "optimizer.momentum", is_used);
        resolve(&mut self.nesterov, "optimizer.nesterov", is_used);
        self
    }
}

impl Schedule {
    /// With the keys of its kind.
    pub fn resolved(mut self) -> Self {
        let is_used = |key: &str| kind_uses(key, self.kind);
        self.warmup.get_or_insert(if self.kind == ScheduleKind::OneCycle { 0.3 } else { 0.0 });
        resolve(&mut self.warmup, "schedule.warmup", is_used);
        resolve(&mut self.every, "schedule.every", is_used);
        resolve(&mut self.factor, "schedule.factor", is_used);
        self
    }
}

/// Fills in the default of a key that is used, and clears one that is not.
fn resolve<T: DeserializeOwned>(value: &mut Option<T>, key: &str, is_used: impl Fn(&str) -> bool) {
    *value = if is_used(key) { value.take().or_else(|| default(key)) } else { None };
}
