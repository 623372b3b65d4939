//! `mnist-burn evaluate`: evaluates a trained network on the test set again.

use std::path::PathBuf;

use super::opening::{locate, lock, open_device};
use super::print::{print_evaluation, print_json};
use super::report::write_report;
use crate::Error;
use crate::cli::{Evaluate, warn};
use crate::config::Experiment;
use crate::data::Files;
use crate::device::Opened;
use crate::evaluation::{EvaluationOutput, evaluate};
use crate::model::Mlp;
use crate::run::{EvaluationRecord, Record, RunError, RunFolder};
use crate::text::chain;

/// A run's best model, evaluated on test images.
pub struct Evaluated {
    /// The model.
    pub model: Mlp,
    /// Its predictions.
    pub output: EvaluationOutput,
    /// What `evaluation.json` has of them.
    pub record: EvaluationRecord,
}

/// Prints the evaluation of a run's best model. Stores it, if the run has none.
pub fn run(arguments: &Evaluate) -> Result<(), Error> {
    let run = RunFolder::at(&arguments.run);
    let record = run.record()?;
    let device = open_device(arguments.device.as_ref().unwrap_or(&record.device))?;
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

/// Loads a run's best model and evaluates it on the test images.
pub fn evaluate_run(run: &RunFolder, record: &Record, device: &Opened) -> Result<Evaluated, Error> {
    let experiment = run.experiment()?;
    let files = locate(&experiment.data)?;
    let evaluated = Evaluated::new(run, &experiment, record, &files, device)?;
    if *files.checksums() != record.data.sha256 {
        warn("the data files differ from those that this run was trained and tested with");
    }
    Ok(evaluated)
}

impl Evaluated {
    /// Evaluates a run's best model on the test images of `files`.
    pub fn new(
        run: &RunFolder,
        experiment: &Experiment,
        record: &Record,
        files: &Files,
        device: &Opened,
    ) -> Result<Self, Error> {
        let (model, checksum) = run.model_with_checksum(experiment, record, device)?;
        let test = files.test([record.data.height, record.data.width], record.data.classes)?;
        let output = evaluate(&model, test, record.data.scaling, &device.device)?;
        let evaluation = output.evaluation.clone();
        Ok(Self {
            model,
            output,
            record: EvaluationRecord { evaluation, model: checksum, data: files.test_checksums() },
        })
    }
}

/// Writes an evaluation and its report into the run's folder, and returns the report's path.
///
/// # Errors
/// If another process uses the run, the model has changed since, the test images are not those of the run, or the
/// evaluation can't be written.
pub fn store(run: &RunFolder, evaluated: &Evaluated) -> Result<Option<PathBuf>, Error> {
    let _lock = lock(run)?;
    store_locked(run, evaluated)
}

/// The same for a run that this process has locked.
///
/// # Errors
/// As for [`store`].
pub fn store_locked(run: &RunFolder, evaluated: &Evaluated) -> Result<Option<PathBuf>, Error> {
    let record = run.record()?;
    if !evaluated.record.is_of_data(&record) {
        return Err(RunError::OtherTestData { run: run.path().into() }.into());
    }
    if run.best_checksum(&record).as_ref() != Some(&evaluated.record.model) {
        return Err(RunError::OtherModel { run: run.path().into() }.into());
    }
    // The evaluation comes last: with it, the run is complete.
    let report = write_report(run, evaluated);
    run.write_evaluation(&evaluated.record)?;
    Ok(report)
}

/// Warns of evaluations that do not count, as they are of another model or of other images.
pub fn warn_of_old_evaluations<'a>(runs: impl IntoIterator<Item = &'a RunFolder>) {
    for run in runs {
        let is_old = |record: Record| record.training.is_some() && run.has_old_evaluation(&record);
        if run.record().is_ok_and(is_old) {
            let run = run.path().display();
            warn(format!(
                "{run}: evaluation.json does not say that it is of this model and these test images; `mnist-burn \
                 evaluate {run}` replaces it"
            ));
        }
    }
}
