//! `[init]`: the initial weights: random, or those of another network.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data::is_default;

const LAYERS: &str = "a list of layers, such as \"hidden.0\", \"norm.0\" and \"output\"";
/// The name of a layer, as the network writes it: its number has no sign and no leading zeros.
pub(super) const LAYER: &str = r"^(output|(hidden|norm)\.(0|[1-9][0-9]{0,17}))$";
const DENSE_LAYER: &str = r"^(output|hidden\.(0|[1-9][0-9]{0,17}))$";
const LAYER_OR_TENSOR: &str =
    r"^(output|(hidden|norm)\.(0|[1-9][0-9]{0,17}))(\.(weight|bias|running_mean|running_var))?$";

/// `[init]`: the initial weights. Biases that are randomly initialised are zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Init {
    /// The distribution of the initial weights.
    pub weights: Weights,
    /// Loads the initial weights instead: the best model of a run folder, or a file of weights, safetensors or PyTorch's.
    /// A run also gives `model.hidden`, `model.activation`, `model.batch_norm` and `data.pixels`, where the config does not set them.
    #[schemars(extend("pattern" = r"[\s\S]", "x-allowed" = "text: the path of a run's folder, or of a file of weights"))]
    pub from: Option<PathBuf>,
    /// The layers that are randomly initialised although `from` has weights for them, such as `output`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("items" = { "type": "string", "pattern": LAYER }, "x-allowed" = LAYERS))]
    pub reinitialize: Vec<String>,
    /// The layers that do not learn: their weights stay exactly the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("items" = { "type": "string", "pattern": LAYER }, "x-allowed" = LAYERS))]
    pub freeze: Vec<String>,
    /// The number of epochs after which frozen layers learn like the others. Without it, they stay frozen.
    #[schemars(range(min = 1, max = 100_000))]
    pub unfreeze_after: Option<usize>,
    /// Tensors or layers that have other names in the file: the name in the file, and the name in this program.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("additionalProperties" = { "type": "string", "pattern": LAYER_OR_TENSOR }))]
    #[schemars(extend("x-allowed" = "a table of names there and here, as in \"fc1.weight\" = \"hidden.0.weight\" or \"fc1\" = \"hidden.0\""))]
    pub rename: BTreeMap<String, String>,
    /// Small matrices that learn in place of the weights of some layers.
    #[serde(skip_serializing_if = "is_default")]
    pub lora: Lora,
}

/// `[init.lora]`: low-rank adaptation, Hu and others 2021, <https://arxiv.org/abs/2106.09685>. Some layers keep their
/// weights W and biases, and two matrices of rank r learn: `W + alpha / r · A · B` takes the place of W. It needs `rank`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lora {
    /// The rank r: A has r columns, and B has r rows.
    #[schemars(range(min = 1, max = 65_536))]
    pub rank: Option<usize>,
    /// The factor of `A · B` is alpha / rank.
    #[schemars(range(max = 1_000_000), extend("exclusiveMinimum" = 0, "default" = 8.0))]
    pub alpha: Option<f64>,
    /// The layers, such as `hidden.0`. The others learn as usual, or are in `init.freeze`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("items" = { "type": "string", "pattern": DENSE_LAYER }, "x-allowed" = "a list of layers, such as \"hidden.0\" and \"output\""))]
    pub layers: Vec<String>,
}

/// Weight initialisations by their standard names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
