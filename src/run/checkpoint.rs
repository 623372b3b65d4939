//! All that a training needs to resume after its last complete epoch, in one file, so that the parts match: the SHA-256 of
//! the rest in hexadecimal digits, a newline, and the [`Checkpoint`] in MessagePack.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{error::RunError, metrics::Epoch, usage::Usage};
use crate::checksum;

/// The state of a training between two epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The metrics of the epochs so far, at least one.
    pub epochs: Vec<Epoch>,
    /// What these epochs took.
    #[serde(rename = "seconds")]
    pub usage: Usage,
    /// The network that is trained, in safetensors format.
    #[serde(with = "serde_bytes")]
    pub model: Vec<u8>,
    /// The moving average of its weights, likewise, if there is one.
    #[serde(with = "serde_bytes")]
    pub average: Option<Vec<u8>>,
    /// The optimiser's state, in Burn's format.
    #[serde(with = "serde_bytes")]
    pub optimizer: Vec<u8>,
}

impl Checkpoint {
    /// The file's name in a run's folder.
    pub const FILE: &str = "checkpoint.mpk";

    /// The contents of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = rmp_serde::to_vec_named(self).expect("numbers, lists and bytes fit into MessagePack");
        [checksum::of_bytes(&body).as_bytes(), b"\n", &body].concat()
    }

    /// Reads the contents of the file at `path`. Refused if they are not the result of [`Checkpoint::to_bytes`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, RunError> {
        let parts = bytes.split_at_checked(64).and_then(|(sum, rest)| Some((sum, rest.strip_prefix(b"\n")?)));
        let Some((_, body)) = parts.filter(|(sum, body)| checksum::of_bytes(body).as_bytes() == *sum) else {
            return Err(RunError::Checkpoint { path: path.into() });
        };
        let version = |reason: String| RunError::Version { path: path.into(), reason };
        let checkpoint: Self = rmp_serde::from_slice(body).map_err(|error| version(error.to_string()))?;
        if checkpoint.epochs.is_empty() { Err(version("it contains no epochs".into())) } else { Ok(checkpoint) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let epoch = Epoch { epoch: 1, train_loss: 0.5, train_accuracy: 0.25, seconds: 1.5, ..Epoch::default() };
        let usage = Usage { wall_seconds: 2.0, cpu_seconds: 3.0, ..Usage::default() };
        Checkpoint { epochs: vec![epoch], usage, model: vec![1, 2, 255], average: None, optimizer: vec![] }
    }

    #[test]
    fn checkpoint_is_read_back_as_it_was_written() {
        assert_eq!(Checkpoint::from_bytes(&checkpoint().to_bytes(), Path::new("c")).unwrap(), checkpoint());
    }

    #[test]
    fn checkpoint_with_any_changed_byte_is_refused() {
        let bytes = checkpoint().to_bytes();
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            let message = Checkpoint::from_bytes(&changed, Path::new("runs/c")).unwrap_err().to_string();
            assert!(message.contains("runs/c is damaged"), "{position}: {message}");
        }
        for length in 0..bytes.len() {
            assert!(Checkpoint::from_bytes(&bytes[..length], Path::new("c")).is_err(), "{length}");
        }
    }

    #[test]
    fn checkpoint_of_another_version_is_refused_with_that_reason() {
        let body = rmp_serde::to_vec_named(&["epochs"]).unwrap();
        let bytes = [checksum::of_bytes(&body).as_bytes(), b"\n", &body].concat();
        let message = Checkpoint::from_bytes(&bytes, Path::new("runs/c")).unwrap_err().to_string();
        assert!(message.contains("runs/c was written by another version"), "{message}");
    }
}
