//! `[semi_supervised]`: what is learned from images without labels.

use serde::{Deserialize, Serialize};

/// `[semi_supervised]`: training for the same answer to an image however it is distorted, with the images whose labels
/// `data.labels` does not keep. The names in brackets are FixMatch's, Sohn and others 2020,
/// <https://arxiv.org/abs/2001.07685>.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SemiSupervised {
    /// What the loss of the unlabelled images is multiplied by (λ). 0: they are left out, and the labelled ones come as
    /// often as with them. Unset, an epoch is one pass through the labelled images and there is nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// The least probability of the teacher's answer that counts, in [0, 1] (τ). Default 0.95.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Unlabelled images in a batch for each labelled one (μ). Default 7.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<usize>,
}

impl SemiSupervised {
    /// Whether no key is there.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// With threshold and ratio filled in, if there is a weight.
    pub fn resolved(self) -> Self {
        Self {
            threshold: self.weight.map(|_| self.threshold.unwrap_or(0.95)),
            ratio: self.weight.map(|_| self.ratio.unwrap_or(7)),
            ..self
        }
    }
}
