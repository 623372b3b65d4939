//! The best model of a run, evaluated for a command on the test images, and whether an evaluation counts for a run.

use super::opening::locate;
use crate::Error;
use crate::cli::warn;
use crate::config::Experiment;
use crate::data::Files;
use crate::device::Opened;
use crate::evaluation::{EvaluationOutput, evaluate};
use crate::model::Mlp;
use crate::run::{EvaluationRecord, Record, RunError, RunFolder};

/// A run's best model, evaluated on test images.
pub struct Evaluated {
    pub model: Mlp,
    pub output: EvaluationOutput,
    /// What `evaluation.json` has of them.
    pub record: EvaluationRecord,
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

/// Refuses an evaluation on other test images than the run's, and one of a model that was replaced meanwhile.
pub fn check_current(run: &RunFolder, evaluated: &Evaluated) -> Result<(), RunError> {
    let (record, path) = (run.record()?, run.path().into());
    match run.best_checksum(&record).as_ref() == Some(&evaluated.record.model) {
        _ if !evaluated.record.is_of_data(&record) => Err(RunError::OtherTestData { run: path }),
        true => Ok(()),
        false => Err(RunError::InUse { run: path }),
    }
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
