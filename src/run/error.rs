use std::{io, path::PathBuf};

use thiserror::Error;

use crate::{config::ConfigError, model::WeightsError, text::listed};

pub const MOST_NAMED: usize = 10;

#[derive(Debug, Error)]
pub enum RunError {
    #[error("can't create the run's folder {path}")]
    Create { path: PathBuf, source: io::Error },
    #[error("{path} exists but is not a run folder: choose another folder")]
    Exists { path: PathBuf },
    /// The training diverged, and would diverge again.
    #[error("{run} can't be resumed: {failure}")]
    Failed { run: PathBuf, failure: String },
    #[error("{run} can't be resumed: the data files differ from those that it was started with, by their SHA-256")]
    OtherData { run: PathBuf },
    #[error("{run} has other test images, so this is not stored; `mnist-burn report {run} --output FILE` shows it")]
    OtherTestData { run: PathBuf },
    #[error("{run} has no model yet, as no epoch is complete: run `mnist-burn resume {run}`")]
    NoModel { run: PathBuf },
    #[error("{run} is an ensemble, which has no model of its own: name one of its members, see `mnist-burn show`")]
    Ensemble { run: PathBuf },
    #[error("{run} can't be a member of an ensemble: {why}")]
    NotAMember { run: PathBuf, why: &'static str },
    #[error("{run} is a member of the ensemble {ensemble}: remove that one first")]
    Member { run: PathBuf, ensemble: PathBuf },
    #[error("{path} exists, so no ensemble is made there: the NAME in `ensemble NAME RUN RUN` must be a new one")]
    Taken { path: PathBuf },
    #[error("{run} has another model than when it joined {ensemble}: make a new ensemble")]
    OtherMember { run: PathBuf, ensemble: PathBuf },
    #[error("{path} is damaged: `mnist-burn evaluate {run}` replaces it")]
    Evaluation { run: PathBuf, path: PathBuf, source: serde_json::Error },
    #[error("{run} can't be resumed: {file} is not the one that it was started with, by its SHA-256")]
    OtherStart { run: PathBuf, file: String },
    #[error("{run} can't be resumed: {path} is missing, and with another key its private training tells more")]
    NoKey { run: PathBuf, path: PathBuf },
    #[error("{run} is in use: another process is training or evaluating it; wait for it, or stop it")]
    InUse { run: PathBuf },
    #[error("can't write {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("the disk is full: can't write {path}; free some space, then run `mnist-burn resume {run}`")]
    Full { run: PathBuf, path: PathBuf, source: io::Error },
    #[error("{run} is not a run folder: can't read {path}")]
    Read { run: PathBuf, path: PathBuf, source: io::Error },
    #[error("{path} is damaged")]
    Damaged { path: PathBuf, source: serde_json::Error },
    #[error("{path} is not the file that the run wrote: its SHA-256 is {found}, but record.json has {recorded}")]
    Changed { path: PathBuf, found: String, recorded: String },
    #[error("{path} is damaged: its contents do not match its checksum; start a new run")]
    Checkpoint { path: PathBuf },
    #[error("{path} was written by another version of this program ({reason}); resume with it, or start anew")]
    Version { path: PathBuf, reason: String },
    #[error("{path} is damaged")]
    Table { path: PathBuf, source: csv::Error },
    #[error("can't list the runs in {path}: train a network first, or name the folder of runs with --runs")]
    List { path: PathBuf, source: io::Error },
    #[error("there is no run {name} in {runs}, and no such folder; {advice}")]
    Unknown { name: String, runs: PathBuf, advice: String },
    #[error("no such run in {runs} has a validation error, so none is the best: name one, or set data.validation")]
    NoBest { runs: PathBuf },
    #[error(
        "{name} is no single run, but several have names that begin with it: {}{}",
        listed(found, MOST_NAMED),
        if *is_folder { format!("; best:{name} is the best of them, and `mnist-burn sweep FILE` continues a sweep") } else { String::new() }
    )]
    Ambiguous { name: String, found: Vec<String>, is_folder: bool },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
}
