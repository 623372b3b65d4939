//! The folder of one run: its files are written and read. `lock` creates and locks it, `model` loads its models.

pub(super) mod lock;
mod model;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use serde::Serialize;

use super::file::{folder_of, unwritten, write_atomically};
use super::metrics::{self, Epoch};
use super::record::{EvaluationRecord, Record};
use super::tensorboard::{self, TRAIN, VALIDATION};
use super::{checkpoint::Checkpoint, error::RunError};
use crate::config::{self, Experiment};
use crate::{bounded, checksum, random::Key};

/// The largest table or JSON file of a run that is read. The longest training, of 100,000 epochs, has a table of 20 MB.
const LARGEST: u64 = 64 << 20;

/// The folder of one run. See [`crate::run`] for its files.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    /// The best model, if nothing is written to the disk.
    pub(crate) memory: Option<Arc<Mutex<Vec<u8>>>>,
}

impl RunFolder {
    /// The model after the last epoch.
    pub const LAST: &str = "last.safetensors";
    /// The model after the best epoch.
    pub const BEST: &str = "best.safetensors";
    /// What low-rank adaptation has learned until the best epoch.
    pub(crate) const ADAPTER: &str = "adapter.safetensors";
    pub(crate) const REPORT: &str = "report.html";
    const KEY: &str = "privacy.key";

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

    /// Writes `config.toml`. An error if it can't be written, as for the other `write_` methods.
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
        self.write("metrics.csv", &metrics::to_csv(epochs))
    }

    /// Writes model files after their checksums in the record, so that the record also knows the files that a crash leaves.
    pub fn write_models(&self, models: &[(&str, &[u8])], record: &mut Record) -> Result<(), RunError> {
        for (name, bytes) in models {
            record.models.entry((*name).into()).or_default().push(checksum::of_bytes(bytes));
        }
        self.write_record(record)?;
        for (name, bytes) in models {
            self.write(name, bytes)?;
            // The old file is gone. The next record that is written omits its checksum.
            record.models.entry((*name).into()).and_modify(|sums| *sums = sums.split_off(sums.len() - 1));
        }
        Ok(())
    }

    /// Writes or extends `tensorboard/`. `rate`: the learning rate after an epoch, from 1; `start`: in seconds of UNIX time.
    pub fn write_tensorboard(&self, epochs: &[Epoch], rate: &dyn Fn(usize) -> f64, start: f64) -> Result<(), RunError> {
        if self.memory.is_some() {
            return Ok(());
        }
        let validated = epochs.iter().any(|epoch| epoch.validation_loss.is_some());
        for split in [Some(TRAIN), validated.then_some(VALIDATION)].into_iter().flatten() {
            let name = format!("tensorboard/{}/events.out.tfevents.mnist-burn", split.0);
            let (path, events) = (self.path.join(&name), tensorboard::events(epochs, rate, start, split));
            let folder = folder_of(&path);
            fs::create_dir_all(folder).map_err(|source| RunError::Create { path: folder.into(), source })?;
            match fs::read(&path) {
                // Append: TensorBoard keeps the file open and would not see a file that replaces it. It treats a
                // partial event at the end as one that is still being written, and so does this.
                Ok(written) if events.starts_with(&written) => {
                    let opened = File::options().append(true).open(&path);
                    let appended = opened.and_then(|mut file| file.write_all(&events[written.len()..]));
                    appended.map_err(|source| unwritten(&self.path, &name, source))?;
                }
                _ => self.write(&name, &events)?,
            }
        }
        Ok(())
    }

    pub(crate) fn write_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), RunError> {
        self.write(Checkpoint::FILE, &checkpoint.to_bytes())
    }

    /// The checkpoint, if an epoch is complete. An error if the file can't be read or is damaged, as for the other files.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, RunError> {
        let path = self.path.join(Checkpoint::FILE);
        let bytes = self.if_exists(&path, bounded::read_regular(&path, u64::MAX))?;
        bytes.map(|bytes| Checkpoint::from_bytes(&bytes, &path)).transpose()
    }

    /// The secret key of a private training, created before its first step. `started` says whether steps are done.
    pub(crate) fn privacy_key(&self, started: bool) -> Result<Key, RunError> {
        let path = self.path.join(Self::KEY);
        match self.if_exists(&path, bounded::read(&path, LARGEST))? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|source| RunError::Damaged { path, source }),
            None if started => Err(RunError::NoKey { run: self.path.clone(), path }),
            None => {
                let key = Key::new().map_err(|source| unwritten(&self.path, Self::KEY, source))?;
                self.write_json(Self::KEY, &key).map(|()| key)
            }
        }
    }

    pub(crate) fn remove_privacy_key(&self) -> Result<(), RunError> {
        let path = self.path.join(Self::KEY);
        self.if_exists(&path, fs::remove_file(&path).map(|()| vec![])).map(drop)
    }

    /// The resolved experiment of the run.
    pub fn experiment(&self) -> Result<Experiment, RunError> {
        Ok(config::load(Some(&self.config()), &[])?)
    }

    /// The path of `config.toml`.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// The epochs in `metrics.csv`, in order. Empty before the first epoch is complete. Unknown columns are ignored.
    pub fn metrics(&self) -> Result<Vec<Epoch>, RunError> {
        let path = self.path.join("metrics.csv");
        let Some(bytes) = self.if_exists(&path, bounded::read(&path, LARGEST))? else { return Ok(vec![]) };
        metrics::from_csv(&bytes).map_err(|source| RunError::Table { path, source })
    }

    /// The evaluation of the best model on the run's own test images, if there is one: `record` tells which model and images.
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

    /// The files in the folder but for hidden ones, by name, with their sizes in bytes.
    pub fn files(&self) -> BTreeMap<String, u64> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let file = |entry: fs::DirEntry| Some((entry.file_name().into_string().ok()?, entry.metadata().ok()?.len()));
        entries.filter_map(file).filter(|(name, _)| !name.starts_with('.')).collect()
    }

    /// The run's record.
    pub fn record(&self) -> Result<Record, RunError> {
        let path = self.path.join("record.json");
        let read = bounded::read(&path, LARGEST);
        let bytes = read.map_err(|source| RunError::Read { run: self.path.clone(), path: path.clone(), source })?;
        let damaged = |source| RunError::Damaged { path: path.clone(), source };
        let record: Record = serde_json::from_slice(&bytes).map_err(damaged)?;
        record.data.implausible().map_or(Ok(record), |why| Err(damaged(serde::de::Error::custom(why))))
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), RunError> {
        self.write(name, &serde_json::to_vec_pretty(value).expect("structs and maps with text as keys fit into JSON"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let Some(best) = &self.memory else {
            let written = write_atomically(&self.path.join(name), bytes, true);
            return written.map(drop).map_err(|source| unwritten(&self.path, name, source));
        };
        if name == Self::BEST {
            *best.lock() = bytes.into();
        }
        Ok(())
    }

    /// What was read from the file at `path`, or `None` if it does not exist.
    fn if_exists(&self, path: &Path, read: io::Result<Vec<u8>>) -> Result<Option<Vec<u8>>, RunError> {
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RunError::Read { run: self.path.clone(), path: path.into(), source }),
            Ok(bytes) => Ok(Some(bytes)),
        }
    }
}

#[cfg(test)]
mod tests;
