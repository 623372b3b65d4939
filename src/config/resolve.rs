//! Fills in the optional keys that an experiment uses, and clears those of another kind of optimiser or schedule.

use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

use super::experiment::{BATCH_NORM_MOMENTUM, Experiment};
use super::optimizer::{Optimizer, OptimizerKind, Schedule, ScheduleKind};
use super::schema::{Key, all_keys, word};
use super::training::{Distillation, Privacy, SemiSupervised};
use super::{data::Augment, init::Lora};

impl Experiment {
    /// The experiment with the optional keys that it uses filled in, and those of other kinds cleared.
    pub fn resolved(mut self) -> Self {
        let momentum = self.model.batch_norm_momentum.or(Some(BATCH_NORM_MOMENTUM));
        self.model.batch_norm_momentum = momentum.filter(|_| self.model.batch_norm);
        self.data.augment = self.data.augment.resolved();
        let (optimizer, schedule) = (self.optimizer.resolved(), self.schedule.resolved());
        let (semi_supervised, distillation) = (self.semi_supervised.resolved(), self.distillation.resolved());
        let privacy = self.privacy.resolved();
        self.init.lora = self.init.lora.resolved();
        Self { optimizer, schedule, semi_supervised, distillation, privacy, ..self }
    }
}

/// Sections in which some keys have defaults if another one is set, and are unset otherwise.
macro_rules! switched {
    ($($section:ident $name:literal if $is_on:expr,)*) => {$(
        impl $section {
            /// With the defaults of the keys that are used.
            pub fn resolved(self) -> Self {
                let is_on = $is_on(&self);
                resolved($name, self, |key| is_on || key.default.is_none())
            }
        }
    )*};
}

switched! {
    Augment "data.augment" if |it: &Self| it.elastic_alpha.is_some(),
    Lora "init.lora" if |it: &Self| it.rank.is_some(),
    SemiSupervised "semi_supervised" if |it: &Self| it.weight.is_some(),
    Distillation "distillation" if |it: &Self| it.teacher.is_some(),
    Privacy "privacy" if Self::is_on,
}

impl Optimizer {
    /// With the keys of its kind, by Keras' defaults.
    pub fn resolved(mut self) -> Self {
        self.weight_decay.get_or_insert(if self.kind == OptimizerKind::Adamw { 0.004 } else { 0.0 });
        let kind = word(self.kind);
        resolved("optimizer", self, |key| key.is_of(&kind))
    }
}

impl Schedule {
    /// With the keys of its kind.
    pub fn resolved(mut self) -> Self {
        self.warmup.get_or_insert(if self.kind == ScheduleKind::OneCycle { 0.3 } else { 0.0 });
        self.factor.get_or_insert(if self.kind == ScheduleKind::Plateau { 0.1 } else { 0.5 });
        let kind = word(self.kind);
        resolved("schedule", self, |key| key.is_of(&kind))
    }
}

/// The `values` of a section, with the defaults of used keys that are unset, and without the keys that are not used.
fn resolved<T: Serialize + DeserializeOwned>(section: &str, values: T, is_used: impl Fn(&Key) -> bool) -> T {
    let mut table = Table::try_from(values).expect("a section is written as TOML");
    for key in all_keys().iter().filter(|key| key.section.as_deref() == Some(section)) {
        let name = &key.name[section.len() + 1..];
        if !is_used(key) {
            table.remove(name);
        } else if let Some(default) = key.schema.get("default").and_then(|it| Value::try_from(it).ok()) {
            table.entry(name).or_insert(default);
        }
    }
    table.try_into().expect("the defaults of a section are of its types")
}
