//! `mnist-burn report`: writes the HTML report of a run, or a comparison of several runs.

use std::fs;
use std::path::PathBuf;

use super::evaluate::{Evaluated, evaluate_run, store, warn_of_old_evaluations};
use super::opening::open_device;
use super::output::{OutputKind, Replaces};
use super::print::print;
use crate::Error;
use crate::cli::{Report, warn};
use crate::evaluation::EvaluationError;
use crate::report::{MARK, comparison, page};
use crate::run::{RunFolder, write_whole_at};

const PAGE: OutputKind = OutputKind { name: "report", endings: &["html", "htm"], replaces: Replaces::Marked(MARK) };

/// Writes the page and prints its path.
pub fn run(arguments: &Report) -> Result<(), Error> {
    let runs: Vec<RunFolder> = arguments.runs.iter().map(|path| RunFolder::at(path)).collect();
    if let Some(output) = &arguments.output {
        // Check before the evaluation, which takes time.
        PAGE.check(output)?;
    }
    let page = match &runs[..] {
        [run] => {
            let record = run.record()?;
            let device = open_device(arguments.device.as_ref().unwrap_or(&record.device))?;
            let evaluated = evaluate_run(run, &record, &device)?;
            if arguments.output.is_none() {
                PAGE.check(&run.path().join(RunFolder::REPORT))?;
                return match store(run, &evaluated)? {
                    Some(path) => print(&path.display().to_string()),
                    None => Err(Error::NoReport { run: run.path().into() }),
                };
            }
            page_of(run, &evaluated)?
        }
        runs => {
            warn_of_old_evaluations(runs);
            comparison(runs)?
        }
    };
    PAGE.save(arguments.output.as_deref().unwrap_or(RunFolder::REPORT.as_ref()), page.as_bytes())
}

/// Writes the report of a run that was just evaluated into its folder, and returns its path. All results are already
/// saved, so failing to write the report is only a warning.
pub fn write_report(run: &RunFolder, evaluated: &Evaluated) -> Option<PathBuf> {
    let path = run.path().join(RunFolder::REPORT);
    let write = |page: String| {
        PAGE.check(&path)?;
        // What the file system can't do was reported when the run was locked.
        Ok(write_whole_at(&path, page.as_bytes(), true)?)
    };
    match page_of(run, evaluated).and_then(write) {
        Ok(_) => Some(path),
        Err(error) => {
            warn(format!("{} was not written: {error}", RunFolder::REPORT));
            None
        }
    }
}

/// Removes the report of a run whose training goes on: it would show an older model.
pub fn remove_report(run: &RunFolder) {
    let path = run.path().join(RunFolder::REPORT);
    if path.exists() && PAGE.check(&path).is_ok() {
        // What can't be removed is reported when the new report can't be written.
        let _ = fs::remove_file(path);
    }
}

fn page_of(run: &RunFolder, evaluated: &Evaluated) -> Result<String, Error> {
    let weights = evaluated.model.first_weights().try_into_data().map_err(EvaluationError::from)?;
    Ok(page(run, &weights.iter::<f32>().collect::<Vec<_>>(), &evaluated.output)?)
}
