//! What one experiment is: the strict serde structs behind a config file.
//!
//! The structs are the only schema. Every key has a default, and the defaults together are the reference recipe, so a
//! config file holds just what makes its experiment different. [`super::load`] checks the values and fills in the optional
//! keys of `[data.augment]`, `[semi_supervised]`, `[optimizer]` and `[schedule]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::augment::Augment;
use super::devices::Devices;
use super::init::Init;
use super::optimizer::Optimizer;
use super::schedule::Schedule;
use super::semi_supervised::SemiSupervised;
use super::training::Training;

/// One experiment, as its TOML file describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Experiment {
    /// Names the run folder: `runs/<name>-<time>/`. Letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Everything random in a run derives from it. Up to 2^63 - 1, the largest integer TOML holds.
    pub seed: u64,
    /// `auto`, `ndarray`, `flex`, `wgpu`, `wgpu:1`, `cuda`, ...; `auto` takes a GPU if the build has one. A list of them
    /// shares each update: with n devices it has n batches.
    pub device: Devices,
    /// The images and how they are split.
    pub data: Data,
    /// The network.
    pub model: Model,
    /// How the weights start.
    pub init: Init,
    /// How long and in what portions to train.
    pub training: Training,
    /// What is learned from images without labels.
    #[serde(skip_serializing_if = "SemiSupervised::is_empty")]
    pub semi_supervised: SemiSupervised,
    /// The update rule.
    pub optimizer: Optimizer,
    /// The learning rate over time.
    pub schedule: Schedule,
    /// When to stop before the last epoch.
    pub early_stopping: EarlyStopping,
}

impl Default for Experiment {
    fn default() -> Self {
        Self {
            name: "baseline".into(),
            seed: 1,
            device: "auto".into(),
            data: Data::default(),
            model: Model::default(),
            init: Init::default(),
            training: Training::default(),
            semi_supervised: SemiSupervised::default(),
            optimizer: Optimizer::default(),
            schedule: Schedule::default(),
            early_stopping: EarlyStopping::default(),
        }
    }
}

impl Experiment {
    /// The experiment with the keys of its kinds of optimizer and schedule filled in, and no key of another; the optional
    /// keys of what is distorted and of what is learned without labels as well.
    pub fn resolved(self) -> Self {
        let data = Data { augment: self.data.augment.resolved(), ..self.data };
        let semi_supervised = self.semi_supervised.resolved();
        Self { data, semi_supervised, optimizer: self.optimizer.resolved(), schedule: self.schedule.resolved(), ..self }
    }

    /// The experiment as a config file.
    ///
    /// # Panics
    ///
    /// If a field was changed after [`super::load`] to what a TOML file cannot hold: a seed of 2^63 or more, or a path
    /// that is not UTF-8.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a loaded experiment came from TOML text and fits into it")
    }
}

/// `[data]`: which images, and how they are split and scaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// A data set known by name, or one's own in `dir`: `own` for IDX files, `pictures` for a sub-folder a class.
    pub dataset: Dataset,
    /// The folder of the four IDX files, or of the pictures; unset, the folder that the program carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
    /// Base addresses to download missing files from, tried in turn; unset, the data set's official ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirrors: Option<Vec<String>>,
    /// The labels of the images that are used, in the order that they have as classes; empty, all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<u8>,
    /// How many training images are held out for validation, stratified by class. 0 trains on all of them.
    pub validation: usize,
    /// Of how many images that train the labels are kept, equally many of each class; unset, of all. `[semi_supervised]` can
    /// learn from the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<usize>,
    /// The fraction of the training split that is used, in (0, 1], the same of each class.
    pub fraction: f64,
    /// How a pixel becomes a number.
    pub pixels: Pixels,
    /// How many threads make batches ahead of their use; it changes the speed and nothing else.
    pub loader_threads: usize,
    /// How the training images are distorted.
    #[serde(skip_serializing_if = "Augment::is_empty")]
    pub augment: Augment,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            dataset: Dataset::Mnist,
            dir: None,
            mirrors: None,
            classes: vec![],
            validation: 0,
            labels: None,
            pixels: Pixels::Unit,
            loader_threads: 1,
            augment: Augment::default(),
            fraction: 1.0,
        }
    }
}

/// The data sets known by name, and one's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dataset {
    /// Handwritten digits.
    #[default]
    Mnist,
    /// Zalando's articles of clothing.
    FashionMnist,
    /// Handwritten Japanese characters.
    Kmnist,
    /// The IDX files in `data.dir`, whatever they show.
    Idx,
    /// The PNG and JPEG pictures in `data.dir`, in a sub-folder for each class.
    ImageFolder,
}

/// How a pixel, 0 to 255, becomes a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pixels {
    /// To [0, 1]: divided by 255.
    #[default]
    Unit,
    /// To mean 0 and standard deviation 1 over the training split, before any distortion.
    Standardized,
}

/// `[model]`: the network between the image and the logits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// The width of each hidden layer; empty is softmax regression.
    pub hidden: Vec<usize>,
    /// What follows each hidden layer's `Wx + b`.
    pub activation: Activation,
    /// The share of a hidden layer's outputs zeroed while training, in [0, 1).
    pub dropout: f64,
    /// The standard deviation of the Gaussian noise that is added while training to the image, whose pixels are scaled
    /// already, and to each hidden layer's `Wx + b`, or to what batch normalisation makes of it, before its scale and shift.
    pub noise: f64,
    /// Whether batch normalisation stands between each hidden layer's `Wx + b` and its activation; with Burn's and
    /// PyTorch's ε = 1e-5 and a tenth of each new batch in the running statistics, where Keras has 1e-3 and a hundredth.
    pub batch_norm: bool,
}

impl Model {
    /// The names of the layers that have weights, as they stand in a file: `hidden.0`, ..., `norm.0`, ..., `output`.
    pub fn layers(&self) -> Vec<String> {
        let numbered = |kind, count| (0..count).map(move |number| format!("{kind}.{number}"));
        let norms = if self.batch_norm { self.hidden.len() } else { 0 };
        numbered("hidden", self.hidden.len()).chain(numbered("norm", norms)).chain(["output".into()]).collect()
    }
}

impl Default for Model {
    fn default() -> Self {
        Self { hidden: vec![128], activation: Activation::Relu, dropout: 0.2, noise: 0.0, batch_norm: false }
    }
}

/// The function `σ` in `y = σ(Wx + b)`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// `[early_stopping]`: when to stop before the last epoch. Both need a validation split.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// Stop as soon as the validation error is this share or less, in [0, 1].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_error: Option<f64>,
    /// Stop after so many epochs without a lower validation error, or a lower loss at the same error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
}
