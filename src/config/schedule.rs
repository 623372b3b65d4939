//! `[schedule]`: the learning rate over time, and which of its keys belong to which kind.

use serde::{Deserialize, Serialize};

/// `[schedule]`: the learning rate over time. Keys of another kind are refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Its course.
    pub kind: ScheduleKind,
    /// Step: so many epochs between two steps. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<usize>,
    /// What the rate is multiplied by, in (0, 1]: step, at each step; exponential, in the course of each epoch. Default
    /// 0.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Cosine and one-cycle: the share of all updates in which the rate rises, in [0, 1). Default 0 for cosine, 0.3 for
    /// one-cycle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<f64>,
}

impl Schedule {
    /// With the keys of its kind filled in, and those of other kinds cleared.
    pub fn resolved(self) -> Self {
        let kind = self.kind;
        let warmup = if kind == ScheduleKind::OneCycle { 0.3 } else { 0.0 };
        Self {
            kind,
            every: kind.uses("every").then(|| self.every.unwrap_or(1)),
            factor: kind.uses("factor").then(|| self.factor.unwrap_or(0.5)),
            warmup: kind.uses("warmup").then(|| self.warmup.unwrap_or(warmup)),
        }
    }
}

/// The courses a learning rate can take from update to update. The highest rate is always `optimizer.learning_rate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

    /// Whether the key of `[schedule]` means anything to this kind.
    pub fn uses(self, key: &str) -> bool {
        match key {
            "every" => self == Self::Step,
            "factor" => matches!(self, Self::Step | Self::Exponential),
            "warmup" => matches!(self, Self::Cosine | Self::OneCycle),
            _ => true,
        }
    }

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
