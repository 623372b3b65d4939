//! `mnist-burn evaluate`: evaluates a trained network on the test set again. Stores evaluations in runs.

use std::path::PathBuf;

use super::evaluation::{Evaluated, check_current, evaluate_run};
use super::opening::{lock, open_recorded};
use super::print::{print_evaluation, print_json};
use super::report::write_report;
use crate::Error;
use crate::cli::{Evaluate, warn};
use crate::run::RunFolder;
use crate::text::chain;

/// Prints the evaluation of a run's best model. Stores it, if the run has none.
pub fn run(arguments: &Evaluate) -> Result<(), Error> {
    let run = RunFolder::at(&arguments.run);
    let record = run.record()?;
    let device = open_recorded(arguments.device.as_deref(), &record.device)?;
    let evaluated = evaluate_run(&run, &record, &device)?;
    let is_missing = !matches!(run.evaluation(&record), Ok(Some(_)));
    if is_missing
        && evaluated.record.is_of_data(&record)
        && let Err(error) = store(&run, &evaluated)
    {
        warn(format!("the evaluation is not stored: {}", chain(&error)));
    }
    if arguments.json { print_json(&evaluated.record) } else { print_evaluation(&evaluated.record.evaluation, "") }
}

/// Writes an evaluation and its report into the run's folder, and returns the report's path.
pub fn store(run: &RunFolder, evaluated: &Evaluated) -> Result<Option<PathBuf>, Error> {
    let _lock = lock(run)?;
    store_locked(run, evaluated)
}

/// The same for a run that this process has locked.
pub fn store_locked(run: &RunFolder, evaluated: &Evaluated) -> Result<Option<PathBuf>, Error> {
    check_current(run, evaluated)?;
    // The evaluation comes last: with it, the run is complete.
    let report = write_report(run, evaluated);
    run.write_evaluation(&evaluated.record)?;
    Ok(report)
}
