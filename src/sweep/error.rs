//! The errors of a sweep.

use std::path::PathBuf;

use thiserror::Error;

/// Why a sweep has no result.
#[derive(Debug, Error)]
pub enum SweepError {
    /// The folder of one of the sweep's runs contains a different experiment.
    #[error(
        "{} contains a different experiment: {keys} differ; rename the sweep, or remove that folder",
        folder.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// The keys that differ, for the message.
        keys: String,
    },
    /// Some runs are not finished.
    #[error("{open} of {runs} runs are not finished, so no trial is chosen: {names}")]
    Incomplete {
        /// The number of unfinished runs.
        open: usize,
        /// The number of all runs.
        runs: usize,
        /// The unfinished runs with their statuses, for the message.
        names: String,
    },
    /// Every trial has a run that diverged.
    #[error("every trial has a run that diverged: try smaller values of optimizer.learning_rate")]
    AllDiverged,
}
