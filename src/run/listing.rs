//! Lists of the runs in a folder, and one of them by its name.

use std::path::{Path, PathBuf};
use std::{cmp::Ordering, fs, io};

use super::error::{MOST_NAMED, RunError};
use super::{folder::RunFolder, summary::Summary};
use crate::text::{listed, nearest};

/// The names that stand for a run among others.
pub const STANDING: [&str; 2] = ["latest", "best"];
/// The maximum depth of run folders: `runs/<run>`, `runs/<sweep>/<trial>`, and one more for the user's own folders.
const MAX_DEPTH: usize = 3;

#[derive(Debug)]
pub struct ListedRun {
    pub path: PathBuf,
    /// The path relative to the folder of runs: `<sweep>/<trial>`.
    pub name: String,
    pub summary: Result<Summary, RunError>,
}

/// Lists the runs in `folder`, directly or deeper: the folders with a `config.toml` and a `record.json`. The newest is the
/// last, but for those whose start is not known. Folders that can't be read, or have only a damaged record, are warnings.
pub fn list(folder: &Path) -> Result<(Vec<ListedRun>, Vec<String>), RunError> {
    let (mut paths, mut warnings) = (vec![], vec![]);
    let found = walk(folder, MAX_DEPTH, &mut paths, &mut warnings);
    found.map_err(|source| RunError::List { path: folder.into(), source })?;
    // Each with its start, in seconds of UNIX time; infinity if that can't be read.
    let read = |path: PathBuf| {
        let run = RunFolder::at(&path);
        let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        let started = run.record().map_or(f64::INFINITY, |record| record.started);
        (started, ListedRun { name, summary: Summary::read(&run), path })
    };
    let mut runs: Vec<_> = paths.into_iter().map(read).collect();
    runs.sort_by(|(start, one), (other, run)| start.total_cmp(other).then_with(|| one.name.cmp(&run.name)));
    Ok((runs.into_iter().map(|(_, run)| run).collect(), warnings))
}

/// The same, without the warnings. No runs if the folder does not exist.
pub fn list_existing(folder: &Path) -> Result<Vec<ListedRun>, RunError> {
    match list(folder) {
        Err(RunError::List { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        result => Ok(result?.0),
    }
}

/// Whether the folder is one of a run, perhaps a damaged one.
pub fn is_run(path: &Path) -> bool {
    ["config.toml", "record.json"].iter().any(|file| path.join(file).exists())
}

/// The run in `folder` with this name, the only one in the folder of this name, or else whose name begins so; `latest`; `best`,
/// by validation error; `latest:NAME` or `best:NAME` of the sweep of this name, or else of those with this `name` in their
/// config. Also returns how it was found, unless by its whole name.
pub fn find(name: &str, folder: &Path) -> Result<(ListedRun, Option<String>), RunError> {
    let mut runs = list_existing(folder)?;
    runs.reverse();
    let names = |runs: &[ListedRun]| runs.iter().map(|run| run.name.clone()).collect::<Vec<_>>();
    let unknown = RunError::Unknown { name: name.into(), runs: folder.into(), advice: meant(name, &names(&runs)) };
    if let Some(exact) = runs.iter().position(|run| run.name == name) {
        return Ok((runs.swap_remove(exact), None));
    }
    let is_in = |run: &ListedRun, folder: &str| !folder.is_empty() && Path::new(&run.name).starts_with(folder);
    let (word, config) = name.split_once(':').map_or((name, None), |(word, config)| (word, Some(config)));
    if STANDING.contains(&word) {
        let sweep = config.filter(|name| runs.iter().any(|run| is_in(run, name)));
        let has_config = |it: &Summary| config.is_none_or(|config| it.config == config);
        let is_of = |run: &ListedRun, it: &Summary| sweep.map_or_else(|| has_config(it), |sweep| is_in(run, sweep));
        runs.retain(|run| run.summary.as_ref().is_ok_and(|it| is_of(run, it)));
        if word == "latest" {
            let latest = runs.into_iter().next().ok_or(unknown)?;
            return Ok((latest, Some("the latest one".into())));
        }
        let all = runs.len();
        runs.retain(|run| validation(run).is_some());
        let how = match (runs.len(), all - runs.len()) {
            (of, 0) => format!("the best of {of} by validation error"),
            (of, without) => format!("the best of {of} by validation error; {without} without validation do not count"),
        };
        let best = runs.into_iter().min_by(|a, b| validation(a).partial_cmp(&validation(b)).unwrap_or(Ordering::Equal));
        let none = if all > 0 { RunError::NoBest { runs: folder.into() } } else { unknown };
        return Ok((best.ok_or(none)?, Some(how)));
    }
    // Those in the folder of this name, like a sweep's, rather than all that are called like it.
    let is_folder = runs.iter().any(|run| is_in(run, name));
    runs.retain(|run| !name.is_empty() && if is_folder { is_in(run, name) } else { run.name.starts_with(name) });
    let which = if is_folder { "in" } else { "whose name begins with" };
    match runs.len() {
        0 => Err(unknown),
        1 => Ok((runs.remove(0), Some(format!("the only one {which} {name}")))),
        _ => Err(RunError::Ambiguous { name: name.into(), found: names(&runs), is_folder }),
    }
}

/// The name that may have been meant, or else those that there are.
fn meant(name: &str, known: &[String]) -> String {
    if known.is_empty() {
        return "there is none yet: `mnist-burn` trains one".into();
    }
    // A name may be followed by the time of the start, which nobody remembers.
    let untimed = known.iter().filter_map(|it| it.rsplitn(3, '-').nth(2));
    let all = known.iter().map(String::as_str).chain(untimed).chain(STANDING);
    let near = nearest(name, all).filter(|near| *near != name);
    near.map_or_else(|| format!("the runs are: {}", listed(known, MOST_NAMED)), |near| format!("did you mean {near}?"))
}

/// The validation error of a run's best model, and its validation loss, which decides between equal errors.
fn validation(run: &ListedRun) -> Option<[f64; 2]> {
    let summary = run.summary.as_ref().ok()?;
    Some([summary.validation_error?, summary.validation_loss?])
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>, warnings: &mut Vec<String>) -> io::Result<()> {
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
            (false, true) if let Err(error @ RunError::Damaged { .. }) = RunFolder::at(&path).record() => {
                warnings.push(format!("{} is skipped: {error}, and it has no config.toml", path.display()));
            }
            (_, false) if depth > 1 => {
                if let Err(error) = walk(&path, depth - 1, found, warnings) {
                    warnings.push(format!("{} is skipped: {error}", path.display()));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
