//! A run's folder, `runs/<name>-<time>/`: what is in it, and who wrote it with what.
//!
//! | file | holds |
//! | --- | --- |
//! | `config.toml` | the resolved experiment |
//! | `record.json` | a [`Record`]: program, device, data, figures of the training |
//! | `metrics.csv` | a row an epoch: [`Epoch`] |
//! | `best.safetensors`, `last.safetensors` | the models, see [`crate::weights`] |
//! | `evaluation.json` | an [`Evaluation`] of the best model on the test images |

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::{self, ConfigError, Experiment};
use crate::device::Opened;
use crate::evaluation::Evaluation;
use crate::model::Mlp;
use crate::record::{DataRecord, Record};
use crate::weights::{self, WeightsError};

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
    /// A file can't be written.
    #[error("can't write {path}")]
    Write {
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

/// One epoch's figures; a row of `metrics.csv`. The validation figures are missing where nothing is held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean cross-entropy of the training images, each as it was met, with dropout.
    pub train_loss: f64,
    /// Share of them classified rightly, likewise.
    pub train_accuracy: f64,
    /// Mean cross-entropy of the validation images at the epoch's end.
    pub validation_loss: Option<f64>,
    /// Share of them classified rightly.
    pub validation_accuracy: Option<f64>,
    /// Wall-clock seconds, training and validation.
    pub seconds: f64,
}

/// How far a run is.
// STAND-IN for the lead's, with `RunFolder::state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A process trains it now.
    Training,
    /// Its training was begun, and no process goes on with it.
    Interrupted,
    /// Its training is over.
    Finished,
}

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes `<runs>/<name>-<time>/`, with a number added if that exists.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn create(runs: &Path, name: &str) -> Result<Self, RunError> {
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |source| RunError::Create { path, source }
        };
        fs::create_dir_all(runs).map_err(failed(runs))?;
        let stem = format!("{name}-{}", jiff::ZonedDateTime::now().strftime("%Y%m%d-%H%M%S"));
        for number in 1.. {
            let path = runs.join(if number == 1 { stem.clone() } else { format!("{stem}-{number}") });
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => return result.map_err(failed(&path)).map(|()| Self { path }),
            }
        }
        unreachable!("some number is free")
    }

    /// The folder of a run made before.
    pub fn open(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The model after the last epoch.
    pub fn last_model(&self) -> PathBuf {
        self.path.join("last.safetensors")
    }

    /// The model after the best epoch.
    pub fn best_model(&self) -> PathBuf {
        self.path.join("best.safetensors")
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// If it can't be written; so for the other files.
    pub fn write_config(&self, experiment: &Experiment) -> Result<(), RunError> {
        self.write("config.toml", experiment.to_toml().as_bytes())
    }

    /// Writes `record.json`.
    pub fn write_record(&self, record: &Record) -> Result<(), RunError> {
        self.write_json("record.json", record)
    }

    /// Writes `evaluation.json`.
    pub fn write_evaluation(&self, evaluation: &Evaluation) -> Result<(), RunError> {
        self.write_json("evaluation.json", evaluation)
    }

    /// Writes `metrics.csv`.
    pub fn write_metrics(&self, epochs: &[Epoch]) -> Result<(), RunError> {
        let mut table = csv::Writer::from_writer(vec![]);
        let rows = epochs.iter().try_for_each(|epoch| table.serialize(epoch)).map_err(io::Error::from);
        let bytes = rows.and_then(|()| table.into_inner().map_err(|error| error.into_error()));
        let bytes = bytes.map_err(|source| RunError::Write { path: self.path.join("metrics.csv"), source })?;
        self.write("metrics.csv", &bytes)
    }

    /// The experiment that was run.
    ///
    /// # Errors
    /// If the folder is not a run's, or the file is damaged; so for the record and the model.
    pub fn experiment(&self) -> Result<Experiment, RunError> {
        Ok(config::load(Some(&self.path.join("config.toml")), &[])?)
    }

    /// Whether its training is over, and if not, whether a process holds `.lock` in the folder.
    // STAND-IN for the lead's.
    pub fn state(&self) -> State {
        if self.record().is_ok_and(|record| record.training.is_some()) {
            return State::Finished;
        }
        let lock = fs::File::open(self.path.join(".lock"));
        let is_held = lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)));
        if is_held { State::Training } else { State::Interrupted }
    }

    /// The epochs in `metrics.csv`, in order; none before the first is over. Columns that are not known are passed over.
    pub fn metrics(&self) -> Result<Vec<Epoch>, RunError> {
        let path = self.path.join("metrics.csv");
        let Some(bytes) = self.read_if_there(&path)? else { return Ok(vec![]) };
        let rows: Result<Vec<Epoch>, _> = csv::Reader::from_reader(bytes.as_slice()).into_deserialize().collect();
        rows.map_err(|source| RunError::Table { path, source })
    }

    /// The evaluation of the best model on the test images, if it was made.
    pub fn evaluation(&self) -> Result<Option<Evaluation>, RunError> {
        let path = self.path.join("evaluation.json");
        let Some(bytes) = self.read_if_there(&path)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|source| RunError::Damaged { path, source })
    }

    /// The run's record.
    pub fn record(&self) -> Result<Record, RunError> {
        self.read_json("record.json")
    }

    /// The best model, on `device`.
    pub fn model(&self, experiment: &Experiment, data: &DataRecord, device: &Opened) -> Result<Mlp, RunError> {
        let shape = Mlp::new(&experiment.model, &experiment.init, data.inputs(), data.classes, &device.device);
        Ok(weights::load(shape, &self.best_model())?)
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), RunError> {
        let bytes = serde_json::to_vec_pretty(value).map_err(io::Error::from);
        self.write(name, &bytes.map_err(|source| RunError::Write { path: self.path.join(name), source })?)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        write_whole(&self.path, name, bytes)
    }

    /// The bytes of a file that need not be there.
    fn read_if_there(&self, path: &Path) -> Result<Option<Vec<u8>>, RunError> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RunError::Read { run: self.path.clone(), path: path.into(), source }),
        }
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, RunError> {
        let path = self.path.join(name);
        let bytes =
            fs::read(&path).map_err(|source| RunError::Read { run: self.path.clone(), path: path.clone(), source })?;
        serde_json::from_slice(&bytes).map_err(|source| RunError::Damaged { path, source })
    }
}

/// Writes `<folder>/<name>`, under another name first, so that the file appears whole or not at all.
///
/// # Errors
/// If it can't be written.
pub fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), RunError> {
    let path = folder.join(name);
    let unfinished = folder.join(format!(".{name}.tmp"));
    let write = || -> io::Result<()> {
        let mut file = fs::File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)
    };
    write().map_err(|source| RunError::Write { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize, train_loss: f64, validation: Option<f64>) -> Epoch {
        let (validation_loss, validation_accuracy) = (validation.map(|accuracy| 1.0 - accuracy), validation);
        Epoch { epoch, train_loss, train_accuracy: 0.1 + 0.2, validation_loss, validation_accuracy, seconds: 1.5 }
    }

    #[test]
    fn the_metrics_that_were_written_are_read_back_to_the_last_bit() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::open(folder.path());
        for epochs in [vec![epoch(1, 1.0 / 3.0, None)], vec![epoch(1, 2e-9, Some(0.93)), epoch(2, 0.1, Some(0.94))]] {
            run.write_metrics(&epochs).unwrap();
            assert_eq!(run.metrics().unwrap(), epochs);
        }
    }

    #[test]
    fn a_loss_that_is_no_number_is_read_back_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::open(folder.path());
        run.write_metrics(&[epoch(1, f64::NAN, None)]).unwrap();
        assert!(run.metrics().unwrap()[0].train_loss.is_nan());
    }

    #[test]
    fn columns_that_a_later_program_adds_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let table =
            "epoch,later,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds\n1,x,2,0.5,,,3\n";
        fs::write(folder.path().join("metrics.csv"), table).unwrap();
        let epochs = RunFolder::open(folder.path()).metrics().unwrap();
        assert_eq!((epochs.len(), epochs[0].train_loss, epochs[0].validation_loss), (1, 2.0, None));
    }

    #[test]
    fn damaged_metrics_are_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("metrics.csv"), "epoch,train_loss\none,2\n").unwrap();
        let error = RunFolder::open(folder.path()).metrics().unwrap_err();
        assert!(error.to_string().contains("metrics.csv is damaged") && std::error::Error::source(&error).is_some());
    }

    #[test]
    fn a_run_before_its_first_epoch_has_neither_metrics_nor_an_evaluation() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::open(folder.path());
        assert_eq!((run.metrics().unwrap(), run.evaluation().unwrap()), (vec![], None));
    }
}
