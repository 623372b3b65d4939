//! What one experiment is: the strict serde structs behind a config file.
//!
//! Every key has a default, and the defaults together are the reference recipe. So a config file holds only what makes its
//! experiment different. [`super::load`] checks the values and fills in the optional keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use super::data::{Data, is_default};
use super::optimizer::{Optimizer, Schedule};
use super::training::{Distillation, Privacy, SemiSupervised, Training};
use super::{devices::Devices, init::Init};

/// One experiment of mnist-burn, as its config file describes it.
#[derive(Debug, Clone, SmartDefault, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Experiment {
    /// The name of the experiment, by default that of its file. The run folder is `runs/<name>-<time>/`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$"), length(max = 100))]
    #[schemars(extend("x-allowed" = "text: 1 to 100 letters (a to z), digits, \"-\", \"_\" or \".\", not starting with \".\""))]
    #[default("baseline".into())]
    pub name: String,
    /// The seed of all random numbers.
    #[schemars(range(max = 9_223_372_036_854_775_807u64))]
    #[default(1)]
    pub seed: u64,
    /// The device: `auto`, `cpu`, `gpu`, or a backend: `flex`, `wgpu`, `wgpu:1`, ...; `auto` takes a GPU if the build has a
    /// backend for one. The devices of a list share each update, which then has a batch of each.
    #[schemars(schema_with = "Devices::schema")]
    #[default("auto".into())]
    pub device: Devices,
    /// The images and how they are split.
    pub data: Data,
    /// The network.
    pub model: Model,
    /// The initial weights.
    pub init: Init,
    /// How long to train, and in which batches.
    pub training: Training,
    /// Learning from images without labels.
    #[serde(skip_serializing_if = "is_default")]
    pub semi_supervised: SemiSupervised,
    /// Learning from a trained network.
    #[serde(skip_serializing_if = "is_default")]
    pub distillation: Distillation,
    /// Training with differential privacy.
    #[serde(skip_serializing_if = "is_default")]
    pub privacy: Privacy,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// The learning rate over time.
    pub schedule: Schedule,
    /// When to stop before the last epoch.
    pub early_stopping: EarlyStopping,
}

impl Experiment {
    /// The experiment as a config file.
    ///
    /// # Panics
    /// If a field was changed to what TOML cannot hold: a number of 2^63 or more, or a path that is not UTF-8.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a loaded experiment came from TOML text and fits into it")
    }
}

/// As in Burn and PyTorch.
pub(crate) const BATCH_NORM_MOMENTUM: f64 = 0.1;

/// `[model]`: the network between the image and the logits.
#[derive(Debug, Clone, SmartDefault, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// The width of each hidden layer. With an empty list, the model is softmax regression.
    #[schemars(length(max = 64), inner(range(min = 1, max = 65_536)), extend("x-items" = "widths"))]
    #[default(vec![128])]
    pub hidden: Vec<usize>,
    /// The function that is applied to each hidden layer's `Wx + b`.
    pub activation: Activation,
    /// The fraction of a hidden layer's outputs that are set to zero during training.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    #[default(0.2)]
    pub dropout: f64,
    /// The standard deviation of Gaussian noise during training. It is added to the scaled image and to each hidden layer's
    /// `Wx + b`; with batch normalisation, to the normalised values before their scale and shift.
    #[schemars(range(min = 0, max = 10))]
    pub noise: f64,
    /// Batch normalisation between each hidden layer's `Wx + b` and its activation, with PyTorch's ε = 1e-5, not Keras' 1e-3.
    pub batch_norm: bool,
    /// The weight of a new batch in the running mean and variance, which batch normalisation uses after training:
    /// `running = (1 - momentum) · running + momentum · batch`, as in PyTorch. Keras' `momentum` is 1 minus this one.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0, "default" = BATCH_NORM_MOMENTUM))]
    pub batch_norm_momentum: Option<f64>,
}

impl Model {
    /// The names of the layers that have weights, as in a file: `hidden.0`, ..., `norm.0`, ..., `output`.
    pub fn layers(&self) -> Vec<String> {
        let numbered = |kind, count| (0..count).map(move |number| format!("{kind}.{number}"));
        let norms = if self.batch_norm { self.hidden.len() } else { 0 };
        numbered("hidden", self.hidden.len()).chain(numbered("norm", norms)).chain(["output".into()]).collect()
    }
}

/// The function `σ` in `y = σ(Wx + b)`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `max(0, x)`.
    #[default]
    Relu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `x · Φ(x)`, Φ the normal distribution function.
    Gelu,
}

/// `[early_stopping]`: when to stop before the last epoch. Both keys need a validation split.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// Stop as soon as the validation error is this fraction or less.
    #[schemars(range(min = 0, max = 1))]
    pub target_error: Option<f64>,
    /// Stop after this number of epochs without a lower validation error, or a lower loss at the same error.
    #[schemars(range(min = 1, max = 100_000))]
    pub patience: Option<usize>,
}
