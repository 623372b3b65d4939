//! Named tensors in a file from anywhere: safetensors, or what PyTorch's `torch.save` writes.
//!
//! Nothing in the file is run. A `.pt` is a program for Python's pickle machine; the reader understands what tensors need
//! of it, and refuses the rest.

use std::collections::BTreeMap;
use std::path::Path;

use pytorch_reader::PytorchReader;
use safetensors::SafeTensors;

use crate::weights::{self, WeightsError};

/// A tensor in a file.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The type of its numbers, as safetensors calls it: `F32`.
    pub kind: String,
    /// How many numbers along each axis.
    pub shape: Vec<usize>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Bytes(Vec<u8>),
    /// In PyTorch's file, which can claim far larger tensors than it holds: read only once the shape is found right.
    Unread(pytorch_reader::Tensor),
}

impl Stored {
    /// Its numbers, row by row.
    ///
    /// # Errors
    /// In words, if the file at `path` does not give them.
    pub fn bytes(self, path: &Path) -> Result<Vec<u8>, WeightsError> {
        match self.content {
            Content::Bytes(bytes) => Ok(bytes),
            Content::Unread(tensor) => tensor.read().map_err(|error| unreadable(path, error)),
        }
    }
}

/// The tensors in a file, by name: PyTorch's if it ends in `.pt` or `.pth`, else safetensors.
///
/// # Errors
/// [`WeightsError::Load`] if it can't be read or is none.
pub fn read(path: &Path) -> Result<BTreeMap<String, Stored>, WeightsError> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("pt" | "pth") => pytorch(path),
        _ => from_safetensors(&weights::read(path)?, path),
    }
}

/// The tensors in `bytes`, the content of the safetensors file `path`.
///
/// # Errors
/// [`WeightsError::Load`] if it is none.
pub fn from_safetensors(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, Stored>, WeightsError> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| unreadable(path, error))?;
    let stored = |(name, view): (&str, safetensors::tensor::TensorView)| {
        let (kind, shape) = (view.dtype().to_string(), view.shape().to_vec());
        (name.to_string(), Stored { kind, shape, content: Content::Bytes(view.data().to_vec()) })
    };
    Ok(file.iter().map(stored).collect())
}

fn pytorch(path: &Path) -> Result<BTreeMap<String, Stored>, WeightsError> {
    let reader = PytorchReader::new(path).map_err(|error| unreadable(path, error))?;
    let stored = |(name, tensor): (String, pytorch_reader::Tensor)| {
        let (kind, shape) = (format!("{:?}", tensor.dtype()), tensor.shape().to_vec());
        (name, Stored { kind, shape, content: Content::Unread(tensor) })
    };
    Ok(reader.into_tensors().into_iter().map(stored).collect())
}

fn unreadable(path: &Path, error: impl ToString) -> WeightsError {
    WeightsError::Load { path: path.into(), reason: error.to_string() }
}
