//! `mnist-burn train --dry-run`: one batch through everything, without a file.

use super::prepared::Prepared;
use super::print::print;
use crate::Error;
use crate::cli::{Display, Ui, signals};
use crate::config::Experiment;
use crate::evaluation::EVALUATION_BATCH;
use crate::model::weights;
use crate::run::{RunError, RunFolder};
use crate::training::{self, EpochPlan};

/// Runs one batch per device end to end, without a file. The test images are not used.
pub fn dry_run(mut experiment: Experiment, ui: Ui) -> Result<(), Error> {
    const INTERRUPTED: &str = "interrupted: the dry run is not complete; nothing was saved";
    let _listening = signals::quit_saying(INTERRUPTED);
    let mut prepared = Prepared::new(&experiment, None)?;
    let split = &mut prepared.data.split;
    let EpochPlan { batch_size, unlabelled_per_batch, .. } = EpochPlan::new(&experiment, split);
    let devices = prepared.devices.len();
    split.training.truncate(batch_size * devices);
    // The unlabelled images of these batches, but at least one per device: without any there would be no batch.
    split.unlabelled.truncate(unlabelled_per_batch.max(1) * devices);
    split.validation.truncate(EVALUATION_BATCH);
    experiment.training.epochs = 1;

    let run = RunFolder::in_memory();
    let record = prepared.new_record(&experiment);
    let display = Display::new(ui, experiment.training.epochs).quitting_with(INTERRUPTED);
    let Prepared { network, data, devices: opened, .. } = prepared;
    let trained = training::train(&experiment, network, &data, &opened, &run, record, &display)?;
    let model = run.model(&experiment, &trained.record, &opened[0])?;
    let bytes = weights::to_bytes(&model).map_err(RunError::from)?.len();
    let batches = if devices == 1 { "one batch" } else { "one batch per device" };
    print(&format!(
        "dry run: {batches} went through training, validation, saving and loading; {} parameters, {bytes} bytes per \
         model; nothing was saved",
        trained.record.parameters
    ))
}
