//! `[training]`: how long and in what portions.

use serde::{Deserialize, Serialize};

/// `[training]`: how long and in what portions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    /// How often the whole training split is gone through, at most: its unlabelled images where `[semi_supervised]` has a
    /// weight, the labelled ones coming again and again meanwhile.
    pub epochs: usize,
    /// Images in one batch, or `"all"` of them.
    pub batch_size: BatchSize,
    /// Batches in one update: their gradients together are that of one batch of all their images. The last update of an
    /// epoch takes what is left.
    pub gradient_accumulation: usize,
    /// The share s of the target that all classes have in common, in [0, 1): the right class is to get 1 - s + s / classes,
    /// each other one s / classes.
    pub label_smoothing: f64,
    /// The decay of an exponential moving average of the weights, in (0, 1), that then is the model; unset, none is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema_decay: Option<f64>,
    /// Whether the run's folder gets files for TensorBoard, see [`crate::run::tensorboard`].
    pub tensorboard: bool,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            epochs: 5,
            batch_size: BatchSize::Images(32),
            gradient_accumulation: 1,
            label_smoothing: 0.0,
            ema_decay: None,
            tensorboard: false,
        }
    }
}

/// The images in one batch: in a file, a whole number or `"all"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "toml::Value", into = "toml::Value")]
pub enum BatchSize {
    /// So many, the last batch of an epoch holding what is left.
    Images(usize),
    /// The whole training split: plain gradient descent.
    All,
}

impl TryFrom<toml::Value> for BatchSize {
    type Error = &'static str;

    fn try_from(value: toml::Value) -> Result<Self, Self::Error> {
        let images = value.as_integer().and_then(|images| usize::try_from(images).ok());
        match images {
            Some(images) => Ok(Self::Images(images)),
            None if value.as_str() == Some("all") => Ok(Self::All),
            None => Err("must be a whole number or \"all\""),
        }
    }
}

impl From<BatchSize> for toml::Value {
    fn from(size: BatchSize) -> Self {
        match size {
            // TOML's integers are signed; a batch so large is all images anyway.
            BatchSize::Images(images) => Self::Integer(i64::try_from(images).unwrap_or(i64::MAX)),
            BatchSize::All => Self::String("all".into()),
        }
    }
}
