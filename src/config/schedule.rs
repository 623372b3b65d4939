//! `[schedule]`: the learning rate over time, and which of its keys belong to which kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const EVERY: usize = 1;
pub(super) const FACTOR: f64 = 0.5;

/// `[schedule]`: the learning rate over time. Keys of another kind are refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// The course of the learning rate.
    pub kind: ScheduleKind,
    /// The number of epochs between two steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000), extend("default" = EVERY, "x-kinds" = ["step"]))]
    pub every: Option<usize>,
    /// What the rate is multiplied by: at each step, or, for `exponential`, in the course of each epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0, "default" = FACTOR, "x-kinds" = ["step", "exponential"]))]
    pub factor: Option<f64>,
    /// The fraction of all updates in which the rate rises; 0 by default for `cosine`, 0.3 for `one-cycle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "x-kinds" = ["cosine", "one-cycle"]))]
    pub warmup: Option<f64>,
}

/// The courses a learning rate can take from update to update. The highest rate is always `optimizer.learning_rate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Always the same.
    #[default]
    Constant,
    /// Multiplied by `factor` after each `every` epochs.
    Step,
    /// Multiplied by `factor` in the course of each epoch, a little at each update.
    Exponential,
    /// Down to zero along half a cosine, after a linear `warmup`.
    Cosine,
    /// Up from a 25th along half a cosine, then down to a 250,000th: Smith and Topin 2018,
    /// <https://arxiv.org/abs/1708.07120>, as PyTorch has it.
    OneCycle,
}

impl ScheduleKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Constant, Self::Step, Self::Exponential, Self::Cosine, Self::OneCycle];

    /// The kind's name in a config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Step => "step",
            Self::Exponential => "exponential",
            Self::Cosine => "cosine",
            Self::OneCycle => "one-cycle",
        }
    }
}
