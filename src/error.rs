//! The error of the program, as `main` reports it.

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

/// The error of a module, or of a command.
#[derive(Debug, Error)]
pub enum Error {
    /// The experiment is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data can't be loaded.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The device can't be opened.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The devices can't be served.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The progress display is not available.
    #[error(transparent)]
    Ui(#[from] UiError),
    /// The training failed or was interrupted.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// The evaluation failed.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// A run's folder can't be written or read.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The pretrained weights can't be used.
    #[error(transparent)]
    Pretrained(#[from] PretrainedError),
    /// `init.from` names a folder that is not a usable run.
    #[error("init.from does not name a usable run")]
    SourceRun(#[source] RunError),
    /// The sweep has no result.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The server can't be started.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// `predict` has a run, but no image.
    #[error("no image to classify: name PNG or JPEG files after {run}")]
    NoImages {
        /// The run.
        run: PathBuf,
    },
    /// Some images could not be read. Each was reported separately.
    #[error("{failed} of {images} images could not be read")]
    UnreadableImages {
        /// The number of unreadable images.
        failed: usize,
        /// The number of all images.
        images: usize,
    },
    /// An output file would replace a file of another kind.
    #[error("{path} exists but is not a {kind}: move it, or name another file with --output")]
    Occupied {
        /// The existing file.
        path: PathBuf,
        /// The kind of file that may be replaced.
        kind: &'static str,
    },
    /// The ending of an output file is that of another kind of file.
    #[error("{path} does not have the ending of a {kind}: name it {expected}, or give it no ending")]
    Ending {
        /// The file.
        path: PathBuf,
        /// The kind of file that would be written.
        kind: &'static str,
        /// The same name with the right ending.
        expected: PathBuf,
    },
    /// An output file would replace a device, a pipe or a folder.
    #[error("{path} is not a regular file, and is not replaced: name another file, or `-` for standard output")]
    NotAFile {
        /// What exists.
        path: PathBuf,
    },
    /// An exported model would replace a file.
    #[error("{path} exists: name another file, or replace it with --force")]
    Exists {
        /// The existing file.
        path: PathBuf,
    },
    /// Standard output was closed or can't be written.
    #[error("can't write the result to standard output")]
    Output(#[source] io::Error),
}

impl Error {
    /// Whether the loss of a worker may have caused the error.
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
