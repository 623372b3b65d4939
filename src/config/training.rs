//! `[training]`, `[semi_supervised]`, `[distillation]` and `[privacy]`: how long to train, in which batches, and which ways of training.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// `[training]`: how long to train, and in which batches.
#[derive(Debug, Clone, SmartDefault, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    /// The largest number of passes through the training split. If `semi_supervised.weight` is set, an epoch is one
    /// pass through the unlabelled images, during which the labelled ones repeat.
    #[schemars(range(min = 1, max = 100_000))]
    #[default(5)]
    pub epochs: usize,
    /// The number of images in a batch, or `"all"` for the whole training split.
    #[schemars(with = "serde_json::Value", extend("anyOf" = [{ "type": "integer", "minimum": 1, "maximum": 1_000_000_000 }, { "const": "all" }]))]
    #[default(BatchSize::Images(32))]
    pub batch_size: BatchSize,
    /// Gradient accumulation: the number of batches in an update, which equals the update of one large batch of all
    /// their images. The last update of an epoch may have fewer batches.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    #[default(1)]
    pub gradient_accumulation: usize,
    /// How gradients are computed: `autodiff`, by Burn, on any device; `closed-form`, faster, on a CPU only; `auto`: the faster.
    pub gradients: Gradients,
    /// The label-smoothing factor s: the target of the true class is 1 - s + s / classes, that of the others s / classes.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub label_smoothing: f64,
    /// The factor of each labelled image's loss, in training only, by its class, as Keras' `class_weight`: a list in the order of
    /// the classes, or `"balanced"`, scikit-learn's n / (k · c) for n training images of k classes, c of them of this class.
    #[schemars(with = "serde_json::Value", extend("anyOf" = [{ "type": "array", "x-items": "weights", "items": { "type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000 } }, { "const": "balanced" }]))]
    pub class_weights: Option<ClassWeights>,
    /// The decay of an exponential moving average of the weights, which is then the model. Without it, there is no average.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub ema_decay: Option<f64>,
    /// Write files for TensorBoard into the run folder.
    pub tensorboard: bool,
}

/// How gradients are computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gradients {
    /// In closed form if everything is in host memory, otherwise with autodiff.
    #[default]
    Auto,
    /// Burn derives them from the operations of the forward pass.
    Autodiff,
    /// From the formulas of a multi-layer perceptron, in one pass over host memory.
    ClosedForm,
}

/// The number of images in a batch: in a file, a whole number or `"all"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchSize {
    /// The whole training split: plain gradient descent.
    All,
    /// This number of images. The last batch of an epoch has the images that are left.
    #[serde(untagged)]
    Images(usize),
}

/// The weights of the classes in the training loss: in a file, a list of numbers or `"balanced"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// In inverse proportion to the number of training images of each class.
    Balanced,
    /// These, in the order of the classes.
    #[serde(untagged)]
    Each(Vec<f64>),
}

/// `[semi_supervised]`: learning to give the same answer however an image is augmented, from the images whose labels
/// `data.labels` removes: FixMatch, Sohn and others 2020, <https://arxiv.org/abs/2001.07685>, with its names in brackets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SemiSupervised {
    /// The factor of the unlabelled images' loss (λ). With 0, they are left out, but the numbers of updates and of labelled images
    /// stay the same. Without this key, an epoch is one pass through the labelled images.
    #[schemars(range(min = 0, max = 1000))]
    pub weight: Option<f64>,
    /// The confidence threshold (τ): the teacher's prediction counts only if its probability is at least this.
    #[schemars(range(min = 0, max = 1), extend("default" = 0.95))]
    pub threshold: Option<f64>,
    /// Whether to divide the teacher's predictions by their means over the batch, for classes of equal size: distribution
    /// alignment, Berthelot and others 2019, <https://arxiv.org/abs/1911.09785>. It keeps a class from being forgotten.
    #[schemars(extend("default" = false))]
    pub distribution_alignment: Option<bool>,
    /// The number of unlabelled images in a batch for each labelled one (μ).
    #[schemars(range(min = 1, max = 1000), extend("default" = 7))]
    pub ratio: Option<usize>,
}

/// `[distillation]`: learning from the answers of a `teacher`, Hinton and others 2015, <https://arxiv.org/abs/1503.02531>.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Distillation {
    /// The teacher: the folder or the name of a run or of an ensemble, for the same classes and images of the same size.
    #[schemars(extend("pattern" = r"[\s\S]", "x-allowed" = "text: the path of a run's folder, or a run's name"))]
    pub teacher: Option<PathBuf>,
    /// The temperature (T), which divides the logits of both networks: a higher one tells more about the wrong classes.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1000, "default" = 3.0))]
    pub temperature: Option<f64>,
    /// The fraction of the loss that is the teacher's; the labels have the rest. With 1, no label is used.
    #[schemars(range(min = 0, max = 1), extend("default" = 0.9))]
    pub weight: Option<f64>,
}

/// `[privacy]`: differentially private training: no training image changes the model by more than a little. It needs `epsilon`
/// or `noise_multiplier`. The method is DP-SGD, Abadi and others 2016, <https://arxiv.org/abs/1607.00133>.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// The privacy budget ε of the whole training: the smaller, the more private. The noise is chosen to fit.
    #[schemars(range(max = 1000), extend("exclusiveMinimum" = 0))]
    pub epsilon: Option<f64>,
    /// The noise instead of a budget: its standard deviation as a multiple of `clip`.
    #[schemars(range(max = 1_000_000), extend("exclusiveMinimum" = 0))]
    pub noise_multiplier: Option<f64>,
    /// The probability δ with which ε may not hold. It should be below 1 / the number of training images.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1, "default" = 1e-5))]
    pub delta: Option<f64>,
    /// The largest norm of the gradient of one image, over all layers together. A larger gradient is scaled down to it.
    #[schemars(range(max = 1_000_000), extend("exclusiveMinimum" = 0, "default" = 1.0))]
    pub clip: Option<f64>,
    /// How many spatial frequencies along each side of the image the weights of the first layer learn, from the lowest on.
    /// Fewer let less of the noise through. Without it, all of them learn.
    #[schemars(range(min = 1, max = 1000))]
    pub low_pass: Option<usize>,
}

impl Privacy {
    pub(crate) fn is_on(&self) -> bool {
        self.epsilon.is_some() || self.noise_multiplier.is_some()
    }
}
