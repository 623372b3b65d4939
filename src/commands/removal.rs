//! `mnist-burn runs rm` and `mnist-burn runs prune`: remove runs and sweeps that no process uses, and print the path of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use super::opening::{find_run, list_runs, lock};
use super::output::print;
use crate::cli::{Consent, Prune, Rm, notice, say};
use crate::run::{ListedRun, RunError, RunFolder, Status, Summary, list_existing};
use crate::{Error, config::Experiment, sweep::RESULTS_FILE, text::bytes};

pub fn rm(Rm { removed, consent }: &Rm, folder: &Path) -> Result<(), Error> {
    let found = |name: &PathBuf| match [name.clone(), folder.join(name)].into_iter().find(|path| is_sweep(path)) {
        Some(sweep) => Ok(RunFolder::at(&sweep)),
        None => find_run(name, folder),
    };
    let mut folders = removed.iter().map(found).collect::<Result<Vec<_>, _>>()?;
    let mut seen = BTreeSet::new();
    folders.retain(|run| seen.insert(run.path().canonicalize().ok()));
    let runs = runs_in(&folders)?;
    seen.extend(runs.iter().map(|run| run.path().canonicalize().ok()));
    // An ensemble may be removed together with its members.
    let mut others = list_existing(folder)?;
    others.retain(|it| !seen.contains(&it.path.canonicalize().ok()));
    let ensembles = members(&others);
    for run in &runs {
        // A damaged run may be removed, another folder may not.
        if let Err(error @ RunError::Read { .. }) = run.record() {
            return Err(error.into());
        }
        if let Some(ensemble) = std::path::absolute(run.path()).ok().and_then(|path| ensembles.get(&path)) {
            return Err(RunError::Member { run: run.path().into(), ensemble: ensemble.clone() }.into());
        }
    }
    remove(&folders, consent)
}

fn is_sweep(path: &Path) -> bool {
    path.join(RESULTS_FILE).is_file()
}

/// The runs in these folders, each a run or a sweep.
fn runs_in(folders: &[RunFolder]) -> Result<Vec<RunFolder>, RunError> {
    let (sweeps, mut runs): (Vec<_>, Vec<_>) = folders.iter().cloned().partition(|it| is_sweep(it.path()));
    for sweep in sweeps {
        runs.extend(list_existing(sweep.path())?.iter().map(|run| RunFolder::at(&run.path)));
    }
    Ok(runs)
}

/// The members of the ensembles among `runs`, each with its ensemble.
fn members(runs: &[ListedRun]) -> BTreeMap<PathBuf, PathBuf> {
    let records = runs.iter().filter_map(|run| Some((&run.path, RunFolder::at(&run.path).record().ok()?)));
    records.flat_map(|(path, record)| record.members.into_iter().map(|member| (member.run, path.clone()))).collect()
}

pub fn prune(Prune { keep, failed, older_than, consent }: &Prune, folder: &Path) -> Result<(), Error> {
    let mut runs = list_runs(folder)?;
    let members = members(&runs);
    let is_member = |run: &ListedRun| std::path::absolute(&run.path).is_ok_and(|path| members.contains_key(&path));
    runs.retain(|run| !is_sweep(folder) && Path::new(&run.name).components().count() == 1);
    if let kept @ 1.. = runs.extract_if(.., |run| is_member(run)).count() {
        notice(format!("kept as members of ensembles: {kept}"));
    }
    runs.reverse();
    let error = |run: &ListedRun| run.summary.as_ref().ok().and_then(|it| it.validation_error).unwrap_or(f64::INFINITY);
    runs.sort_by(|one, other| error(one).total_cmp(&error(other)));
    let now = jiff::Timestamp::now().as_duration().as_secs_f64();
    let mut finished: BTreeMap<_, usize> = BTreeMap::new();
    runs.retain(|run| {
        let summary = run.summary.as_ref().ok();
        let is_chosen = match summary {
            Some(Summary { status: Status::Finished, .. }) => {
                let run = RunFolder::at(&run.path);
                let config = run.experiment().map(|experiment| Experiment { seed: 0, ..experiment }.to_toml()).ok();
                let data = run.record().map(|record| record.data.sha256).ok();
                let rank = finished.entry((config, data)).or_default();
                *rank += 1;
                keep.map_or(!failed, |keep| *rank > keep)
            }
            Some(summary) => *failed && summary.status == Status::Diverged,
            // What is missing or damaged otherwise can be mended.
            None => *failed && matches!(run.summary, Err(RunError::Damaged { .. })),
        };
        let age = summary.and_then(|summary| summary.started).map(|started| (now - started) / 86_400.0);
        is_chosen && older_than.is_none_or(|days| age.is_some_and(|age| age > days))
    });
    remove(&runs.iter().map(|run| RunFolder::at(&run.path)).collect::<Vec<_>>(), consent)
}

/// Removes all of these runs and sweeps, or none if one is in use or the user does not agree.
fn remove(folders: &[RunFolder], consent: &Consent) -> Result<(), Error> {
    let runs = runs_in(folders)?;
    let size = bytes(runs.iter().flat_map(|run| run.files().into_values()).sum());
    if folders.is_empty() {
        notice("no run is removed");
        return Ok(());
    }
    if consent.dry_run {
        notice(format!("these, of {size}, would be removed"));
        return folders.iter().try_for_each(|run| print(&run.path().display().to_string()));
    }
    let _locks = runs.iter().map(lock).collect::<Result<Vec<_>, _>>()?;
    if !consent.yes && io::stdin().is_terminal() {
        folders.iter().for_each(|run| say(run.path().display()));
        say(format!("remove these, of {size}? Type y for yes:"));
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map_err(Error::Output)?;
        if !answer.trim().eq_ignore_ascii_case("y") {
            notice("no run is removed");
            return Ok(());
        }
    }
    for run in folders {
        let path = run.path();
        fs::remove_dir_all(path).map_err(|source| RunError::Write { path: path.into(), source })?;
        print(&path.display().to_string())?;
    }
    Ok(())
}
