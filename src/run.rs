//! A run's folder, `runs/<name>-<time>/`: what is in it, and who wrote it with what.
//!
//! | file | holds |
//! | --- | --- |
//! | `config.toml` | the resolved experiment |
//! | `record.json` | a [`Record`]: program, device, data, figures of the training |
//! | `metrics.csv` | a row an epoch: [`Epoch`] |
//! | `best.safetensors`, `last.safetensors` | the models, see [`crate::weights`] |
//! | `checkpoint.mpk` | a [`Checkpoint`]: all that the training needs to go on |
//! | `evaluation.json` | an [`Evaluation`] of the best model on the test images |
//! | `tensorboard/` | the curves of `metrics.csv`, if asked for, see [`crate::tensorboard`] |
//! | `.lock` | nothing; a process that trains here holds its lock |
//!
//! Each file appears whole or not at all. A crash can fall between two of them, so the order of writing makes every
//! prefix of it a sound folder: the record, with the checksums of the models to come beside those there are; the models;
//! the checkpoint; the metrics, which are in the checkpoint too.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, process, thread};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::checksum;
use crate::config::{self, ConfigError, Experiment};
use crate::device::Opened;
use crate::evaluation::Evaluation;
use crate::metrics::{self, Epoch};
use crate::model::Mlp;
use crate::record::Record;
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
    /// The experiment in the folder is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The model in the folder can't be loaded.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

/// Held by the one process that may write to a run's folder. The system lets go of it when the process ends, however it
/// does.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A process trains there.
    Training,
    /// The training was broken off, and `resume` goes on.
    Interrupted,
    /// The training diverged, and would again.
    Failed,
    /// The training is over.
    Finished,
}

impl RunFolder {
    /// The model after the last epoch.
    pub const LAST: &str = "last.safetensors";
    /// The model after the best epoch.
    pub const BEST: &str = "best.safetensors";

    /// Makes `<runs>/<name>-<time>/`, with a number added if that exists, with the experiment in it.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn create(runs: &Path, experiment: &Experiment) -> Result<(Self, Lock), RunError> {
        let stem = format!("{}-{}", experiment.name, jiff::ZonedDateTime::now().strftime("%Y%m%d-%H%M%S"));
        for number in 1.. {
            let path = runs.join(if number == 1 { stem.clone() } else { format!("{stem}-{number}") });
            match Self::create_at(&path, experiment) {
                Err(RunError::Exists { .. }) => {}
                result => return result,
            }
        }
        unreachable!("some number is free")
    }

    /// Makes the folder `path`, with the experiment in it from the start: no moment leaves one that can't go on.
    ///
    /// # Errors
    /// If it exists and is not empty, or can't be made.
    pub fn create_at(path: &Path, experiment: &Experiment) -> Result<(Self, Lock), RunError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => RunError::Exists { path: path.into() },
            _ => RunError::Create { path: path.into(), source },
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(failed)?;
        let unfinished = parent.join(format!(".new-run-{}", process::id()));
        let fill = || {
            fs::create_dir_all(&unfinished).map_err(failed)?;
            let run = Self::open(&unfinished);
            run.write_config(experiment)?;
            let lock = run.lock()?;
            // Never onto another run: a folder with something in it is not replaced.
            fs::rename(&unfinished, path).map_err(failed)?;
            Ok((Self::open(path), lock))
        };
        fill().inspect_err(|_| {
            let _ = fs::remove_dir_all(&unfinished);
        })
    }

    /// The folder of a run made before.
    pub fn open(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps other processes from writing here.
    ///
    /// # Errors
    /// If one does, or the folder can't be written to.
    pub fn lock(&self) -> Result<Lock, RunError> {
        let path = self.path.join(".lock");
        let failed = |source| RunError::Write { path: path.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(RunError::InUse { run: self.path.clone() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// How far the run is.
    ///
    /// # Errors
    /// If its record can't be read.
    pub fn state(&self) -> Result<State, RunError> {
        let record = self.record()?;
        let locked = File::open(self.path.join(".lock")).is_ok_and(|file| file.try_lock().is_err());
        Ok(match record {
            _ if locked => State::Training,
            Record { failure: Some(_), .. } => State::Failed,
            Record { training: Some(_), .. } => State::Finished,
            _ => State::Interrupted,
        })
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

    /// Writes `metrics.csv`, all epochs so far.
    pub fn write_metrics(&self, epochs: &[Epoch]) -> Result<(), RunError> {
        let table = metrics::to_csv(epochs).map_err(|source| self.unwritten("metrics.csv", source))?;
        self.write("metrics.csv", &table)
    }

    /// Writes the models of these names, and first their checksums into `record`: a crash in between leaves files that
    /// the record knows.
    pub fn write_models(&self, models: &[(&str, &[u8])], record: &mut Record) -> Result<(), RunError> {
        let sums: Vec<String> = models.iter().map(|(_, bytes)| checksum::of_bytes(bytes)).collect();
        for ((name, _), sum) in models.iter().zip(&sums) {
            record.models.entry((*name).into()).or_default().push(sum.clone());
        }
        self.write_record(record)?;
        for ((name, bytes), sum) in models.iter().zip(sums) {
            self.write(name, bytes)?;
            // The old one is gone; the next record that is written will not have it.
            record.models.insert((*name).into(), vec![sum]);
        }
        Ok(())
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

    /// Writes the checkpoint.
    pub fn write_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), RunError> {
        self.write(Checkpoint::FILE, &checkpoint.to_bytes())
    }

    /// The checkpoint; none before the first whole epoch.
    ///
    /// # Errors
    /// If it can't be read, or is not the one that was written.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, RunError> {
        let path = self.path.join(Checkpoint::FILE);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RunError::Read { run: self.path.clone(), path, source }),
            Ok(bytes) => Ok(Some(Checkpoint::from_bytes(&bytes, &path)?)),
        }
    }

    /// The resolved experiment that was run.
    ///
    /// # Errors
    /// If the file can't be read or is damaged; so for the other files.
    pub fn experiment(&self) -> Result<Experiment, RunError> {
        Ok(config::load(Some(&self.config()), &[])?)
    }

    /// The file of the experiment.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// Whether the run was evaluated on the test images.
    pub fn has_evaluation(&self) -> bool {
        self.path.join("evaluation.json").exists()
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
    ///
    /// # Errors
    /// If it is not the one that the record has, or can't be loaded.
    pub fn model(&self, experiment: &Experiment, record: &Record, device: &Opened) -> Result<Mlp, RunError> {
        let (path, inputs, classes) = (self.path.join(Self::BEST), record.data.inputs(), record.data.classes);
        let bytes = weights::read(&path)?;
        let found = checksum::of_bytes(&bytes);
        let recorded = record.models.get(Self::BEST).map(Vec::as_slice).unwrap_or_default();
        if !recorded.contains(&found) {
            let recorded = if recorded.is_empty() { "none".into() } else { recorded.join(" or ") };
            return Err(RunError::Changed { path, found, recorded });
        }
        // Before the network is made: a changed config can ask for one that no memory holds.
        weights::check(&Mlp::tensors(&experiment.model, inputs, classes), &bytes, &path)?;
        let shape = Mlp::new(&experiment.model, &experiment.init, inputs, classes, record.seed, &device.device);
        Ok(weights::from_bytes(shape, &bytes, &path)?)
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), RunError> {
        let bytes = serde_json::to_vec_pretty(value).map_err(io::Error::from);
        self.write(name, &bytes.map_err(|source| self.unwritten(name, source))?)
    }

    /// Under another name first, so that the file appears whole or not at all, a power cut included.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let path = self.path.join(name);
        // A name without extensions: TensorBoard would take an unfinished `.tfevents` for one of its own.
        let prefix = path.file_prefix().unwrap_or_default().display();
        let unfinished = path.with_file_name(format!(".{prefix}.tmp"));
        let write = || -> io::Result<()> {
            let (start, end) = bytes.split_at(bytes.len() / 2);
            let mut file = File::create(&unfinished)?;
            file.write_all(start)?;
            pause_for_tests();
            file.write_all(end)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            // The new name is in the folder, which is on the disk only after this. Not every system can open one.
            match path.parent().filter(|_| cfg!(unix)) {
                Some(folder) => File::open(folder)?.sync_all(),
                None => Ok(()),
            }
        };
        write().map_err(|source| {
            // What is left of it takes up room, and nothing will ever read it.
            let _ = fs::remove_file(&unfinished);
            self.unwritten(name, source)
        })
    }

    fn unwritten(&self, name: &str, source: io::Error) -> RunError {
        let (run, path) = (self.path.clone(), self.path.join(name));
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RunError::Full { run, path, source },
            _ => RunError::Write { path, source },
        }
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let path = self.path.join(name);
        let opened = fs::OpenOptions::new().append(true).open(&path);
        opened.and_then(|mut file| file.write_all(bytes)).map_err(|source| self.unwritten(name, source))
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, RunError> {
        let path = self.path.join(name);
        let bytes =
            fs::read(&path).map_err(|source| RunError::Read { run: self.path.clone(), path: path.clone(), source })?;
        serde_json::from_slice(&bytes).map_err(|source| RunError::Damaged { path, source })
    }
}

/// Sleeps as many milliseconds as the environment says in the middle of writing a file, so that tests can kill the program
/// just there.
fn pause_for_tests() {
    let pause = env::var("MNIST_BURN_TEST_WRITE_PAUSE").ok().and_then(|text| text.parse().ok());
    pause.into_iter().for_each(|milliseconds| thread::sleep(Duration::from_millis(milliseconds)));
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn a_folder_that_can_not_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = RunFolder::create(&file.path().join("runs"), &Experiment::default().resolved()).unwrap_err();
        assert_eq!(error.to_string(), format!("can't create the run's folder {}/runs", file.path().display()));
        assert!(error.source().is_some());
    }

    #[test]
    fn a_folder_with_something_in_it_is_never_made_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("here");
        fs::create_dir(&place).unwrap();
        fs::write(place.join("mine"), "").unwrap();
        let error = RunFolder::create_at(&place, &Experiment::default().resolved()).unwrap_err();
        assert_eq!(error.to_string(), format!("{} exists and is no run: name another folder", place.display()));
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["here"]);
        assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
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
            raw_validation_loss: None,
            raw_validation_accuracy: None,
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
