//! The errors of a run's folder.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::checkpoint::CheckpointError;
use crate::config::ConfigError;
use crate::model::WeightsError;

/// Why a run's folder can't be written or read.
#[derive(Debug, Error)]
pub enum RunError {
    /// The folder can't be created.
    #[error("can't create the run's folder {path}")]
    Create {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The folder exists but is not a run folder.
    #[error("{path} exists but is not a run folder: choose another folder")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The training diverged, and would diverge again.
    #[error("{run} can't be resumed: {failure}")]
    Failed {
        /// The folder.
        run: PathBuf,
        /// The training's error.
        failure: String,
    },
    /// The data files have changed since the run was started.
    #[error(
        "{run} can't be resumed: the data files differ from those that it was started with; record.json lists their \
         SHA-256"
    )]
    OtherData {
        /// The folder.
        run: PathBuf,
    },
    /// An evaluation on other test images can't be stored in the run's folder.
    #[error(
        "the test images differ from those of {run}, whose SHA-256 are in record.json, so their results are not stored \
         there; `mnist-burn report {run} --output FILE` shows them"
    )]
    OtherTestData {
        /// The folder.
        run: PathBuf,
    },
    /// There is no model yet.
    #[error("{run} has no model yet, as no epoch is complete: run `mnist-burn resume {run}`")]
    NoModel {
        /// The folder.
        run: PathBuf,
    },
    /// `evaluation.json` does not have the expected contents.
    #[error("{path} is damaged: `mnist-burn evaluate {run}` replaces it")]
    Evaluation {
        /// The folder.
        run: PathBuf,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The pretrained weights have changed since the run was started, and no epoch is complete.
    #[error(
        "{run} can't be resumed: {file} differs from the file that it was started with; record.json has its SHA-256; \
         start a new run"
    )]
    OtherStart {
        /// The folder.
        run: PathBuf,
        /// The file.
        file: String,
    },
    /// Another process is training there, or writes an evaluation.
    #[error("{run} is in use: another process is training or evaluating it; wait for it, or stop it")]
    InUse {
        /// The folder.
        run: PathBuf,
    },
    /// A file can't be written.
    #[error("can't write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file can't be written because the disk is full.
    #[error("the disk is full: can't write {path}; free some space, then run `mnist-burn resume {run}`")]
    Full {
        /// The folder.
        run: PathBuf,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file can't be read.
    #[error("{run} is not a run folder: can't read {path}")]
    Read {
        /// The folder.
        run: PathBuf,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A JSON file does not have the expected contents.
    #[error("{path} is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A model file is not the one that the run wrote.
    #[error("{path} is not the file that the run wrote: its SHA-256 is {found}, but record.json has {recorded}")]
    Changed {
        /// The model file.
        path: PathBuf,
        /// Its SHA-256.
        found: String,
        /// The SHA-256 in the record.
        recorded: String,
    },
    /// The checkpoint can't be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// `metrics.csv` does not have the expected contents.
    #[error("{path} is damaged")]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: csv::Error,
    },
    /// The folder of runs can't be read.
    #[error("can't list the runs in {path}: train a network first, or name the folder of runs with --runs")]
    List {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The experiment in the folder is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The model in the folder can't be loaded.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}
