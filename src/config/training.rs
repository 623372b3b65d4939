//! `[training]`: how long and in what portions.

use serde::{Deserialize, Serialize};

/// `[training]`: how long and in what portions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    /// How often the whole training split is gone through, at most.
    pub epochs: usize,
    /// Images in one update, or `"all"` of them.
    pub batch_size: BatchSize,
    /// Whether the run's folder gets files for TensorBoard, see [`crate::tensorboard`].
    pub tensorboard: bool,
}

impl Default for Training {
    fn default() -> Self {
        Self { epochs: 5, batch_size: BatchSize::Images(32), tensorboard: false }
    }
}

/// The images in one update of the weights: in a file, a whole number or `"all"`.
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
