//! The folder of one run: reading, writing and locking its files.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::checkpoint::Checkpoint;
use super::error::RunError;
use super::file::{unwritten, write_whole};
use super::metrics::{self, Epoch};
use super::record::Record;
use super::status::Status;
use super::tensorboard::{self, Curve};
use crate::checksum;
use crate::config::{self, Experiment};
use crate::data::ImageBatcher;
use crate::data::prepare::Look;
use crate::device::Opened;
use crate::evaluation::{Classifier, Evaluation};
use crate::model::{Mlp, Pretrained, SourceRun, to_single, weights};

/// The folder of one run. See [`crate::run`] for its files.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

/// The lock on a run's folder. Only the process that holds it may write there. The system releases it when the process
/// ends, even after a crash.
#[derive(Debug)]
pub struct Lock {
    _file: File,
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
                Err(RunError::Exists { .. }) => {}
                result => return result,
            }
        }
        unreachable!("some number is free")
    }

    /// Creates the folder `path`. It appears with the experiment already in it, so that a run can be resumed after a
    /// crash at any moment.
    ///
    /// # Errors
    /// If it exists and is not empty, or can't be created.
    pub fn create_at(path: &Path, experiment: &Experiment) -> Result<(Self, Lock), RunError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => RunError::Exists { path: path.into() },
            _ => RunError::Create { path: path.into(), source },
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(|source| RunError::Create { path: parent.into(), source })?;
        let unfinished = parent.join(format!(".new-run-{}", process::id()));
        let fill = || {
            fs::create_dir_all(&unfinished).map_err(failed)?;
            let run = Self::at(&unfinished);
            run.write_config(experiment)?;
            let lock = run.lock()?;
            // This never replaces another run: renaming onto a folder that is not empty fails.
            fs::rename(&unfinished, path).map_err(failed)?;
            Ok((Self::at(path), lock))
        };
        fill().inspect_err(|_| {
            let _ = fs::remove_dir_all(&unfinished);
        })
    }

    /// The run folder at `path`. Reads nothing yet.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Locks the folder, so that other processes don't write to it.
    ///
    /// # Errors
    /// If another process holds the lock, or the folder can't be written to.
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

    /// The run's status. `record` is the run's own record.
    pub fn status(&self, record: &Record) -> Status {
        let lock = File::open(self.path.join(".lock"));
        let is_held = lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)));
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
    pub fn write_evaluation(&self, evaluation: &Evaluation) -> Result<(), RunError> {
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
        let bytes = self.read_if_exists(&path)?;
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

    /// Whether the run was evaluated on the test images.
    pub fn has_evaluation(&self) -> bool {
        self.path.join("evaluation.json").exists()
    }

    /// The epochs in `metrics.csv`, in order. Empty before the first epoch is complete. Unknown columns are ignored.
    pub fn metrics(&self) -> Result<Vec<Epoch>, RunError> {
        let path = self.path.join("metrics.csv");
        let Some(bytes) = self.read_if_exists(&path)? else { return Ok(vec![]) };
        let rows: Result<Vec<Epoch>, _> = csv::Reader::from_reader(bytes.as_slice()).into_deserialize().collect();
        rows.map_err(|source| RunError::Table { path, source })
    }

    /// The evaluation of the best model on the test images, if there is one.
    pub fn evaluation(&self) -> Result<Option<Evaluation>, RunError> {
        let path = self.path.join("evaluation.json");
        let Some(bytes) = self.read_if_exists(&path)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|source| RunError::Damaged { path, source })
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
    /// If the file can't be read, or its checksum is not in the record.
    pub fn weights(&self, name: &str, record: &Record) -> Result<Vec<u8>, RunError> {
        let path = self.path.join(name);
        let bytes = weights::read(&path)?;
        let found = checksum::of_bytes(&bytes);
        let recorded = record.models.get(name).map(Vec::as_slice).unwrap_or_default();
        if recorded.contains(&found) {
            return Ok(to_single(bytes, &path)?);
        }
        let recorded = if recorded.is_empty() { "none".into() } else { recorded.join(" or ") };
        Err(RunError::Changed { path, found, recorded })
    }

    /// Loads the best model onto `device`.
    ///
    /// # Errors
    /// If the file can't be read or loaded, or its checksum is not in the record.
    pub fn model(&self, experiment: &Experiment, record: &Record, device: &Opened) -> Result<Mlp, RunError> {
        let (path, inputs, classes) = (self.path.join(Self::BEST), record.data.inputs(), record.data.classes);
        let bytes = self.weights(Self::BEST, record)?;
        // Check before creating the network: a changed config can describe one that does not fit into memory.
        weights::check(&Mlp::tensors(&experiment.model, inputs, classes), &bytes, &path)?;
        let shape = Mlp::new(&experiment.model, &experiment.init, inputs, classes, record.seed, &device.device);
        Ok(weights::from_bytes(shape, &bytes, &path)?)
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
        write_whole(&self.path, name, bytes)
    }

    /// The bytes of a file, or `None` if it does not exist.
    fn read_if_exists(&self, path: &Path) -> Result<Option<Vec<u8>>, RunError> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RunError::Read { run: self.path.clone(), path: path.into(), source }),
        }
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let opened = File::options().append(true).open(self.path.join(name));
        let appended = opened.and_then(|mut file| file.write_all(bytes));
        appended.map_err(|source| unwritten(&self.path, name, source))
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, RunError> {
        let path = self.path.join(name);
        let bytes =
            fs::read(&path).map_err(|source| RunError::Read { run: self.path.clone(), path: path.clone(), source })?;
        serde_json::from_slice(&bytes).map_err(|source| RunError::Damaged { path, source })
    }
}

#[cfg(test)]
mod tests;
