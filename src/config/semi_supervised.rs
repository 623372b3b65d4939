//! `[semi_supervised]`: learning from images without labels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const THRESHOLD: f64 = 0.95;
pub(super) const RATIO: usize = 7;

/// `[semi_supervised]`: learning to give the same answer however an image is augmented, from the images whose labels
/// `data.labels` removes. The names in brackets are those of FixMatch, Sohn and others 2020,
/// <https://arxiv.org/abs/2001.07685>.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SemiSupervised {
    /// The factor of the unlabelled images' loss (λ). With 0, the unlabelled images are left out, but the numbers of
    /// updates and of labelled images stay the same. Without this key, an epoch is one pass through the labelled
    /// images.
    #[schemars(range(min = 0, max = 1000))]
    pub weight: Option<f64>,
    /// The confidence threshold (τ): the teacher's prediction counts only if its probability is at least this.
    #[schemars(range(min = 0, max = 1), extend("default" = THRESHOLD))]
    pub threshold: Option<f64>,
    /// The number of unlabelled images in a batch for each labelled one (μ).
    #[schemars(range(min = 1, max = 1000), extend("default" = RATIO))]
    pub ratio: Option<usize>,
}
