//! The error of the program, as `main` reports it.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::cli::{UiError, signals};
use crate::config::ConfigError;
use crate::data::DataError;
use crate::device::{DeviceError, remote::RemoteError};
use crate::evaluation::EvaluationError;
use crate::model::PretrainedError;
use crate::run::RunError;
use crate::serve::ServeError;
use crate::sweep::SweepError;
use crate::training::TrainingError;

/// The error of a module, or of a command.
#[expect(missing_docs, reason = "the messages describe the variants")]
#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Ui(#[from] UiError),
    #[error(transparent)]
    Training(#[from] TrainingError),
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Pretrained(#[from] PretrainedError),
    #[error("{key} does not name a usable run")]
    SourceRun { key: &'static str, source: RunError },
    #[error("init.from = \"{from}\" was trained on the same images, at a cost that [privacy] does not count")]
    SameImages { from: PathBuf },
    #[error("the training is not private: add privacy.epsilon or privacy.noise_multiplier to the config")]
    NotPrivate,
    #[error("a range test of a private training would tell of its images; look for a rate on public images")]
    PrivateRangeTest,
    #[error(transparent)]
    Sweep(#[from] SweepError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("{run} has no validation images: its data.validation is 0, or it is an ensemble")]
    NoValidation { run: PathBuf },
    #[error("{run} was trained on other images than the run that is attacked")]
    OtherImages { run: PathBuf },
    #[error("the members of {run} scale pixels in different ways: export it with --input raw")]
    Scalings { run: PathBuf },
    #[error("no image was left out by a run of --shadow: train these runs with data.fraction = 0.5 and other seeds")]
    NoShadow,
    #[error("{path} does not say which images to evaluate it on: name a folder of labelled images with --data")]
    NoData { path: PathBuf },
    #[error("{path} is not a run folder: if it holds images, name it with --data after the runs")]
    NoRun { path: PathBuf },
    #[error(
        "these are not the images that {run} was trained on, so its validation images are not known: name its own with \
         --data, or leave out --split"
    )]
    OtherSplit { run: PathBuf },
    #[error("{option} is for one run: name the runs one after the other")]
    SeveralRuns { option: &'static str },
    #[error("{path} has no image to classify: name PNG, JPEG or IDX files, or folders with them")]
    NoImages { path: PathBuf },
    /// Each was reported separately.
    #[error("{failed} of {images} images could not be read")]
    UnreadableImages { failed: usize, images: usize },
    #[error("{path} exists but is not a {kind}: move it, or name another file with --output")]
    Occupied { path: PathBuf, kind: &'static str },
    #[error("{path} must end in .{endings}, as it becomes a {kind}")]
    Ending { path: PathBuf, kind: &'static str, endings: String },
    #[error("{option} does not apply to {path}: remove it, or change the ending of the file")]
    Inapplicable { option: &'static str, path: PathBuf },
    #[error("{path} is not a regular file, and is not replaced: name another file, or `-` for standard output")]
    NotAFile { path: PathBuf },
    #[error("{path} exists: name another file, or replace it with --force")]
    Exists { path: PathBuf },
    #[error("can't write the result to standard output")]
    Output(#[source] io::Error),
}

impl Error {
    /// The exit code of a device or worker that fails.
    pub const DEVICE: u8 = 7;

    /// The exit code of the program. `--help` lists them all.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Training(error) if error.is_interruption() => signals::EXIT_CODE,
            Self::Sweep(SweepError::Interrupted { .. }) => signals::EXIT_CODE,
            Self::Sweep(SweepError::Job { code }) => *code,
            Self::SeveralRuns { .. } | Self::Inapplicable { .. } | Self::Ending { .. } | Self::NoData { .. } => 2,
            Self::Config(_) | Self::Run(RunError::Config(_)) => 3,
            Self::Data(_) => 4,
            Self::Training(TrainingError::Diverged { .. }) | Self::Run(RunError::Failed { .. }) => 5,
            Self::Run(RunError::InUse { .. }) => 6,
            Self::Device(_) | Self::Remote(_) | Self::Evaluation(EvaluationError::Device(_)) => Self::DEVICE,
            Self::Run(error) | Self::SourceRun { source: error, .. } => match error {
                RunError::Unknown { .. } | RunError::Ambiguous { .. } | RunError::NoBest { .. } => 8,
                _ => 1,
            },
            _ => 1,
        }
    }

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
