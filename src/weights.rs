//! A model's weights in a safetensors file, with PyTorch's names and layout.
//!
//! `hidden.N.weight` is `[outputs, inputs]` as in `torch.nn.Linear`, batch normalisation has `norm.N.weight`,
//! `norm.N.bias`, `norm.N.running_mean` and `norm.N.running_var` as in `torch.nn.BatchNorm1d`.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::{BurnToPyTorchAdapter, ModuleStore, PyTorchToBurnAdapter, SafetensorsStore};
use thiserror::Error;

/// Why weights could not be saved or loaded.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// The weights can't be had from the device.
    #[error("can't save the model: {0}")]
    Save(String),
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

/// The weights of `module` as a safetensors file.
///
/// # Errors
/// If the device does not give them.
pub fn to_bytes(module: &impl Module) -> Result<Vec<u8>, WeightsError> {
    // Burn writes its several metadata in random order; with one, equal models are equal files. PyTorch looks for it.
    let store = SafetensorsStore::from_bytes(None).with_to_adapter(BurnToPyTorchAdapter);
    let mut store = store.clear_metadata().metadata("format", "pt");
    store.collect_from(module).map_err(|error| WeightsError::Save(error.to_string()))?;
    store.get_bytes().map_err(|error| WeightsError::Save(error.to_string()))
}

/// Fills `module` with the weights in a file.
///
/// # Errors
/// If the file can't be read, or its tensors are not exactly those of `module`.
pub fn load<M: Module>(module: M, path: &Path) -> Result<M, WeightsError> {
    let bytes = fs::read(path).map_err(|error| WeightsError::Load { path: path.into(), reason: error.to_string() })?;
    from_bytes(module, &bytes, path)
}

/// Fills `module` with the weights in `bytes`, the contents of the file at `path`.
///
/// # Errors
/// If they are no safetensors file, or its tensors are not exactly those of `module`.
pub fn from_bytes<M: Module>(mut module: M, bytes: &[u8], path: &Path) -> Result<M, WeightsError> {
    // Not validated by Burn, so that every mismatch can be named, those it does not count as errors included.
    let store = SafetensorsStore::from_bytes(Some(bytes.to_vec())).with_from_adapter(PyTorchToBurnAdapter);
    let result = store
        .validate(false)
        .allow_partial(true)
        .apply_to(&mut module)
        .map_err(|error| WeightsError::Load { path: path.into(), reason: error.to_string() })?;
    let missing = result.missing.iter().map(|(name, _)| format!("{name} is missing"));
    let unused = result.unused.iter().map(|name| format!("{name} is left over"));
    let wrong = result.errors.iter().map(ToString::to_string);
    let mismatches = wrong.chain(missing).chain(unused).collect::<Vec<_>>().join("; ");
    if mismatches.is_empty() { Ok(module) } else { Err(WeightsError::Mismatch { path: path.into(), mismatches }) }
}
