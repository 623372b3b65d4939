//! Everything that can go wrong, as `main` reports it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::cli::UiError;
use crate::config::ConfigError;
use crate::data::DataError;
use crate::device::DeviceError;
use crate::device::remote::RemoteError;
use crate::evaluation::EvaluationError;
use crate::model::PretrainedError;
use crate::run::RunError;
use crate::serve::ServeError;
use crate::sweep::SweepError;
use crate::training::TrainingError;

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
    /// The devices can't be served.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The training can't be shown.
    #[error(transparent)]
    Ui(#[from] UiError),
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
    Pretrained(#[from] PretrainedError),
    /// `init.from` names a folder that can't be used.
    #[error("init.from names no run to start from")]
    SourceRun(#[source] RunError),
    /// A sweep has no result yet.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// There is no server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Some images could not be read; each was reported by itself.
    #[error("{failed} of {images} images could not be read")]
    UnreadableImages {
        /// How many could not.
        failed: usize,
        /// How many were asked for.
        images: usize,
    },
    /// A file would replace something else.
    #[error("{path} exists and is no {kind}: move it, or name another file with --output")]
    Occupied {
        /// What is there.
        path: PathBuf,
        /// What it would have to be, to be replaced.
        kind: &'static str,
    },
    /// A model would replace a file.
    #[error("{path} exists: name another file, or replace it with --force")]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// Standard output was closed or can't be written.
    #[error("can't write the result to standard output")]
    Output(#[from] io::Error),
}

impl Error {
    /// Whether it may be due to a device that is gone.
    pub fn may_be_a_lost_device(&self) -> bool {
        match self {
            Self::Training(TrainingError::Stopped(_)) | Self::Evaluation(EvaluationError::Device(_)) => true,
            Self::Training(TrainingError::Run(error)) | Self::Run(error) => matches!(error, RunError::Weights(_)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
