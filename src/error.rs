//! Everything that can go wrong, as `main` reports it.

use thiserror::Error;

use crate::config::ConfigError;
use crate::data::DataError;
use crate::device::DeviceError;
use crate::evaluation::EvaluationError;
use crate::run::RunError;
use crate::sweep::SweepError;
use crate::training::TrainingError;
use crate::transfer::TransferError;

/// One module's error, or what a command found out by itself.
#[derive(Debug, Error)]
pub enum Error {
    /// The experiment is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The images can't be had.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The device can't be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The training broke off.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// The evaluation broke off.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// A run's folder can't be written or read.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There are no weights to start from.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// A sweep has no result yet.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// Some images could not be read; each was reported where it came up.
    #[error("{failed} of {images} images could not be read")]
    Pictures {
        /// How many could not.
        failed: usize,
        /// How many were asked for.
        images: usize,
    },
    /// A page would replace something else.
    #[error("{path} exists and is no report: move it, or name another file with --output")]
    NoReport {
        /// What is there.
        path: std::path::PathBuf,
    },
    /// A model would replace a file.
    #[error("{path} exists: name another file, or replace it with --force")]
    Exists {
        /// What is there.
        path: std::path::PathBuf,
    },
    /// Standard output was closed or can't be written.
    #[error("can't write the result to standard output")]
    Output(#[from] std::io::Error),
}

#[cfg(test)]
mod tests;
