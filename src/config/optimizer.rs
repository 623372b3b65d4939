//! `[optimizer]`: the update rule, and which of its keys belong to which kind.

use serde::{Deserialize, Serialize};

use super::table::Table;

/// `[optimizer]`: the update rule. Keys of another kind are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Optimizer {
    /// Which rule.
    pub kind: OptimizerKind,
    /// The step size η.
    pub learning_rate: f64,
    /// Adam and AdamW: the decay of the mean of gradients. Default 0.9.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beta_1: Option<f64>,
    /// Adam and AdamW: the decay of the mean of squared gradients. Default 0.999.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beta_2: Option<f64>,
    /// Adam and AdamW: added to √v, as Keras adds it. Default 1e-7.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// AdamW: the share of each weight (times the learning rate) removed at each step, apart from the gradient; default
    /// 0.004, Keras'. SGD: the share of each weight added to its gradient, before any momentum, as PyTorch and Burn do
    /// (Keras' own SGD has AdamW's form); default 0. Biases and batch normalisation included, in both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// SGD: the share of the last step that is kept. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
    /// SGD: Nesterov's form of the momentum. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nesterov: Option<bool>,
    /// The largest norm that each parameter tensor's gradient may have; a longer one is shortened to it. Keras'
    /// `clipnorm`; PyTorch's `clip_grad_norm_` takes one norm over all tensors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// The largest size that each single number of a gradient may have; Keras' `clipvalue`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f64>,
    /// Layers with a rate of their own: each one's factor of the rate that the schedule has for all. AdamW's weight decay
    /// goes with the rate.
    #[serde(skip_serializing_if = "Table::is_empty")]
    pub layer_factors: Table<f64>,
}

impl Default for Optimizer {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::Adam,
            learning_rate: 0.001,
            beta_1: None,
            beta_2: None,
            epsilon: None,
            weight_decay: None,
            momentum: None,
            nesterov: None,
            clip_norm: None,
            clip_value: None,
            layer_factors: Table::default(),
        }
    }
}

impl Optimizer {
    /// With the keys of its kind filled in, by Keras' defaults, and those of other kinds cleared.
    pub fn resolved(self) -> Self {
        let kind = self.kind;
        let weight_decay = if kind == OptimizerKind::Adamw { 0.004 } else { 0.0 };
        Self {
            beta_1: kind.uses("beta_1").then(|| self.beta_1.unwrap_or(0.9)),
            beta_2: kind.uses("beta_2").then(|| self.beta_2.unwrap_or(0.999)),
            epsilon: kind.uses("epsilon").then(|| self.epsilon.unwrap_or(1e-7)),
            weight_decay: kind.uses("weight_decay").then(|| self.weight_decay.unwrap_or(weight_decay)),
            momentum: kind.uses("momentum").then(|| self.momentum.unwrap_or(0.0)),
            nesterov: kind.uses("nesterov").then(|| self.nesterov.unwrap_or(false)),
            ..self
        }
    }
}

/// The update rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>.
    #[default]
    Adam,
    /// Adam with decoupled weight decay: Loshchilov and Hutter 2019, <https://arxiv.org/abs/1711.05101>.
    Adamw,
    /// Stochastic gradient descent, with momentum if asked for.
    Sgd,
}

impl OptimizerKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Adam, Self::Adamw, Self::Sgd];

    /// Whether the key of `[optimizer]` means anything to this kind.
    pub fn uses(self, key: &str) -> bool {
        match key {
            "beta_1" | "beta_2" | "epsilon" => matches!(self, Self::Adam | Self::Adamw),
            "weight_decay" => matches!(self, Self::Adamw | Self::Sgd),
            "momentum" | "nesterov" => self == Self::Sgd,
            _ => true,
        }
    }

    /// The kind's name in a config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adam => "adam",
            Self::Adamw => "adamw",
            Self::Sgd => "sgd",
        }
    }
}
