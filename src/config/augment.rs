//! `[data.augment]`: how the training images are augmented, differently in each epoch.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const ELASTIC_SIGMA: f64 = 4.0;

/// `[data.augment]`: the range of each augmentation of the training images. A key that is not set changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// The largest angle r of a rotation about the image's centre: from -r to r, as torchvision's `degrees`.
    #[schemars(range(min = 0, max = 180), extend("x-unit" = "degrees"))]
    pub rotation: Option<f64>,
    /// The largest change s of the size. Width and height are multiplied by two separate factors from 1 - s to 1 + s,
    /// as Keras' `height_factor` and `width_factor`.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub scale: Option<f64>,
    /// The largest angle s by which vertical lines lean to the side: from -s to s, as torchvision's `shear`.
    #[schemars(range(min = 0, max = 60), extend("x-unit" = "degrees"))]
    pub shear: Option<f64>,
    /// The largest shift t along each axis: from -t to t.
    #[schemars(range(min = 0, max = 1000), extend("x-unit" = "pixels"))]
    pub translation: Option<f64>,
    /// The strength α of an elastic deformation: noise from -1 to 1 at each pixel, smoothed by a normalised Gaussian, then
    /// multiplied by α. The pixels move by α/(√24·σ) on average.
    #[schemars(range(min = 0, max = 1000), extend("x-unit" = "pixels"))]
    pub elastic_alpha: Option<f64>,
    /// The standard deviation σ of the Gaussian that smooths the noise of `elastic_alpha`. With a larger σ, pixels
    /// farther apart move together.
    #[schemars(range(min = 1, max = 100), extend("x-unit" = "pixels", "default" = ELASTIC_SIGMA))]
    pub elastic_sigma: Option<f64>,
    /// The largest change w of the strokes' width: they get wider by up to w, or narrower by up to w/2, as with another pen.
    #[schemars(range(min = 0, max = 10), extend("x-unit" = "pixels"))]
    pub stroke_width: Option<f64>,
    /// The largest standard deviation of a Gaussian blur: from 0 to b, as torchvision's `sigma`.
    #[schemars(range(min = 0, max = 1), extend("x-unit" = "pixels"))]
    pub blur: Option<f64>,
    /// The largest change c of the ink: multiplied by a factor from 1 - c to 1 + c, up to the strongest ink.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub contrast: Option<f64>,
}
