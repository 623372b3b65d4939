//! Named tensors in a file from anywhere: safetensors, or what PyTorch's `torch.save` writes.
//!
//! - `pytorch` finds them in PyTorch's archive, by what
//! - `pickle`, a machine that runs nothing, makes of the description in it.

mod pickle;
mod pytorch;

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::SafeTensors;

use crate::weights::WeightsError;

/// A tensor in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The type of its numbers, as safetensors calls it: `F32`.
    pub kind: String,
    /// How many numbers along each axis.
    pub shape: Vec<usize>,
    /// The numbers, row by row, the first byte of each being the lowest; none where `kind` is not `F32`.
    pub bytes: Vec<u8>,
}

/// The tensors in `bytes`, the content of the file `path`, by name: PyTorch's if that ends in `.pt` or `.pth`, else
/// safetensors.
///
/// # Errors
/// [`WeightsError::Load`] if it is none.
pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, Stored>, WeightsError> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("pt" | "pth") => {
            pytorch::tensors(bytes).map_err(|reason| WeightsError::Load { path: path.into(), reason })
        }
        _ => from_safetensors(bytes, path),
    }
}

/// The tensors in `bytes`, the content of the safetensors file `path`.
///
/// # Errors
/// [`WeightsError::Load`] if it is none.
pub fn from_safetensors(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, Stored>, WeightsError> {
    let unreadable =
        |error: safetensors::SafeTensorError| WeightsError::Load { path: path.into(), reason: error.to_string() };
    let file = SafeTensors::deserialize(bytes).map_err(unreadable)?;
    let stored = |(name, view): (&str, safetensors::tensor::TensorView)| {
        let (kind, shape) = (view.dtype().to_string(), view.shape().to_vec());
        (name.to_string(), Stored { kind, shape, bytes: view.data().to_vec() })
    };
    Ok(file.iter().map(stored).collect())
}
