//! `[schedule]`: the learning rate over time, and the keys of each kind.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const EVERY: usize = 1;
pub(super) const FACTOR: f64 = 0.5;

/// `[schedule]`: the learning rate over time. Keys of another kind are refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// How the learning rate changes.
    pub kind: ScheduleKind,
    /// The number of epochs between two steps of the rate.
    #[schemars(range(min = 1, max = 100_000), extend("default" = EVERY, "x-kinds" = ["step"]))]
    pub every: Option<usize>,
    /// The factor by which the rate is multiplied at each step, or for `exponential` over each epoch.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0, "default" = FACTOR, "x-kinds" = ["step", "exponential"]))]
    pub factor: Option<f64>,
    /// The fraction of all updates in which the rate rises; 0 by default for `cosine`, 0.3 for `one-cycle`.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "x-kinds" = ["cosine", "one-cycle"]))]
    pub warmup: Option<f64>,
}

/// The kinds of schedule. The highest rate is always `optimizer.learning_rate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// The rate does not change.
    #[default]
    Constant,
    /// Multiplied by `factor` after each `every` epochs.
    Step,
    /// Multiplied by `factor` over each epoch, a little at each update.
    Exponential,
    /// Down to zero along half a cosine, after a linear `warmup`.
    Cosine,
    /// Up from 1/25 of the rate along half a cosine, then down to 1/250,000: Smith and Topin 2018,
    /// <https://arxiv.org/abs/1708.07120>, as in PyTorch.
    OneCycle,
}

/// The kind's name in a config.
impl fmt::Display for ScheduleKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.serialize(f)
    }
}
