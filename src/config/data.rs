//! `[data]` and `[data.augment]`: the images, how they are split and scaled, and how those of the training are augmented.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// `[data]`: which images, and how they are split and scaled.
#[derive(Debug, Clone, SmartDefault, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// A published data set, or your own images in `data.dir`.
    pub dataset: Dataset,
    /// The folder of the four IDX files, or of the images. Without it, the folder that comes with the program.
    #[schemars(extend("pattern" = r"[\s\S]", "x-allowed" = "text: the path of a folder"))]
    pub dir: Option<PathBuf>,
    /// Base addresses from which missing files are downloaded, tried in turn. Without it, the official addresses.
    #[schemars(extend("minItems" = 1, "items" = { "type": "string", "pattern": "^https?://[!-~]+$" }))]
    #[schemars(extend("x-allowed" = "a list of one or more addresses that start with http:// or https://"))]
    pub mirrors: Option<Vec<String>>,
    /// The labels that are used, in the order of the classes. Without it, all labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("uniqueItems" = true, "anyOf" = [{ "maxItems": 0, "type": "array" }, { "minItems": 2, "type": "array" }]))]
    #[schemars(extend("x-allowed" = "a list of two or more different labels, each a whole number from 0 to 255"))]
    pub classes: Vec<u8>,
    /// Whether the IDX files hold the images column by column, as EMNIST's do. Rows and columns are then exchanged as the
    /// files are read, so that the network learns from upright images. An image to predict is always upright.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(extend("default" = false))]
    pub transpose: bool,
    /// The number of training images that are held out for validation, stratified by class. 0 trains on all of them.
    #[schemars(range(max = 1_000_000_000), extend("x-unit" = "images"))]
    pub validation: usize,
    /// The fraction of the training split that is used, the same fraction of each class.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    #[default(1.0)]
    pub fraction: f64,
    /// How many training images keep their labels, equally many of each class; unset, all. `[semi_supervised]` can use the others.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub labels: Option<usize>,
    /// How pixels are scaled.
    pub pixels: Pixels,
    /// How a picture is prepared for the trained network, by `predict` and `serve`.
    pub prepare: Prepare,
    /// The number of threads that prepare batches in advance; with 0, the training prepares them. It changes only the speed.
    #[schemars(range(max = 64))]
    #[default(1)]
    pub loader_threads: usize,
    /// Augmentation of the training images.
    #[serde(skip_serializing_if = "is_default")]
    pub augment: Augment,
}

/// The data sets: those published under a name, and your own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dataset {
    /// Handwritten digits.
    #[default]
    Mnist,
    /// Zalando's articles of clothing.
    FashionMnist,
    /// Handwritten Japanese characters.
    Kmnist,
    /// The IDX files in `data.dir`.
    Idx,
    /// The PNG and JPEG images in `data.dir`, in a sub-folder for each class.
    ImageFolder,
}

/// How a pixel, 0 to 255, becomes a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pixels {
    /// To [0, 1]: divided by 255.
    #[default]
    Unit,
    /// To mean 0 and standard deviation 1 over the training split, before any augmentation.
    Standardized,
}

/// How a picture becomes an image like those that a network was trained on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Prepare {
    /// As the training images are: their background, and the size, place and strokes of their digits are measured.
    #[default]
    Auto,
    /// As MNIST is: light on dark, the digit 20 of 28 pixels long, its centre of mass half a pixel right of and below the middle.
    Mnist,
    /// The whole picture is reduced to the image's size.
    Resize,
}

/// `[data.augment]`: the range of each augmentation of the training images. A key that is not set changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// The largest angle r of a rotation about the image's centre: from -r to r, as torchvision's `degrees`.
    #[schemars(range(min = 0, max = 180), extend("x-unit" = "degrees"))]
    pub rotation: Option<f64>,
    /// The largest change s of the size. Width and height have separate factors from 1 - s to 1 + s, as in Keras.
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
    /// The standard deviation of the Gaussian that smooths `elastic_alpha`'s noise. A larger one moves wider areas together.
    #[schemars(range(min = 1, max = 100), extend("x-unit" = "pixels", "default" = 4.0))]
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

/// Whether a section has no key, or a key its default.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
