//! `[privacy]`: training with differential privacy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const DELTA: f64 = 1e-5;
pub(super) const CLIP: f64 = 1.0;

/// `[privacy]`: differentially private training: no training image changes the model by more than a little, whatever
/// it shows. It needs `epsilon` or `noise_multiplier`. The method is DP-SGD, Abadi and others 2016,
/// <https://arxiv.org/abs/1607.00133>.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// The privacy budget ε, which the training spends in `training.epochs` epochs: the smaller, the more private. The noise
    /// is chosen to fit.
    #[schemars(range(max = 1000), extend("exclusiveMinimum" = 0))]
    pub epsilon: Option<f64>,
    /// The noise instead of a budget: its standard deviation as a multiple of `clip`.
    #[schemars(range(max = 1_000_000), extend("exclusiveMinimum" = 0))]
    pub noise_multiplier: Option<f64>,
    /// The probability δ with which ε may not hold. It should be below 1 / the number of training images.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1, "default" = DELTA))]
    pub delta: Option<f64>,
    /// The largest norm of the gradient of one image, over all layers together. A larger gradient is scaled down to it.
    #[schemars(range(max = 1_000_000), extend("exclusiveMinimum" = 0, "default" = CLIP))]
    pub clip: Option<f64>,
}

impl Privacy {
    /// Whether the training is private.
    pub fn is_on(&self) -> bool {
        self.epsilon.is_some() || self.noise_multiplier.is_some()
    }
}
