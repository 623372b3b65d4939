//! Fills in the optional keys that an experiment uses, and clears those that belong to another kind of optimiser or schedule.

use super::augment::{Augment, ELASTIC_SIGMA};
use super::experiment::{BATCH_NORM_MOMENTUM, Data, Experiment, Model};
use super::optimizer::{ADAMW_DECAY, BETA_1, BETA_2, EPSILON, Optimizer, OptimizerKind};
use super::privacy::{CLIP, DELTA, Privacy};
use super::schedule::{EVERY, FACTOR, Schedule, ScheduleKind};
use super::schema;
use super::semi_supervised::{RATIO, SemiSupervised, THRESHOLD};

impl Experiment {
    /// The experiment with its optional keys filled in, as far as they are used. Keys of another kind of optimiser or
    /// schedule are cleared.
    pub fn resolved(self) -> Self {
        Self {
            data: Data { augment: self.data.augment.resolved(), ..self.data },
            model: self.model.resolved(),
            optimizer: self.optimizer.resolved(),
            schedule: self.schedule.resolved(),
            semi_supervised: self.semi_supervised.resolved(),
            privacy: self.privacy.resolved(),
            ..self
        }
    }
}

impl Model {
    /// With the momentum of batch normalisation filled in, if there is one.
    pub fn resolved(self) -> Self {
        let momentum = self.batch_norm_momentum.unwrap_or(BATCH_NORM_MOMENTUM);
        Self { batch_norm_momentum: self.batch_norm.then_some(momentum), ..self }
    }
}

impl Augment {
    /// With the width of an elastic deformation filled in, if there is one.
    pub fn resolved(self) -> Self {
        Self { elastic_sigma: self.elastic_alpha.map(|_| self.elastic_sigma.unwrap_or(ELASTIC_SIGMA)), ..self }
    }
}

impl SemiSupervised {
    /// With threshold and ratio filled in, if there is a weight.
    pub fn resolved(self) -> Self {
        Self {
            threshold: self.weight.map(|_| self.threshold.unwrap_or(THRESHOLD)),
            ratio: self.weight.map(|_| self.ratio.unwrap_or(RATIO)),
            ..self
        }
    }
}

impl Privacy {
    /// With δ and the largest norm filled in, if the training is private.
    pub fn resolved(self) -> Self {
        let is_on = self.is_on();
        Self {
            delta: is_on.then(|| self.delta.unwrap_or(DELTA)),
            clip: is_on.then(|| self.clip.unwrap_or(CLIP)),
            ..self
        }
    }
}

impl Optimizer {
    /// With the keys of its kind filled in, by Keras' defaults, and those of other kinds cleared.
    pub fn resolved(self) -> Self {
        let uses = |key| schema::kind_uses("optimizer", key, &self.kind.to_string());
        let weight_decay = if self.kind == OptimizerKind::Adamw { ADAMW_DECAY } else { 0.0 };
        Self {
            beta_1: uses("beta_1").then(|| self.beta_1.unwrap_or(BETA_1)),
            beta_2: uses("beta_2").then(|| self.beta_2.unwrap_or(BETA_2)),
            epsilon: uses("epsilon").then(|| self.epsilon.unwrap_or(EPSILON)),
            weight_decay: uses("weight_decay").then(|| self.weight_decay.unwrap_or(weight_decay)),
            momentum: uses("momentum").then(|| self.momentum.unwrap_or(0.0)),
            nesterov: uses("nesterov").then(|| self.nesterov.unwrap_or(false)),
            ..self
        }
    }
}

impl Schedule {
    /// With the keys of its kind filled in, and those of other kinds cleared.
    pub fn resolved(self) -> Self {
        let kind = self.kind;
        let warmup = if kind == ScheduleKind::OneCycle { 0.3 } else { 0.0 };
        Self {
            kind,
            every: kind.uses("every").then(|| self.every.unwrap_or(EVERY)),
            factor: kind.uses("factor").then(|| self.factor.unwrap_or(FACTOR)),
            warmup: kind.uses("warmup").then(|| self.warmup.unwrap_or(warmup)),
        }
    }
}

impl ScheduleKind {
    /// Whether this kind uses the key of `[schedule]`.
    pub fn uses(self, key: &str) -> bool {
        schema::kind_uses("schedule", key, &self.to_string())
    }
}
