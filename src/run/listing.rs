//! The runs in a folder, each with its [`Summary`], in the order asked for.

use std::cmp::Ordering;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::RunError;
use super::folder::RunFolder;
use super::summary::Summary;

/// How deep runs may lie: `runs/<run>`, `runs/<sweep>/<trial>`, and one to spare for one's own order.
const DEEPEST: usize = 3;

/// What runs are ordered by. The largest comes last, and after it what has no such figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// When the run was begun
    Time,
    /// The folder
    Name,
    /// The best validation error
    Validation,
    /// The test error
    Test,
    /// Epochs done
    Epochs,
    /// The training's time
    Duration,
}

/// One run of a listing.
#[derive(Debug)]
pub struct ListedRun {
    /// Its folder.
    pub path: PathBuf,
    /// Its folder, seen from the folder of runs: `<sweep>/<trial>`.
    pub name: String,
    /// When its config was written; none where the system does not tell.
    pub begun: Option<SystemTime>,
    /// Its figures, or why there are none.
    pub summary: Result<Summary, RunError>,
}

/// The runs in a folder.
#[derive(Debug)]
pub struct Listing {
    /// The runs, in the order asked for.
    pub runs: Vec<ListedRun>,
    /// Folders that were skipped, each with the reason.
    pub warnings: Vec<String>,
}

/// The runs in `folder`, directly or deeper: the folders that hold a `config.toml` and a `record.json`.
///
/// Folders that can't be read, and those that have only a damaged record, are skipped with a warning.
///
/// # Errors
/// If `folder` itself can't be read.
pub fn list(folder: &Path, sort: Sort) -> Result<Listing, RunError> {
    let (mut paths, mut warnings) = (vec![], vec![]);
    let found = find(folder, DEEPEST, &mut paths, &mut warnings);
    found.map_err(|source| RunError::List { path: folder.into(), source })?;
    let mut runs: Vec<ListedRun> = paths.into_iter().map(|path| ListedRun::read(path, folder)).collect();
    runs.sort_by(|one, other| one.cmp_by(other, sort).then_with(|| one.name.cmp(&other.name)));
    Ok(Listing { runs, warnings })
}

/// Adds the runs in `folder`, and those in its folders, to `found`.
fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>, warnings: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Links are not followed: they may lead in a circle.
        if !entry.file_type()?.is_dir() || entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let is_there = |name| path.join(name).is_file();
        match (is_there("config.toml"), is_there("record.json")) {
            (true, true) => found.push(path),
            (false, true) => {
                if let Err(error @ RunError::Damaged { .. }) = RunFolder::at(&path).record() {
                    warnings.push(format!("{} is skipped: {error}, and it has no config.toml", path.display()));
                }
            }
            _ if depth > 1 => {
                if let Err(error) = find(&path, depth - 1, found, warnings) {
                    warnings.push(format!("{} is skipped: {error}", path.display()));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl ListedRun {
    fn read(path: PathBuf, runs: &Path) -> Self {
        let run = RunFolder::at(&path);
        let name = path.strip_prefix(runs).unwrap_or(&path).display().to_string();
        let begun = fs::metadata(path.join("config.toml")).and_then(|config| config.modified()).ok();
        Self { name, begun, summary: Summary::read(&run), path }
    }

    fn cmp_by(&self, other: &Self, sort: Sort) -> Ordering {
        let by = |figure: fn(&Summary) -> Option<f64>| {
            let figure = |listed: &Self| listed.summary.as_ref().ok().and_then(figure).unwrap_or(f64::INFINITY);
            figure(self).total_cmp(&figure(other))
        };
        match sort {
            Sort::Time => self.begun.cmp(&other.begun),
            // Equal names are told apart by the caller, by name.
            Sort::Name => Ordering::Equal,
            Sort::Validation => by(|summary| summary.validation_error),
            Sort::Test => by(|summary| summary.test_error),
            Sort::Epochs => by(|summary| Some(summary.epochs as f64)),
            Sort::Duration => by(|summary| Some(summary.seconds)),
        }
    }
}
