//! Lists the runs in a folder, each with its [`Summary`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::RunError;
use super::folder::RunFolder;
use super::summary::Summary;

/// The maximum depth of run folders: `runs/<run>`, `runs/<sweep>/<trial>`, and one more for the user's own folders.
const MAX_DEPTH: usize = 3;

#[derive(Debug)]
pub struct ListedRun {
    /// The run's folder.
    pub path: PathBuf,
    /// The run's folder, relative to the folder of runs: `<sweep>/<trial>`.
    pub name: String,
    pub summary: Result<Summary, RunError>,
}

/// The runs in a folder.
#[derive(Debug)]
pub struct Listing {
    /// The runs, the newest last. Those whose start is not known come after it.
    pub runs: Vec<ListedRun>,
    /// Folders that were skipped, each with the reason.
    pub warnings: Vec<String>,
}

/// Lists the runs in `folder`, directly or deeper: the folders with a `config.toml` and a `record.json`.
///
/// Skips with a warning the folders that can't be read, and those that have only a damaged record.
pub fn list(folder: &Path) -> Result<Listing, RunError> {
    let (mut paths, mut warnings) = (vec![], vec![]);
    let found = find(folder, MAX_DEPTH, &mut paths, &mut warnings);
    found.map_err(|source| RunError::List { path: folder.into(), source })?;
    let mut runs: Vec<(f64, ListedRun)> = paths.into_iter().map(|path| read(path, folder)).collect();
    runs.sort_by(|(start, one), (other_start, other)| {
        start.total_cmp(other_start).then_with(|| one.name.cmp(&other.name))
    });
    Ok(Listing { runs: runs.into_iter().map(|(_, run)| run).collect(), warnings })
}

/// Adds the runs in `folder` to `found`, down to `depth` levels of folders.
fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>, warnings: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Don't follow links: they may form a loop.
        if !entry.file_type()?.is_dir() || entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let exists = |name| path.join(name).is_file();
        match (exists("config.toml"), exists("record.json")) {
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

/// A run, and when it was started, in seconds of UNIX time; infinity if that can't be read.
fn read(path: PathBuf, runs: &Path) -> (f64, ListedRun) {
    let run = RunFolder::at(&path);
    let name = path.strip_prefix(runs).unwrap_or(&path).display().to_string();
    let started = run.record().map_or(f64::INFINITY, |record| record.started);
    (started, ListedRun { name, summary: Summary::read(&run), path })
}
