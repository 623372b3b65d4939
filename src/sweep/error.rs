//! The errors of a sweep.

use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum SweepError {
    #[error("{folder} contains a different experiment: {keys} differ; rename the sweep, or remove that folder")]
    Foreign { folder: PathBuf, keys: String },
    #[error("{open} of {runs} runs are not finished, so no trial is chosen: {names}")]
    Incomplete { open: usize, runs: usize, names: String },
    #[error("every trial has a run that diverged: try smaller values of optimizer.learning_rate")]
    AllDiverged,
}
