//! A run's folder, `runs/<name>-<time>/`: what is in it, and who wrote it with what.
//!
//! | file | holds |
//! | --- | --- |
//! | `config.toml` | the resolved experiment |
//! | `record.json` | a [`Record`]: program, device, data, figures of the training |
//! | `metrics.csv` | a row an epoch: [`Epoch`] |
//! | `best.safetensors`, `last.safetensors` | the models, see [`crate::weights`] |
//! | `evaluation.json` | an [`Evaluation`] of the best model on the test images |
//! | `tensorboard/` | the curves of `metrics.csv`, if asked for, see [`crate::tensorboard`] |

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::config::{self, ConfigError, Experiment};
use crate::device::Opened;
use crate::evaluation::Evaluation;
use crate::model::Mlp;
use crate::record::{DataRecord, Record};
use crate::tensorboard::{self, Split};
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
    /// The experiment in the folder is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The model in the folder can't be loaded.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// One epoch's figures; a row of `metrics.csv`. The validation figures are missing where nothing is held out.
#[derive(Debug, Clone, PartialEq, Serialize)]
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

    /// Writes `tensorboard/`, or what is new in it, for a training that began at `start`, in seconds of UNIX time.
    pub fn write_tensorboard(&self, epochs: &[Epoch], start: f64) -> Result<(), RunError> {
        let validated = epochs.iter().any(|epoch| epoch.validation_loss.is_some());
        for split in Split::ALL.into_iter().filter(|&split| split == Split::Train || validated) {
            let folder = self.path.join("tensorboard").join(split.to_string());
            fs::create_dir_all(&folder).map_err(|source| RunError::Create { path: folder, source })?;
            let (name, events) = (split.file(), tensorboard::events(epochs, start, split));
            match fs::read(self.path.join(&name)) {
                // TensorBoard keeps the file open and would not see another one in its place. Half an event at the end
                // is to it, and here, one that is still being written.
                Ok(written) if events.starts_with(&written) => self.append(&name, &events[written.len()..])?,
                _ => self.write(&name, &events)?,
            }
        }
        Ok(())
    }

    /// The experiment that was run.
    ///
    /// # Errors
    /// If the folder is not a run's, or the file is damaged; so for the record and the model.
    pub fn experiment(&self) -> Result<Experiment, RunError> {
        Ok(config::load(Some(&self.path.join("config.toml")), &[])?)
    }

    /// The run's record.
    pub fn record(&self) -> Result<Record, RunError> {
        let record: Record = self.read_json("record.json")?;
        match record.data.implausible() {
            None => Ok(record),
            Some(why) => {
                let source = serde::de::Error::custom(why);
                Err(RunError::Damaged { path: self.path.join("record.json"), source })
            }
        }
    }

    /// The best model, on `device`.
    pub fn model(&self, experiment: &Experiment, data: &DataRecord, device: &Opened) -> Result<Mlp, RunError> {
        let (path, inputs, classes) = (self.best_model(), data.inputs(), data.classes);
        let bytes = weights::read(&path)?;
        // Before the network is made: a changed config can ask for one that no memory holds.
        weights::check(&Mlp::tensors(&experiment.model, inputs, classes), &bytes, &path)?;
        let shape = Mlp::new(&experiment.model, &experiment.init, inputs, classes, &device.device);
        Ok(weights::from_bytes(shape, &bytes, &path)?)
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), RunError> {
        let bytes = serde_json::to_vec_pretty(value).map_err(io::Error::from);
        self.write(name, &bytes.map_err(|source| RunError::Write { path: self.path.join(name), source })?)
    }

    /// Under another name first, so that the file appears whole or not at all.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let path = self.path.join(name);
        // A name without extensions: TensorBoard would take an unfinished `.tfevents` for one of its own.
        let prefix = path.file_prefix().unwrap_or_default().display();
        let unfinished = path.with_file_name(format!(".{prefix}.tmp"));
        let write = || -> io::Result<()> {
            let mut file = fs::File::create(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(|source| RunError::Write { path, source })
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let path = self.path.join(name);
        let opened = fs::OpenOptions::new().append(true).open(&path);
        opened.and_then(|mut file| file.write_all(bytes)).map_err(|source| RunError::Write { path, source })
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, RunError> {
        let path = self.path.join(name);
        let bytes =
            fs::read(&path).map_err(|source| RunError::Read { run: self.path.clone(), path: path.clone(), source })?;
        serde_json::from_slice(&bytes).map_err(|source| RunError::Damaged { path, source })
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn a_folder_that_can_not_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = RunFolder::create(&file.path().join("runs"), "try").unwrap_err();
        assert_eq!(error.to_string(), format!("can't create the run's folder {}/runs", file.path().display()));
        assert!(error.source().is_some());
    }

    #[test]
    fn a_file_that_can_not_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::open(&folder.path().join("gone"));
        let error = run.write_config(&Experiment::default().resolved()).unwrap_err();
        assert_eq!(error.to_string(), format!("can't write {}/gone/config.toml", folder.path().display()));
        assert!(error.source().is_some());
    }

    #[test]
    fn who_has_the_curves_open_sees_them_grow() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::open(folder.path());
        let epoch = |epoch| Epoch {
            epoch,
            train_loss: 0.5,
            train_accuracy: 0.5,
            validation_loss: None,
            validation_accuracy: None,
            seconds: 1.0,
        };
        let (first, both) = ([epoch(1)], [epoch(1), epoch(2)]);
        let whole = |epochs: &[Epoch]| tensorboard::events(epochs, 7.0, Split::Train);
        run.write_tensorboard(&first, 7.0).unwrap();
        let path = folder.path().join(Split::Train.file());
        let mut open = fs::File::open(&path).unwrap();
        run.write_tensorboard(&both, 7.0).unwrap();
        let mut seen = vec![];
        io::Read::read_to_end(&mut open, &mut seen).unwrap();
        assert!(seen == whole(&both));

        // A file cut in the middle of an event is mended, and one that knows too much is replaced.
        fs::write(&path, &seen[..seen.len() - 5]).unwrap();
        run.write_tensorboard(&both, 7.0).unwrap();
        assert!(fs::read(&path).unwrap() == whole(&both));
        run.write_tensorboard(&first, 7.0).unwrap();
        assert!(fs::read(&path).unwrap() == whole(&first));
    }
}
