//! The runs that the page offers, and the networks that were loaded from them.

use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, sync::Arc};

use axum::body::Bytes;
use parking_lot::Mutex;
use serde::Serialize;

use super::api_error::ApiError;
use crate::run::{ListedRun, Record, RunError, RunFolder, Summary, find, list_existing};
use crate::{device::Opened, evaluation::Classifier, text::chain};

const MOST_LOADED: usize = 16;
const OLDEST_LIST: Duration = Duration::from_secs(1);

/// The runs in a folder, and a default one for requests that name none.
#[derive(Debug)]
pub struct RunRegistry {
    folder: PathBuf,
    default: NamedRun,
    device: Opened,
    /// The most recently used one is the first.
    loaded: Mutex<Vec<Loaded>>,
    listed: Mutex<Option<Listed>>,
}

#[derive(Debug, Clone)]
pub struct NamedRun {
    pub name: String,
    pub path: PathBuf,
}

#[derive(Debug)]
struct Loaded {
    path: PathBuf,
    record: Record,
    classifier: Arc<Classifier>,
}

/// A list of the runs as JSON, from the files at `time`, when the folder of runs had last changed at `changed`.
#[derive(Debug)]
struct Listed {
    time: Instant,
    changed: Option<SystemTime>,
    json: Bytes,
}

#[derive(Debug, Serialize)]
struct Entry {
    run: String,
    default: bool,
    model: bool,
    report: bool,
    /// The names of its classes, in order. Empty if its record can't be read.
    classes: Vec<String>,
    #[serde(flatten)]
    summary: Option<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl NamedRun {
    /// The run at `path`: called `<run>` or `<sweep>/<trial>` if it is in `folder`, otherwise by its path.
    pub fn at(path: &Path, folder: &Path) -> Self {
        let inside = || Some(path.canonicalize().ok()?.strip_prefix(folder.canonicalize().ok()?).ok()?.to_path_buf());
        Self { name: inside().unwrap_or_else(|| path.into()).display().to_string(), path: path.into() }
    }
}

impl RunRegistry {
    /// The runs in `folder`, which need not exist, and the run in `default`, which is loaded at once.
    pub fn open(folder: &Path, default: NamedRun, device: Opened) -> Result<Self, RunError> {
        let runs = Self { folder: folder.into(), default, device, loaded: Mutex::default(), listed: Mutex::default() };
        runs.load(&runs.default.path)?;
        Ok(runs)
    }

    /// All runs as JSON. Their files are read again if the list is too old, or a folder was added or removed.
    pub fn list(&self) -> Result<Bytes, ApiError> {
        let changed = fs::metadata(&self.folder).and_then(|folder| folder.modified()).ok();
        let mut listed = self.listed.lock();
        if let Some(it) = listed.as_ref().filter(|it| it.changed == changed && it.time.elapsed() < OLDEST_LIST) {
            return Ok(it.json.clone());
        }
        let time = Instant::now();
        let json = Bytes::from(serde_json::to_vec(&self.entries()?).map_err(|_| ApiError::Failure)?);
        *listed = Some(Listed { time, changed, json: json.clone() });
        Ok(json)
    }

    fn entries(&self) -> Result<Vec<Entry>, RunError> {
        let mut listed = list_existing(&self.folder)?;
        if !listed.iter().any(|listed| listed.name == self.default.name) {
            let NamedRun { name, path } = self.default.clone();
            listed.push(ListedRun { summary: Summary::read(&RunFolder::at(&path)), path, name });
        }
        let entry = |ListedRun { name, path, summary, .. }: ListedRun| {
            let record = RunFolder::at(&path).record().unwrap_or_default();
            Entry {
                default: name == self.default.name,
                run: name,
                model: path.join(RunFolder::BEST).is_file() || !record.members.is_empty(),
                report: path.join(RunFolder::REPORT).is_file(),
                classes: record.data.names(),
                error: summary.as_ref().err().map(|error| chain(error)),
                summary: summary.ok(),
            }
        };
        Ok(listed.into_iter().rev().map(entry).collect())
    }

    /// The run of this name, as [`find`] takes it, from the folder of runs only; without a name, the default run.
    pub fn find(&self, name: Option<&str>) -> Result<NamedRun, ApiError> {
        let Some(name) = name.filter(|&name| name != self.default.name) else { return Ok(self.default.clone()) };
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        let path = self.folder.join(name);
        if inside && path.join("record.json").is_file() {
            return Ok(NamedRun { name: name.into(), path });
        }
        let (found, _) = find(name, &self.folder).map_err(|_| ApiError::NoRun { name: name.into() })?;
        Ok(NamedRun { name: found.name, path: found.path })
    }

    /// The network of the run at `path`, from memory unless the run has been resumed since.
    pub fn load(&self, path: &Path) -> Result<Arc<Classifier>, RunError> {
        let run = RunFolder::at(path);
        let record = run.record()?;
        let is_current = |it: &&Loaded| it.path == path && it.record == record;
        let known = self.loaded.lock().iter().find(is_current).map(|it| Arc::clone(&it.classifier));
        // Other requests use the networks in memory meanwhile.
        let classifier = known.map_or_else(|| run.classifier(&record, &self.device).map(Arc::new), Ok)?;
        let mut loaded = self.loaded.lock();
        loaded.retain(|it| it.path != path);
        loaded.insert(0, Loaded { path: path.into(), record, classifier: Arc::clone(&classifier) });
        loaded.truncate(MOST_LOADED);
        Ok(classifier)
    }
}
