//! A model's weights in a safetensors file, with PyTorch's names and layout.
//!
//! `hidden.N.weight` is `[outputs, inputs]` as in `torch.nn.Linear`; batch normalisation has `norm.N.weight`,
//! `norm.N.bias`, `norm.N.running_mean` and `norm.N.running_var` as in `torch.nn.BatchNorm1d`.
//!
//! A file may come from anywhere, but Burn trusts its header: it transposes a matrix of 2^60 empty rows row by row, and
//! loads `f64` values into a network of `f32`, which then panics. So Burn reads only files that [`check`] finds to fit.

use std::path::{Path, PathBuf};
use std::{collections::BTreeMap, fmt::Display};

use burn::module::Module;
use burn::store::{BurnToPyTorchAdapter, ModuleSnapshot, ModuleStore, PyTorchToBurnAdapter, SafetensorsStore};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use thiserror::Error;

use crate::{bounded, text::listed};

pub(super) const MOST_NAMED: usize = 10;
/// The largest file that is read, in bytes: a thousand million weights.
const LARGEST: u64 = 4 << 30;

/// Why weights could not be saved or loaded.
#[expect(missing_docs, reason = "the messages describe the variants")]
#[derive(Debug, Error)]
pub enum WeightsError {
    #[error("can't save the model: {0}")]
    Save(String),
    #[error("can't load a model from {path}: {reason}")]
    Load { path: PathBuf, reason: String },
    #[error("the model in {path} does not fit this network: {mismatches}")]
    Mismatch { path: PathBuf, mismatches: String },
}

impl WeightsError {
    pub(crate) fn load(path: &Path, reason: impl Display) -> Self {
        Self::Load { path: path.into(), reason: reason.to_string() }
    }
}

/// The weights of `module` as a safetensors file. An error if they can't be read from the device.
pub fn to_bytes(module: &impl Module) -> Result<Vec<u8>, WeightsError> {
    // Burn writes its metadata entries in random order; with one, equal models are equal files. PyTorch reads this one.
    let store = SafetensorsStore::from_bytes(None).with_to_adapter(BurnToPyTorchAdapter);
    let mut store = store.clear_metadata().metadata("format", "pt");
    store.collect_from(module).map_err(|error| WeightsError::Save(error.to_string()))?;
    store.get_bytes().map_err(|error| WeightsError::Save(error.to_string()))
}

/// The safetensors file `bytes`, called `path` in errors, with these entries of metadata, in a fixed order as in [`to_bytes`].
pub fn with_metadata(bytes: &[u8], entries: BTreeMap<String, String>, path: &Path) -> Result<Vec<u8>, WeightsError> {
    let (length, _) = SafeTensors::read_metadata(bytes).map_err(|error| WeightsError::load(path, error))?;
    let (header, tensors) = bytes[8..].split_at(length);
    let mut header: Value = serde_json::from_slice(header).map_err(|error| WeightsError::load(path, error))?;
    header["__metadata__"] = json!(entries);
    header["__metadata__"]["format"] = json!("pt");
    let mut header = header.to_string().into_bytes();
    // The tensors are aligned.
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok([&header.len().to_le_bytes()[..], &header, tensors].concat())
}

/// The bytes of a file of weights. Refused if it can't be read, is no regular file, or is larger than 4 GiB.
pub fn read(path: &Path) -> Result<Vec<u8>, WeightsError> {
    bounded::read_regular(path, LARGEST).map_err(|error| WeightsError::load(path, error))
}

/// A module like `shape` with the weights in `bytes`, the content of the file `path`. Refused if it is not a safetensors
/// file with exactly the tensors of `shape`. NaN and infinite weights are reported when the network is used.
pub fn from_bytes<M: Module>(mut shape: M, bytes: &[u8], path: &Path) -> Result<M, WeightsError> {
    // Names and shapes as they would be saved. This reads no weights.
    let expected = shape.collect(None, Some(Box::new(BurnToPyTorchAdapter)), false);
    let expected = expected.into_iter().map(|tensor| (tensor.name, tensor.shape.to_vec())).collect();
    check(&expected, bytes, path)?;
    let mut store = SafetensorsStore::from_bytes(Some(bytes.to_vec())).with_from_adapter(PyTorchToBurnAdapter);
    store.apply_to(&mut shape).map_err(|error| WeightsError::load(path, error))?;
    Ok(shape)
}

/// Checks that a file has exactly the `expected` tensors, given as shapes by name. Its memory depends on `bytes` only.
pub fn check(expected: &BTreeMap<String, Vec<usize>>, bytes: &[u8], path: &Path) -> Result<(), WeightsError> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| WeightsError::load(path, error))?;
    let mut found: BTreeMap<_, _> = header.tensors().into_iter().collect();
    let mut mismatches = vec![];
    for (name, shape) in expected {
        mismatches.push(match found.remove(name) {
            None => format!("{name} is missing"),
            Some(tensor) if tensor.shape != *shape => format!("{name} is {:?}, not {shape:?}", tensor.shape),
            Some(tensor) if tensor.dtype != Dtype::F32 => format!("{name} holds {}, not F32", tensor.dtype),
            Some(_) => continue,
        });
    }
    // Escaped, because names from a file may contain terminal control sequences.
    mismatches.extend(found.keys().map(|name| format!("{} is unexpected", name.escape_debug())));
    let mismatch = || WeightsError::Mismatch { path: path.into(), mismatches: listed(&mismatches, MOST_NAMED) };
    if mismatches.is_empty() { Ok(()) } else { Err(mismatch()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Init, Model};
    use crate::device;
    use crate::model::Mlp;

    fn network(hidden: Vec<usize>, batch_norm: bool) -> Mlp {
        let device = device::list().into_iter().find_map(|(_, adapters)| adapters.into_iter().next()).unwrap();
        Mlp::new(&Model { hidden, batch_norm, ..Model::default() }, &Init::default(), 6, 4, Some(1), &device.device)
    }

    fn bytes(model: &Mlp) -> Vec<u8> {
        to_bytes(model).unwrap()
    }

    fn refusal(bytes: &[u8]) -> String {
        from_bytes(network(vec![5], false), bytes, Path::new("a.safetensors")).unwrap_err().to_string()
    }

    #[test]
    fn weights_are_loaded_bit_by_bit_as_they_were_saved() {
        for (hidden, batch_norm) in [(vec![5], false), (vec![5, 3], true), (vec![], false)] {
            let saved = bytes(&network(hidden.clone(), batch_norm));
            let loaded = from_bytes(network(hidden, batch_norm), &saved, Path::new("a.safetensors")).unwrap();
            assert!(bytes(&loaded) == saved);
        }
    }

    #[test]
    fn weights_that_are_nan_are_loaded() {
        let mut file = bytes(&network(vec![5], false));
        let end = file.len();
        file[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        let loaded = from_bytes(network(vec![5], false), &file, Path::new("a.safetensors")).unwrap();
        assert!(bytes(&loaded) == file);
    }

    #[test]
    fn weights_file_that_is_not_a_model_is_refused_with_the_reason() {
        let message = read(Path::new("no/such")).unwrap_err().to_string();
        assert_eq!(message, "can't load a model from no/such: No such file or directory (os error 2)");
        #[cfg(unix)]
        assert!(read(Path::new("/dev/zero")).unwrap_err().to_string().ends_with("/dev/zero: it is not a regular file"));
        let sparse = tempfile::NamedTempFile::new().unwrap();
        sparse.as_file().set_len(LARGEST + 1).unwrap();
        assert!(read(sparse.path()).unwrap_err().to_string().ends_with(": it has more than 4294967296 bytes"));
        assert_eq!(refusal(b""), "can't load a model from a.safetensors: header too small");
        assert_eq!(refusal(b"not a model at all"), "can't load a model from a.safetensors: header too large");
        let sound = bytes(&network(vec![5], false));
        let message = refusal(&sound[..sound.len() - 1]);
        assert_eq!(message, "can't load a model from a.safetensors: incomplete metadata, file not fully covered");
    }

    #[test]
    fn weights_of_another_network_are_refused_with_what_does_not_fit() {
        assert_eq!(
            refusal(&bytes(&network(vec![7, 5], false))),
            "the model in a.safetensors does not fit this network: hidden.0.bias is [7], not [5]; hidden.0.weight is \
             [7, 6], not [5, 6]; hidden.1.bias is unexpected; hidden.1.weight is unexpected"
        );
        assert_eq!(
            refusal(&bytes(&network(vec![], false))),
            "the model in a.safetensors does not fit this network: hidden.0.bias is missing; hidden.0.weight is \
             missing; output.weight is [4, 6], not [4, 5]"
        );
    }

    #[test]
    fn mismatch_message_names_at_most_ten_tensors() {
        let message = refusal(&bytes(&network(vec![5; 9], false)));
        assert_eq!(message.matches("is unexpected").count(), 10);
        assert!(message.ends_with("is unexpected and 6 more"), "{message}");
    }
}
