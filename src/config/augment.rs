//! `[data.augment]`: how the training images are distorted, afresh in each epoch.

use serde::{Deserialize, Serialize};

/// `[data.augment]`: the range of each distortion of the training images. A key left out distorts nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// The largest angle r of a rotation about the image's centre, in degrees: from -r to r, as torchvision's `degrees`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<f64>,
    /// The largest change s of the size, in [0, 1): width and height are each multiplied by a factor of their own, from
    /// 1 - s to 1 + s; Keras' `height_factor` and `width_factor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// The largest angle s by which upright lines lean to the side, in degrees: from -s to s, as torchvision's `shear`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shear: Option<f64>,
    /// The largest move t along each axis, in pixels: from -t to t.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translation: Option<f64>,
    /// The strength α of an elastic distortion, in pixels: noise from -1 to 1 at each pixel, smoothed by a Gaussian of
    /// weight 1, then multiplied by α. The pixels move by α/(√24·σ) on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elastic_alpha: Option<f64>,
    /// The standard deviation σ of that Gaussian, in pixels: how far apart pixels still move together. Default 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elastic_sigma: Option<f64>,
}

impl Augment {
    /// Whether no key is there.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// With the width of an elastic distortion filled in, if there is one.
    pub fn resolved(self) -> Self {
        Self { elastic_sigma: self.elastic_alpha.map(|_| self.elastic_sigma.unwrap_or(4.0)), ..self }
    }
}
