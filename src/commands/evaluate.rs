//! `mnist-burn evaluate`: a trained network's figures on the test set, once more.

use super::{open_device, print_evaluation, print_json};
use crate::Error;
use crate::cli::Evaluate;
use crate::data;
use crate::device::Opened;
use crate::evaluation::{Evaluated, evaluate};
use crate::model::Mlp;
use crate::notice::notice;
use crate::record::Record;
use crate::run::RunFolder;

/// Prints the evaluation of a run's best model.
pub fn run(arguments: &Evaluate) -> Result<(), Error> {
    let run = RunFolder::open(&arguments.run);
    let record = run.record()?;
    let device = open_device(arguments.device.as_ref().unwrap_or(&record.device))?;
    let (_, Evaluated { evaluation, .. }) = evaluate_run(&run, &record, &device)?;
    if arguments.json { print_json(&evaluation) } else { print_evaluation(&evaluation, "") }
}

/// A run's best model, and its errors on the test images.
pub fn evaluate_run(run: &RunFolder, record: &Record, device: &Opened) -> Result<(Mlp, Evaluated), Error> {
    let experiment = run.experiment()?;
    let model = run.model(&experiment, record, device)?;
    let files = data::locate(&experiment.data)?;
    if *files.checksums() != record.data.sha256 {
        notice("warning: the data files are not those that this run was trained and tested with");
    }
    let test = files.test([record.data.height, record.data.width], record.data.classes)?;
    let evaluated = evaluate(&model, test, record.data.scaling, &device.device)?;
    Ok((model, evaluated))
}
