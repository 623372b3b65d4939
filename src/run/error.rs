//! Why a run's folder could not be written or read.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::checkpoint::CheckpointError;
use crate::config::ConfigError;
use crate::model::WeightsError;

/// Why a run's folder could not be written or read.
#[derive(Debug, Error)]
pub enum RunError {
    /// The folder can't be made.
    #[error("can't create the run's folder {path}")]
    Create {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something is there already.
    #[error("{path} exists and is no run: name another folder")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The training diverged, and would again.
    #[error("{run} can't go on: {failure}")]
    Failed {
        /// The folder.
        run: PathBuf,
        /// What the training said.
        failure: String,
    },
    /// The data have changed since the run began.
    #[error("{run} can't go on: the data files are not those that it began with; record.json has their SHA-256")]
    OtherData {
        /// The folder.
        run: PathBuf,
    },
    /// The weights that the run began with have changed, before any of its epochs was whole.
    #[error(
        "{run} can't go on: {file} is not the file that it began with; record.json has its SHA-256; start a new run"
    )]
    OtherStart {
        /// The folder.
        run: PathBuf,
        /// The file.
        file: String,
    },
    /// Another process trains there.
    #[error("{run} is in use: another process trains there; wait for it, or stop it")]
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
    /// A file can't be written, as there is no room.
    #[error("the disk is full: there is no room for {path}; make some, then `mnist-burn resume {run}` goes on")]
    Full {
        /// The folder.
        run: PathBuf,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file can't be read.
    #[error("{run} is not the folder of a run: can't read {path}")]
    Read {
        /// The folder.
        run: PathBuf,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file holds something else than a run writes there.
    #[error("{path} is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A model is not the one that the run wrote.
    #[error("{path} is not the file that the run wrote: its SHA-256 is {found}, and record.json has {recorded}")]
    Changed {
        /// The model.
        path: PathBuf,
        /// Its SHA-256.
        found: String,
        /// Those of the record.
        recorded: String,
    },
    /// The checkpoint can't be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// `metrics.csv` holds something else than a run writes there.
    #[error("{path} is damaged")]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: csv::Error,
    },
    /// The folder of runs can't be read.
    #[error("can't list the runs in {path}: train one first, or name the folder that they are in with --runs")]
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
