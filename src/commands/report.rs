//! `mnist-burn report`: writes the HTML report of a run, or a comparison of several runs.

use std::path::PathBuf;

use super::evaluate::evaluate_run;
use super::opening::open_device;
use super::output::OutputKind;
use super::print::print;
use crate::Error;
use crate::cli::{Report, warn};
use crate::evaluation::{EvaluationError, EvaluationOutput};
use crate::model::Mlp;
use crate::report::{MARK, comparison, page};
use crate::run::RunFolder;

const PAGE: OutputKind = OutputKind { name: "report", mark: MARK };

/// Writes the page and prints its path.
pub fn run(arguments: &Report) -> Result<(), Error> {
    let runs: Vec<RunFolder> = arguments.runs.iter().map(|path| RunFolder::at(path)).collect();
    let (path, page) = match &runs[..] {
        [run] => {
            let path = arguments.output.clone().unwrap_or_else(|| run.path().join(RunFolder::REPORT));
            // Check before the evaluation, which takes time.
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

/// Writes the report of a run that was just evaluated into its folder, and returns its path. All results are already
/// saved, so failing to write the report is only a warning.
pub fn write_report(run: &RunFolder, model: &Mlp, evaluated: &EvaluationOutput) -> Option<PathBuf> {
    let path = run.path().join(RunFolder::REPORT);
    match page_of(run, model, evaluated).and_then(|page| PAGE.write(&path, page.as_bytes())) {
        Ok(()) => Some(path),
        Err(error) => {
            warn(format!("{} was not written: {error}", RunFolder::REPORT));
            None
        }
    }
}

fn page_of(run: &RunFolder, model: &Mlp, evaluated: &EvaluationOutput) -> Result<String, Error> {
    let weights = model.first_weights().try_into_data().map_err(EvaluationError::from)?;
    Ok(page(run, &weights.iter::<f32>().collect::<Vec<_>>(), evaluated)?)
}
