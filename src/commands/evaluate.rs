//! `mnist-burn evaluate`: a trained network's figures on the test set, once more.

use super::{open_device, print};
use crate::Error;
use crate::cli::Evaluate;
use crate::data::{self, ImageBatcher, Loader};
use crate::evaluation::{EVALUATION_BATCH, evaluate};
use crate::notice::notice;
use crate::run::RunFolder;

/// Prints the evaluation of a run's best model.
pub fn run(arguments: &Evaluate) -> Result<(), Error> {
    let run = RunFolder::open(&arguments.run);
    let (record, experiment) = (run.record()?, run.experiment()?);
    let device = open_device(arguments.device.as_ref().unwrap_or(&record.device))?;
    let model = run.model(&experiment, &record, &device)?;
    let files = data::locate(&experiment.data)?;
    if files.checksums != record.data.sha256 {
        notice("warning: the data files are not those that this run was trained and tested with");
    }
    let test = files.test([record.data.height, record.data.width], record.data.classes)?;
    let test = Loader::all(test, ImageBatcher::new(record.data.scaling), EVALUATION_BATCH, device.device.clone());
    let evaluation = evaluate(&model, &test, record.data.classes)?;
    if arguments.json {
        print(&serde_json::to_string_pretty(&evaluation).map_err(std::io::Error::from)?)
    } else {
        print(&evaluation.to_string())
    }
}
