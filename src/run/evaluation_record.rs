//! The contents of `evaluation.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::record::Record;
use crate::evaluation::Evaluation;

/// An evaluation, and what it is an evaluation of. It counts only for that model and those images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// The metrics.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// The SHA-256 of the model file. Empty in files of older versions, which do not count.
    #[serde(default)]
    pub model: String,
    /// The SHA-256 of each file of the test images, by name.
    #[serde(default)]
    pub data: BTreeMap<String, String>,
}

impl EvaluationRecord {
    /// Whether the test images are those of the run with this record.
    pub fn is_of_data(&self, record: &Record) -> bool {
        let sums = &record.data.sha256;
        !self.data.is_empty() && self.data.iter().all(|(name, sum)| sums.get(name) == Some(sum))
    }
}
