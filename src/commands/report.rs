//! `mnist-burn report`: a run as a page, or several in one.

use std::path::PathBuf;

use super::evaluate::evaluate_run;
use super::output::Kind;
use super::{open_device, print};
use crate::Error;
use crate::cli::Report;
use crate::evaluation::{Evaluated, EvaluationError};
use crate::model::Mlp;
use crate::notice::notice;
use crate::report::{MARK, comparison, page};
use crate::run::RunFolder;

const PAGE: Kind = Kind { name: "report", mark: MARK };

/// Writes the page and prints where it is.
pub fn run(arguments: &Report) -> Result<(), Error> {
    let runs: Vec<RunFolder> = arguments.runs.iter().map(|path| RunFolder::open(path)).collect();
    let (path, page) = match &runs[..] {
        [run] => {
            let path = arguments.output.clone().unwrap_or_else(|| run.path().join(RunFolder::REPORT));
            // Before the work.
            PAGE.refuse_others(&path)?;
            let record = run.record()?;
            let device = open_device(arguments.device.as_ref().unwrap_or(&record.device))?;
            let (model, evaluated) = evaluate_run(run, &record, &device)?;
            (path, page_of(run, &model, &evaluated)?)
        }
        runs => (arguments.output.clone().unwrap_or_else(|| RunFolder::REPORT.into()), comparison(runs)?),
    };
    PAGE.write(&path, page.as_bytes())?;
    print(&path.display().to_string())
}

/// Leaves the page of a run that was just evaluated in its folder, and tells where. All else is there by then: without a
/// page, there is a warning.
pub fn leave_report(run: &RunFolder, model: &Mlp, evaluated: &Evaluated) -> Option<PathBuf> {
    let path = run.path().join(RunFolder::REPORT);
    match page_of(run, model, evaluated).and_then(|page| PAGE.write(&path, page.as_bytes())) {
        Ok(()) => Some(path),
        Err(error) => {
            notice(format!("warning: the run has no new {}: {error}", RunFolder::REPORT));
            None
        }
    }
}

fn page_of(run: &RunFolder, model: &Mlp, evaluated: &Evaluated) -> Result<String, Error> {
    let weights = model.first_weights().try_into_data().map_err(EvaluationError::from)?;
    Ok(page(run, &weights.iter::<f32>().collect::<Vec<_>>(), evaluated)?)
}
