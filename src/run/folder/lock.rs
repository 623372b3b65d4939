//! A run's folder is created, and locked, so that one process writes to it. Its status tells whether one does.

use std::fs::{self, File, TryLockError};
use std::{io::ErrorKind, path::Path, thread, time::Duration};

use super::RunFolder;
use crate::config::Experiment;
use crate::run::error::RunError;
use crate::run::file::{folder_of, is_unfinished, sync_folder, write_atomically};
use crate::run::record::{Record, Status};

/// How often to ask for a lock, and when again: commands that ask whether a training is running hold it for a moment, too.
const LOCK_ATTEMPTS: u32 = 10;
const LOCK_INTERVAL: Duration = Duration::from_millis(20);
const LOCK: &str = ".lock";

/// The lock on a run's folder. Only its holder may write there. The system releases it when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    /// What the folder's file system can't do.
    pub warnings: Vec<String>,
}

impl RunFolder {
    /// Creates `<runs>/<name>-<time>/` with the experiment in it. Appends a number if that folder exists.
    pub fn create(runs: &Path, experiment: &Experiment) -> Result<(Self, Lock), RunError> {
        let stem = format!("{}-{}", experiment.name, jiff::ZonedDateTime::now().strftime("%Y%m%d-%H%M%S"));
        let path = |number| runs.join(if number == 1 { stem.clone() } else { format!("{stem}-{number}") });
        let is_other = |it: &Result<_, _>| !matches!(it, Err(RunError::Exists { .. } | RunError::InUse { .. }));
        (1..).map(|number| Self::create_at(&path(number), experiment)).find(is_other).expect("some number is free")
    }

    /// Creates the folder `path` with the experiment in it. It may exist if it is empty.
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
        match write_atomically(&run.config(), experiment.to_toml().as_bytes(), false) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(RunError::InUse { run: path.into() }),
            Err(source) => Err(RunError::Write { path: run.config(), source }),
            Ok(_) => Ok((run, lock)),
        }
    }

    /// Locks the folder, and removes what a crash left unfinished. Refused if it is locked already, or can't be written to.
    pub fn lock(&self) -> Result<Lock, RunError> {
        let path = self.path.join(LOCK);
        let failed = |source| RunError::Write { path: path.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        let mut warnings = Vec::from_iter(sync_folder(&self.path).map_err(failed)?);
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => {
                    let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
                    for entry in entries.filter(|entry| is_unfinished(&entry.file_name().to_string_lossy())) {
                        // Such a file only takes up space.
                        let _ = fs::remove_file(entry.path());
                    }
                    break;
                }
                Err(TryLockError::WouldBlock) if attempt < LOCK_ATTEMPTS => thread::sleep(LOCK_INTERVAL),
                Err(TryLockError::WouldBlock) => return Err(RunError::InUse { run: self.path.clone() }),
                Err(TryLockError::Error(error)) => {
                    let (path, advice) = (self.path.display(), "make sure that no other process uses this run");
                    warnings.push(format!("the file system of {path} has no locks ({error}): {advice}"));
                    break;
                }
            }
        }
        Ok(Lock { _file: file, warnings })
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
}

/// Whether a run may be created in this folder: at most, a process that was killed has begun to create one there.
fn is_unused(folder: &Path) -> bool {
    let is_rest = |it: fs::DirEntry| it.file_name() == LOCK || is_unfinished(&it.file_name().to_string_lossy());
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(is_rest)))
}
