//! `[optimizer]` and `[schedule]`: the update rule, the learning rate over time, and which keys belong to which kind.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use super::init::LAYER;

/// `[optimizer]`: the update rule. Keys of another kind are refused.
#[derive(Debug, Clone, SmartDefault, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Optimizer {
    /// The update rule.
    pub kind: OptimizerKind,
    /// The step size η.
    #[schemars(range(max = 1000), extend("exclusiveMinimum" = 0))]
    #[default(0.001)]
    pub learning_rate: f64,
    /// The decay of the moving average of the gradients.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "default" = 0.9, "x-kinds" = ["adam", "adamw"]))]
    pub beta_1: Option<f64>,
    /// The decay of the moving average of the squared gradients.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "default" = 0.999, "x-kinds" = ["adam", "adamw"]))]
    pub beta_2: Option<f64>,
    /// The decay of the moving average of the squared gradients. It is PyTorch's `alpha`.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "default" = 0.9, "x-kinds" = ["rmsprop"]))]
    pub rho: Option<f64>,
    /// The small number that is added to √v, the root of that average, or to v for `rmsprop`, as in Keras.
    #[schemars(extend("exclusiveMinimum" = 0, "default" = 1e-7, "x-kinds" = ["adam", "adamw", "rmsprop"]))]
    pub epsilon: Option<f64>,
    /// Weight decay, which includes biases and batch normalisation. AdamW subtracts this fraction of each weight, times the
    /// learning rate, in each update; the default is 0.004, as in Keras. SGD adds this fraction of each weight to its
    /// gradient, before any momentum, as in PyTorch; the default is 0.
    #[schemars(range(min = 0), extend("x-kinds" = ["adamw", "sgd"]))]
    pub weight_decay: Option<f64>,
    /// The fraction of the last step that is added to the next.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "default" = 0.0, "x-kinds" = ["sgd", "rmsprop"]))]
    pub momentum: Option<f64>,
    /// Nesterov's form of the momentum.
    #[schemars(extend("default" = false, "x-kinds" = ["sgd"]))]
    pub nesterov: Option<bool>,
    /// The largest norm of each parameter tensor's gradient. A larger gradient is scaled down to it. It is Keras' `clipnorm`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub clip_norm: Option<f64>,
    /// The largest norm of the gradient of all parameters together: Keras' `global_clipnorm`, PyTorch's `clip_grad_norm_`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub global_clip_norm: Option<f64>,
    /// The largest absolute value of each number of a gradient. It is Keras' `clipvalue`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub clip_value: Option<f64>,
    /// Layers with a learning rate of their own: the factor of a layer's scheduled rate, and of AdamW's weight decay.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("propertyNames" = { "pattern": LAYER }))]
    #[schemars(extend("additionalProperties" = { "type": "number", "exclusiveMinimum": 0, "maximum": 1000 }))]
    #[schemars(extend("x-allowed" = "a table of layers, each with a factor greater than 0 and at most 1000, as in \"hidden.0\" = 0.1"))]
    pub layer_factors: BTreeMap<String, f64>,
}

/// The update rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>.
    #[default]
    Adam,
    /// Adam with decoupled weight decay: Loshchilov and Hutter 2019, <https://arxiv.org/abs/1711.05101>.
    Adamw,
    /// Stochastic gradient descent, with or without momentum.
    Sgd,
    /// Gradients divided by the root of the average of their squares, Hinton 2012, as in Keras.
    Rmsprop,
}

/// `[schedule]`: the learning rate over time. Keys of another kind are refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// How the learning rate changes.
    pub kind: ScheduleKind,
    /// The number of epochs between two steps of the rate.
    #[schemars(range(min = 1, max = 100_000), extend("default" = 1, "x-kinds" = ["step"]))]
    pub every: Option<usize>,
    /// The factor of the rate at each step, or over each epoch of `exponential`; 0.5 by default, for `plateau` Keras' 0.1.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0, "x-kinds" = ["step", "exponential", "plateau"]))]
    pub factor: Option<f64>,
    /// The fraction of all updates in which the rate rises; 0 by default for `cosine`, 0.3 for `one-cycle`.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "x-kinds" = ["cosine", "one-cycle"]))]
    pub warmup: Option<f64>,
    /// The number of epochs without a lower validation loss, after which the rate is multiplied by `factor`.
    #[schemars(range(min = 1, max = 100_000), extend("default" = 10, "x-kinds" = ["plateau"]))]
    pub patience: Option<usize>,
    /// The validation loss is lower if it is below the lowest so far by more than this.
    #[schemars(range(min = 0), extend("default" = 1e-4, "x-kinds" = ["plateau"]))]
    pub min_delta: Option<f64>,
    /// The number of epochs after a reduction of the rate until `patience` counts again. The last of them counts, as in Keras.
    #[schemars(range(max = 100_000), extend("default" = 0, "x-kinds" = ["plateau"]))]
    pub cooldown: Option<usize>,
    /// The lowest rate. It is Keras' and PyTorch's `min_lr`.
    #[schemars(range(min = 0), extend("default" = 0.0, "x-kinds" = ["plateau"]))]
    pub min_learning_rate: Option<f64>,
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
    /// Multiplied by `factor` each time the validation loss has stopped falling: Keras' `ReduceLROnPlateau`.
    Plateau,
}
