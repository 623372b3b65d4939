//! `mnist-burn evaluate`: evaluates a trained network on the test set again.

use super::opening::{locate, open_device};
use super::print::{print_evaluation, print_json};
use crate::Error;
use crate::cli::{Evaluate, warn};
use crate::device::Opened;
use crate::evaluation::{EvaluationOutput, evaluate};
use crate::model::Mlp;
use crate::run::{Record, RunFolder};

/// Prints the evaluation of a run's best model.
pub fn run(arguments: &Evaluate) -> Result<(), Error> {
    let run = RunFolder::at(&arguments.run);
    let record = run.record()?;
    let device = open_device(arguments.device.as_ref().unwrap_or(&record.device))?;
    let (_, EvaluationOutput { evaluation, .. }) = evaluate_run(&run, &record, &device)?;
    if arguments.json { print_json(&evaluation) } else { print_evaluation(&evaluation, "") }
}

/// Loads a run's best model and evaluates it on the test images.
pub fn evaluate_run(run: &RunFolder, record: &Record, device: &Opened) -> Result<(Mlp, EvaluationOutput), Error> {
    let experiment = run.experiment()?;
    let model = run.model(&experiment, record, device)?;
    let files = locate(&experiment.data)?;
    if *files.checksums() != record.data.sha256 {
        warn("the data files differ from those that this run was trained and tested with");
    }
    let test = files.test([record.data.height, record.data.width], record.data.classes)?;
    let evaluated = evaluate(&model, test, record.data.scaling, &device.device)?;
    Ok((model, evaluated))
}
