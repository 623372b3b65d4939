//! `mnist-burn report`: writes the HTML report of a run, or a comparison of several runs.

use std::fs;
use std::path::{Path, PathBuf};

use super::evaluation::{Evaluated, check_current, evaluate_run, warn_of_old_evaluations};
use super::membership::attack;
use super::opening::{find_run, lock, open_recorded};
use super::output::{OutputKind, Replaces};
use crate::Error;
use crate::cli::{Report, Split, warn};
use crate::evaluation::{Attack, EvaluationError};
use crate::report::{MARK, comparison, page};
use crate::run::{RunFolder, write_whole_at};

pub const PAGE: OutputKind = OutputKind { name: "report", endings: &["html", "htm"], replaces: Replaces::Marked(MARK) };

pub fn run(arguments: &Report, folder: &Path) -> Result<(), Error> {
    let find = |run: &PathBuf| find_run(run, folder);
    let runs = arguments.compared.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let default = match &runs[..] {
        [run] => run.path().join(RunFolder::REPORT),
        _ => RunFolder::REPORT.into(),
    };
    let path = arguments.output.as_ref().unwrap_or(&default);
    // Check before the evaluation, which takes time.
    PAGE.check(path)?;
    let shadows = arguments.shadow.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let [run] = &runs[..] else {
        if arguments.membership {
            return Err(Error::SeveralRuns { option: "--membership" });
        }
        warn_of_old_evaluations(&runs);
        return PAGE.save(path, comparison(&runs)?.as_bytes());
    };
    let record = run.record()?;
    let device = open_recorded(arguments.device.as_deref(), &record.device)?;
    let evaluated = evaluate_run(run, &record, &device, None, Split::Test)?;
    // The run's own report is of its own model and images.
    let own = arguments.output.is_none().then(|| lock(run)).transpose()?;
    if own.is_some() {
        check_current(run, &evaluated)?;
    }
    let attack = arguments.membership.then(|| attack(run, &shadows, &device)).transpose()?;
    PAGE.save(path, page_of(run, &evaluated, attack.as_ref())?.as_bytes())
}

/// Writes a run's report into its folder, and returns the path. A failure is only a warning, as the results are saved anyway.
pub fn write_report(run: &RunFolder, evaluated: &Evaluated) -> Option<PathBuf> {
    write_page(run.path().join(RunFolder::REPORT), page_of(run, evaluated, None))
}

/// The same for another page at `path`.
pub fn write_page(path: PathBuf, page: Result<String, Error>) -> Option<PathBuf> {
    let write = |page: String| {
        PAGE.check(&path)?;
        // What the file system can't do was reported when the run was locked.
        Ok(write_whole_at(&path, page.as_bytes(), true)?)
    };
    let written =
        page.and_then(write).inspect_err(|error| warn(format!("{} was not written: {error}", path.display())));
    written.is_ok().then_some(path)
}

/// Removes the report of a run whose training goes on: it would show an older model.
pub fn remove_report(run: &RunFolder) {
    let path = run.path().join(RunFolder::REPORT);
    if path.exists()
        && PAGE.check(&path).is_ok()
        && let Err(error) = fs::remove_file(&path)
    {
        warn(format!("{} is out of date, and can't be removed: {error}", path.display()));
    }
}

fn page_of(run: &RunFolder, evaluated: &Evaluated, attack: Option<&Attack>) -> Result<String, Error> {
    let weights = evaluated.networks[0].model.first_weights().try_into_data().map_err(EvaluationError::from)?;
    Ok(page(run, &weights.iter::<f32>().collect::<Vec<_>>(), &evaluated.output, attack)?)
}
