//! A model's weights in a safetensors file, with PyTorch's names and layout.
//!
//! `hidden.N.weight` is `[outputs, inputs]` as in `torch.nn.Linear`, batch normalisation has `norm.N.weight`,
//! `norm.N.bias`, `norm.N.running_mean` and `norm.N.running_var` as in `torch.nn.BatchNorm1d`.

use std::path::{Path, PathBuf};

use burn::store::{BurnToPyTorchAdapter, ModuleStore, PyTorchToBurnAdapter, SafetensorsStore};
use thiserror::Error;

use crate::model::Mlp;

/// Why weights could not be saved or loaded.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// The file can't be written.
    #[error("can't save the model to {path}: {reason}")]
    Save {
        /// The file.
        path: PathBuf,
        /// Burn's words.
        reason: String,
    },
    /// The file can't be read, or is no safetensors file.
    #[error("can't load a model from {path}: {reason}")]
    Load {
        /// The file.
        path: PathBuf,
        /// Burn's words.
        reason: String,
    },
    /// The file holds another network's weights.
    #[error("the model in {path} does not fit this network: {mismatches}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Tensors missing, left over, or of another shape.
        mismatches: String,
    },
}

/// Writes the weights of `model`; the file appears whole or not at all.
///
/// # Errors
/// If the file can't be written.
pub fn save(model: &Mlp, path: &Path) -> Result<(), WeightsError> {
    // Burn writes its several metadata in random order; with one, equal models are equal files. PyTorch looks for it.
    let store = SafetensorsStore::from_file(path).overwrite(true).with_to_adapter(BurnToPyTorchAdapter);
    let mut store = store.clear_metadata().metadata("format", "pt");
    store.collect_from(model).map_err(|error| WeightsError::Save { path: path.into(), reason: error.to_string() })
}

/// Fills `model` with the weights in a file.
///
/// # Errors
/// If the file can't be read, or its tensors are not exactly those of `model`.
pub fn load(mut model: Mlp, path: &Path) -> Result<Mlp, WeightsError> {
    // Not validated by Burn, so that every mismatch can be named, those it does not count as errors included.
    let mut store =
        SafetensorsStore::from_file(path).with_from_adapter(PyTorchToBurnAdapter).validate(false).allow_partial(true);
    let result = store
        .apply_to(&mut model)
        .map_err(|error| WeightsError::Load { path: path.into(), reason: error.to_string() })?;
    let missing = result.missing.iter().map(|(name, _)| format!("{name} is missing"));
    let unused = result.unused.iter().map(|name| format!("{name} is left over"));
    let wrong = result.errors.iter().map(ToString::to_string);
    let mismatches = wrong.chain(missing).chain(unused).collect::<Vec<_>>().join("; ");
    if mismatches.is_empty() { Ok(model) } else { Err(WeightsError::Mismatch { path: path.into(), mismatches }) }
}
