//! The folder of one run: reading, writing and locking its files.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::checkpoint::Checkpoint;
use super::error::RunError;
use super::evaluation_record::EvaluationRecord;
use super::file::{folder_of, is_unfinished, sync_folder, unsynced, unwritten, write_whole, write_whole_at};
use super::metrics::{self, Epoch};
use super::record::Record;
use super::status::Status;
use super::tensorboard::{self, Curve};
use crate::bounded;
use crate::checksum;
use crate::config::{self, Experiment};
use crate::data::ImageBatcher;
use crate::data::prepare::Look;
use crate::device::Opened;
use crate::evaluation::Classifier;
use crate::model::{Mlp, Pretrained, SourceRun, WeightsError, to_single, weights};

/// The largest table or JSON file of a run that is read, in bytes. The longest training, of 100,000 epochs, has a table of
/// 20 MB.
const LARGEST: u64 = 64 << 20;
/// How often a lock that another process holds is asked for, and the time between. Commands that only ask whether a
/// training is running hold it for a moment, too.
const LOCK_ATTEMPTS: u32 = 10;
const LOCK_INTERVAL: Duration = Duration::from_millis(20);
/// The name of the locked file.
const LOCK: &str = ".lock";

/// The folder of one run. See [`crate::run`] for its files.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    /// The best model, if nothing is written to the disk.
    memory: Option<Arc<Mutex<Vec<u8>>>>,
}

/// The lock on a run's folder. Only the process that holds it may write there. The system releases it when the process
/// ends, even after a crash.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    warnings: Vec<String>,
}

impl Lock {
    /// What the folder's file system can't do.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl RunFolder {
    /// The model after the last epoch.
    pub const LAST: &str = "last.safetensors";
    /// The model after the best epoch.
    pub const BEST: &str = "best.safetensors";
    /// The HTML report.
    pub const REPORT: &str = "report.html";

    /// Creates `<runs>/<name>-<time>/` with the experiment in it. Appends a number if that folder exists.
    ///
    /// # Errors
    /// If it can't be created.
    pub fn create(runs: &Path, experiment: &Experiment) -> Result<(Self, Lock), RunError> {
        let stem = format!("{}-{}", experiment.name, jiff::ZonedDateTime::now().strftime("%Y%m%d-%H%M%S"));
        for number in 1.. {
            let path = runs.join(if number == 1 { stem.clone() } else { format!("{stem}-{number}") });
            match Self::create_at(&path, experiment) {
                Err(RunError::Exists { .. } | RunError::InUse { .. }) => {}
                result => return result,
            }
        }
        unreachable!("some number is free")
    }

    /// Creates the folder `path` with the experiment in it. It may exist if it is empty.
    ///
    /// # Errors
    /// If it is not empty, or has a run by now, or can't be created.
    pub fn create_at(path: &Path, experiment: &Experiment) -> Result<(Self, Lock), RunError> {
        let run = Self::at(path);
        let failed = |path: &Path, source| RunError::Create { path: path.into(), source };
        fs::create_dir_all(folder_of(path)).map_err(|source| failed(folder_of(path), source))?;
        match fs::create_dir(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(path, error)),
            // Another process may have created a run there by now.
            Err(_) if run.config().exists() => return Err(RunError::InUse { run: path.into() }),
            Err(_) if !is_unused(path) => return Err(RunError::Exists { path: path.into() }),
            _ => {}
        }
        let lock = run.lock()?;
        // Even where the file system has no locks, only one process creates this file.
        match write_whole_at(&run.config(), experiment.to_toml().as_bytes(), false) {
            Err(RunError::Write { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {
                Err(RunError::InUse { run: path.into() })
            }
            result => result.map(|_| (run, lock)),
        }
    }

    /// The run folder at `path`. Reads nothing yet.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf(), memory: None }
    }

    /// A run folder that is not on the disk. It keeps the best model only.
    pub fn in_memory() -> Self {
        Self { path: "dry-run".into(), memory: Some(Arc::default()) }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Locks the folder, so that other processes don't write to it, and removes what a crash left unfinished there. A
    /// file system without locks is a warning.
    ///
    /// # Errors
    /// If another process holds the lock, or the folder can't be written to.
    pub fn lock(&self) -> Result<Lock, RunError> {
        let path = self.path.join(LOCK);
        let failed = |source| RunError::Write { path: path.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        let mut warnings = vec![];
        if !sync_folder(&self.path).map_err(failed)? {
            warnings.push(unsynced(&self.path));
        }
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => {
                    self.remove_unfinished();
                    break;
                }
                Err(TryLockError::WouldBlock) if attempt < LOCK_ATTEMPTS => thread::sleep(LOCK_INTERVAL),
                Err(TryLockError::WouldBlock) => return Err(RunError::InUse { run: self.path.clone() }),
                Err(TryLockError::Error(error)) => {
                    let path = self.path.display();
                    warnings.push(format!(
                        "the file system of {path} has no locks ({error}): make sure that no other process uses this run"
                    ));
                    break;
                }
            }
        }
        Ok(Lock { _file: file, warnings })
    }

    fn remove_unfinished(&self) {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| is_unfinished(&entry.file_name().to_string_lossy())) {
            // Such a file only takes up space.
            let _ = fs::remove_file(entry.path());
        }
    }

    /// The run's status. `record` is the run's own record.
    pub fn status(&self, record: &Record) -> Status {
        // A shared lock needs no right to write, also on NFS.
        let lock = File::open(self.path.join(LOCK));
        let is_held = lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)));
        match record {
            _ if is_held => Status::Training,
            Record { failure: Some(_), .. } => Status::Diverged,
            Record { training: Some(_), .. } => Status::Finished,
            _ => Status::Interrupted,
        }
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// If the file can't be written. The other `write_` methods fail likewise.
    pub fn write_config(&self, experiment: &Experiment) -> Result<(), RunError> {
        self.write("config.toml", experiment.to_toml().as_bytes())
    }

    /// Writes `record.json`.
    pub fn write_record(&self, record: &Record) -> Result<(), RunError> {
        self.write_json("record.json", record)
    }

    /// Writes `evaluation.json`.
    pub fn write_evaluation(&self, evaluation: &EvaluationRecord) -> Result<(), RunError> {
        self.write_json("evaluation.json", evaluation)
    }

    /// Writes `metrics.csv`, with all epochs so far.
    pub fn write_metrics(&self, epochs: &[Epoch]) -> Result<(), RunError> {
        let table = metrics::to_csv(epochs).map_err(|source| unwritten(&self.path, "metrics.csv", source))?;
        self.write("metrics.csv", &table)
    }

    /// Writes model files, each with its name. Writes their checksums to the record first, so that the record also
    /// knows the files that a crash leaves.
    pub fn write_models(&self, models: &[(&str, &[u8])], record: &mut Record) -> Result<(), RunError> {
        let sums: Vec<String> = models.iter().map(|(_, bytes)| checksum::of_bytes(bytes)).collect();
        for ((name, _), sum) in models.iter().zip(&sums) {
            record.models.entry((*name).into()).or_default().push(sum.clone());
        }
        self.write_record(record)?;
        for ((name, bytes), sum) in models.iter().zip(sums) {
            self.write(name, bytes)?;
            // The old file is gone. The next record that is written omits its checksum.
            record.models.insert((*name).into(), vec![sum]);
        }
        Ok(())
    }

    /// Writes `tensorboard/`, or appends the new events to it. `rate` is the learning rate at the end of an epoch, counted
    /// from 1. `start` is the start of the training in seconds of UNIX time.
    pub fn write_tensorboard(&self, epochs: &[Epoch], rate: &dyn Fn(usize) -> f64, start: f64) -> Result<(), RunError> {
        let validated = epochs.iter().any(|epoch| epoch.validation_loss.is_some());
        if self.memory.is_some() {
            return Ok(());
        }
        for curve in Curve::ALL.into_iter().filter(|&curve| curve == Curve::Train || validated) {
            let folder = self.path.join("tensorboard").join(curve.to_string());
            fs::create_dir_all(&folder).map_err(|source| RunError::Create { path: folder, source })?;
            let (name, events) = (curve.file(), tensorboard::events(epochs, rate, start, curve));
            match fs::read(self.path.join(&name)) {
                // Append: TensorBoard keeps the file open and would not see a file that replaces it. It treats a
                // partial event at the end as one that is still being written, and so does this.
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

    /// The checkpoint. `None` before the first epoch is complete.
    ///
    /// # Errors
    /// If the file can't be read or is damaged.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, RunError> {
        let path = self.path.join(Checkpoint::FILE);
        let bytes = self.if_exists(&path, bounded::read_regular(&path))?;
        bytes.map(|bytes| Ok(Checkpoint::from_bytes(&bytes, &path)?)).transpose()
    }

    /// The resolved experiment of the run.
    ///
    /// # Errors
    /// If the file can't be read or is damaged. The other methods that read a file fail likewise.
    pub fn experiment(&self) -> Result<Experiment, RunError> {
        Ok(config::load(Some(&self.config()), &[])?)
    }

    /// The path of `config.toml`.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// Whether the run's training is finished and its experiment equals `experiment`.
    pub fn is_over(&self, experiment: &Experiment) -> bool {
        let finished = self.record().is_ok_and(|record| record.training.is_some());
        finished && self.experiment().is_ok_and(|own| own == *experiment)
    }

    /// The epochs in `metrics.csv`, in order. Empty before the first epoch is complete. Unknown columns are ignored.
    pub fn metrics(&self) -> Result<Vec<Epoch>, RunError> {
        let path = self.path.join("metrics.csv");
        let Some(bytes) = self.if_exists(&path, bounded::read(&path, LARGEST))? else { return Ok(vec![]) };
        metrics::from_csv(&bytes).map_err(|source| RunError::Table { path, source })
    }

    /// The evaluation of the best model on the test images, if there is one. One of another model or of other images
    /// does not count. `record` is the run's own record.
    pub fn evaluation(&self, record: &Record) -> Result<Option<EvaluationRecord>, RunError> {
        let path = self.path.join("evaluation.json");
        let Some(bytes) = self.if_exists(&path, bounded::read(&path, LARGEST))? else { return Ok(None) };
        let damaged = |source| RunError::Evaluation { run: self.path.clone(), path: path.clone(), source };
        let found: EvaluationRecord = serde_json::from_slice(&bytes).map_err(damaged)?;
        if let Some(why) = found.evaluation.implausible() {
            return Err(damaged(serde::de::Error::custom(why)));
        }
        let is_of_model = self.best_checksum(record).is_some_and(|sum| sum == found.model);
        Ok(Some(found).filter(|found| is_of_model && found.is_of_data(record)))
    }

    /// Whether there is an evaluation that does not count.
    pub fn has_old_evaluation(&self, record: &Record) -> bool {
        self.path.join("evaluation.json").exists() && matches!(self.evaluation(record), Ok(None))
    }

    /// The SHA-256 of the best model's file.
    pub fn best_checksum(&self, record: &Record) -> Option<String> {
        match record.models.get(Self::BEST)?.as_slice() {
            [sum] => Some(sum.clone()),
            // A crash, or a training under way: the file is the old or the new one.
            _ => checksum::of_file(&self.path.join(Self::BEST)).ok(),
        }
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

    /// The bytes of the model file `name`, [`RunFolder::BEST`] or [`RunFolder::LAST`].
    ///
    /// # Errors
    /// If the file does not exist yet, can't be read, or its checksum is not in the record.
    pub fn weights(&self, name: &str, record: &Record) -> Result<Vec<u8>, RunError> {
        let path = self.path.join(name);
        let bytes = match &self.memory {
            Some(best) => best.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            None => match bounded::read_regular(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound && record.models.is_empty() => {
                    return Err(RunError::NoModel { run: self.path.clone() });
                }
                read => read.map_err(|error| WeightsError::Load { path: path.clone(), reason: error.to_string() })?,
            },
        };
        let found = checksum::of_bytes(&bytes);
        let recorded = record.models.get(name).map(Vec::as_slice).unwrap_or_default();
        if recorded.contains(&found) {
            return Ok(bytes);
        }
        let recorded = if recorded.is_empty() { "none".into() } else { recorded.join(" or ") };
        Err(RunError::Changed { path, found, recorded })
    }

    /// Loads the best model onto `device`.
    ///
    /// # Errors
    /// If the file can't be read or loaded, or its checksum is not in the record.
    pub fn model(&self, experiment: &Experiment, record: &Record, device: &Opened) -> Result<Mlp, RunError> {
        Ok(self.model_with_checksum(experiment, record, device)?.0)
    }

    /// The same, with the SHA-256 of its file.
    ///
    /// # Errors
    /// As for [`RunFolder::model`].
    pub fn model_with_checksum(
        &self,
        experiment: &Experiment,
        record: &Record,
        device: &Opened,
    ) -> Result<(Mlp, String), RunError> {
        let (path, inputs, classes) = (self.path.join(Self::BEST), record.data.inputs(), record.data.classes);
        let bytes = self.weights(Self::BEST, record)?;
        let checksum = checksum::of_bytes(&bytes);
        let bytes = to_single(bytes, &path)?;
        // Check before creating the network: a changed config can describe one that does not fit into memory.
        weights::check(&Mlp::tensors(&experiment.model, inputs, classes), &bytes, &path)?;
        let shape = Mlp::new(&experiment.model, &experiment.init, inputs, classes, record.seed, &device.device);
        Ok((weights::from_bytes(shape, &bytes, &path)?, checksum))
    }

    /// A classifier with the best model, on `device`.
    ///
    /// # Errors
    /// As for [`RunFolder::model`], and if the experiment can't be read.
    pub fn classifier(&self, record: &Record, device: &Opened) -> Result<Classifier, RunError> {
        let model = self.model(&self.experiment()?, record, device)?;
        let (data, batcher) = (&record.data, ImageBatcher::new(record.data.scaling));
        let (size, look) = ([data.height, data.width], data.look.unwrap_or(Look::MNIST));
        Ok(Classifier::new(model, batcher, size, look, data.names(), device.device.clone()))
    }

    /// The best model's weights, as pretrained weights for another network.
    ///
    /// # Errors
    /// If this is not a run folder, or a file in it is damaged.
    pub fn pretrained(&self) -> Result<Pretrained, RunError> {
        let (record, experiment) = (self.record()?, self.experiment()?);
        let bytes = self.weights(Self::BEST, &record)?;
        let run = SourceRun { experiment, classes: record.data.names(), scaling: record.data.scaling };
        Ok(Pretrained::from_run(self.path.join(Self::BEST), &bytes, run)?)
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), RunError> {
        let bytes = serde_json::to_vec_pretty(value).map_err(io::Error::from);
        self.write(name, &bytes.map_err(|source| unwritten(&self.path, name, source))?)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        match &self.memory {
            None => write_whole(&self.path, name, bytes),
            Some(best) => {
                if name == Self::BEST {
                    *best.lock().unwrap_or_else(PoisonError::into_inner) = bytes.into();
                }
                Ok(())
            }
        }
    }

    /// What was read from the file at `path`, or `None` if it does not exist.
    fn if_exists(&self, path: &Path, read: io::Result<Vec<u8>>) -> Result<Option<Vec<u8>>, RunError> {
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RunError::Read { run: self.path.clone(), path: path.into(), source }),
            Ok(bytes) => Ok(Some(bytes)),
        }
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let opened = File::options().append(true).open(self.path.join(name));
        let appended = opened.and_then(|mut file| file.write_all(bytes));
        appended.map_err(|source| unwritten(&self.path, name, source))
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, RunError> {
        let path = self.path.join(name);
        let read = bounded::read(&path, LARGEST);
        let bytes = read.map_err(|source| RunError::Read { run: self.path.clone(), path: path.clone(), source })?;
        serde_json::from_slice(&bytes).map_err(|source| RunError::Damaged { path, source })
    }
}

/// Whether a run may be created in this folder: at most, a process that was killed has begun to create one there.
fn is_unused(folder: &Path) -> bool {
    let is_rest = |name: &str| name == LOCK || is_unfinished(name);
    fs::read_dir(folder).is_ok_and(|mut entries| {
        entries.all(|entry| entry.is_ok_and(|entry| is_rest(&entry.file_name().to_string_lossy())))
    })
}

#[cfg(test)]
mod tests;
