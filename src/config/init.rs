//! `[init]`: how the weights start: by chance, or as another network's.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::table::Table;

/// `[init]`: how the weights start. Biases that start by chance start at zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Init {
    /// The distribution of the initial weights.
    pub weights: Weights,
    /// Where the weights come from instead: a run's folder, whose best model it is, or a file of weights, `.safetensors` or
    /// PyTorch's `.pt` or `.pth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// The layers that start by chance all the same, such as `output`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reinitialize: Vec<String>,
    /// The layers that stay as they come, bit by bit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<String>,
    /// After so many epochs, they learn like the others; unset, never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfreeze_after: Option<usize>,
    /// What is called otherwise in the file: its name of a tensor or a layer, and the name here.
    #[serde(skip_serializing_if = "Table::is_empty")]
    pub rename: Table<String>,
}

/// Weight initialisations by their standard names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weights {
    /// U(-a, a), `a = √(6 / (inputs + outputs))`.
    #[default]
    GlorotUniform,
    /// N(0, `2 / (inputs + outputs)`).
    GlorotNormal,
    /// U(-a, a), `a = √(6 / inputs)`.
    HeUniform,
    /// N(0, `2 / inputs`).
    HeNormal,
    /// U(-a, a), `a = √(3 / inputs)`.
    LecunUniform,
    /// N(0, `1 / inputs`).
    LecunNormal,
}
