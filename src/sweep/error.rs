//! Why a sweep has no result.

use std::path::PathBuf;

use thiserror::Error;

/// Why a sweep has no result.
#[derive(Debug, Error)]
pub enum SweepError {
    /// A folder that a run of the sweep would go to holds another run.
    #[error(
        "{} holds another experiment than this sweep's: {keys} differ; give the sweep another name, or remove that folder",
        folder.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// The keys that are not the same, for the reader.
        keys: String,
    },
    /// Some runs are not over.
    #[error("{open} of {runs} runs are not finished, so nothing is chosen: {names}")]
    Incomplete {
        /// How many are not.
        open: usize,
        /// How many runs there are.
        runs: usize,
        /// Which, with their states, for the reader.
        names: String,
    },
    /// No trial can be chosen.
    #[error("in every trial a run diverged: try smaller values of optimizer.learning_rate")]
    AllDiverged,
}
