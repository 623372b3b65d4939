//! Training: Burn's `Learner`, put together from an experiment.
//!
//! - `step` is what happens to one batch: logits, loss, gradients.
//! - `optimizer` and `adam` turn gradients into new weights.
//! - `journal` (fed through `totals`) has each epoch's figures, the best one, and when to stop.
//! - `checkpoint` saves the models, `progress` shows what is going on.

mod adam;
mod checkpoint;
mod journal;
mod optimizer;
mod progress;
mod step;
mod totals;

use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::train::metric::{AccuracyMetric, LossMetric};
use burn::train::{ExecutionStrategy, Learner, SupervisedTraining};
use thiserror::Error;

pub use adam::KerasAdam;
pub use journal::{Epoch, Journal};
pub use optimizer::{optimizer, schedule};
pub use step::cross_entropy;

use crate::config::{BatchSize, Experiment};
use crate::data::{Loader, TrainingData};
use crate::device::Opened;
use crate::model::Mlp;
use crate::run::RunFolder;

use checkpoint::{ModelKeeper, NotKept};
use progress::Progress;
use totals::EpochTotals;

/// Images in one forward pass where no gradients are kept; it changes the speed and nothing else.
pub const EVALUATION_BATCH: usize = 500;

/// Why a training broke off.
#[derive(Debug, Error)]
pub enum TrainingError {
    /// Burn refuses the schedule.
    #[error("schedule.kind does not go with optimizer.learning_rate: {0}")]
    Schedule(String),
    /// The device, or the saving of a model, failed.
    #[error("the training stopped: {0}")]
    Stopped(String),
    /// The training ended before its first epoch did.
    #[error("the training ended without a whole epoch")]
    NoEpoch,
}

/// Trains a fresh network as `experiment` says and leaves models and metrics in `run`. Returns what happened.
///
/// # Errors
/// If the device fails or a file can't be written.
pub fn train(
    experiment: &Experiment,
    data: &TrainingData,
    device: &Opened,
    run: &RunFolder,
) -> Result<Journal, TrainingError> {
    let batch_size = match experiment.training.batch_size {
        BatchSize::Images(images) => images,
        BatchSize::All => data.split.training.len(),
    };
    let autodiff = device.device.clone().autodiff();
    let loader = |indices: &[usize], batch_size| {
        Loader::new(&data.images, indices.to_vec(), data.batcher(), batch_size, device.device.clone())
    };
    let training = loader(&data.split.training, batch_size).shuffled(experiment.seed);
    let validation = loader(&data.split.validation, EVALUATION_BATCH);
    let steps = training.num_items().div_ceil(batch_size) * experiment.training.epochs;
    let rate = schedule(&experiment.schedule, experiment.optimizer.learning_rate, steps)?;

    autodiff.seed(experiment.seed);
    let model = Mlp::new(&experiment.model, &experiment.init, data.inputs(), data.classes(), &autodiff);
    let shape = Mlp::new(&experiment.model, &experiment.init, data.inputs(), data.classes(), &device.device);
    let journal = Journal::new(experiment.stop.clone(), !data.split.validation.is_empty());

    let result = SupervisedTraining::new(run.path(), Arc::new(training), Arc::new(validation))
        .metrics((LossMetric::new(), AccuracyMetric::new()))
        .with_metric_logger(EpochTotals::default())
        .with_checkpointing_strategy(journal.clone())
        .with_custom_checkpointers(ModelKeeper::new(run.clone(), journal.clone(), shape), NotKept, NotKept)
        .early_stopping(journal.clone())
        .renderer(Box::new(Progress::new()))
        // Burn's own log would take over the program's panic messages.
        .with_application_logger(None)
        .with_training_strategy(ExecutionStrategy::single(autodiff).into())
        .num_epochs(experiment.training.epochs)
        .launch(Learner::new(model, optimizer(&experiment.optimizer), rate));

    match result.error {
        Some(error) => Err(TrainingError::Stopped(error.to_string())),
        None if journal.best().is_none() => Err(TrainingError::NoEpoch),
        None => Ok(journal),
    }
}
