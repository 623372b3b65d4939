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

use burn::module::Module;
use burn::train::metric::{AccuracyMetric, LossMetric};
use burn::train::{ExecutionStrategy, Learner, SupervisedTraining};
use thiserror::Error;

pub use adam::KerasAdam;
pub use journal::Journal;
pub use optimizer::{optimizer, schedule};
pub use step::cross_entropy;

use crate::config::{BatchSize, Experiment};
use crate::data::{Loader, TrainingData};
use crate::device::Opened;
use crate::evaluation::EVALUATION_BATCH;
use crate::model::Mlp;
use crate::run::{RunError, RunFolder};

use checkpoint::{ModelKeeper, NotKept};
use progress::Progress;
use totals::EpochTotals;

/// Why a training broke off.
#[derive(Debug, Error)]
pub enum TrainingError {
    /// Burn refuses the schedule.
    #[error("schedule.kind does not go with optimizer.learning_rate: {0}")]
    Schedule(String),
    /// The device failed.
    #[error("the training stopped: {0}")]
    Stopped(String),
    /// An epoch's model or figures could not be kept.
    #[error("the training stopped, as what it has learned can't be kept")]
    Unkept(#[source] RunError),
    /// The loss is infinite or no number.
    #[error(
        "the training diverged in epoch {epoch}: the loss is no number any more; take a smaller \
         optimizer.learning_rate than {rate}. The best model of the epochs before is kept"
    )]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// `optimizer.learning_rate`.
        rate: f64,
    },
    /// The training ended before its first epoch did.
    #[error("the training ended without a whole epoch")]
    NoEpoch,
}

/// Trains `model`, which is on an autodiff device, as `experiment` says, and leaves models and metrics in `run`. Returns
/// what happened.
///
/// # Errors
/// If the loss diverges, the device fails or a file can't be written.
pub fn train(
    experiment: &Experiment,
    model: Mlp,
    data: &TrainingData,
    device: &Opened,
    run: &RunFolder,
) -> Result<Journal, TrainingError> {
    let (images, held_out) = (data.split.training.len(), data.split.validation.len());
    let batch_size = match experiment.training.batch_size {
        BatchSize::Images(images) => images,
        BatchSize::All => images,
    };
    let loader = |indices: &[usize], batch_size| {
        Loader::new(&data.images, indices.to_vec(), data.batcher(), batch_size, device.device.clone())
    };
    let training = loader(&data.split.training, batch_size).shuffled(experiment.seed);
    let validation = loader(&data.split.validation, EVALUATION_BATCH);
    let steps = images.div_ceil(batch_size) * experiment.training.epochs;
    let rate = experiment.optimizer.learning_rate;
    let rates = schedule(&experiment.schedule, rate, steps)?;

    let journal = Journal::new(experiment.stop.clone(), images, held_out);
    let mut keeper = ModelKeeper::new(run.clone(), journal.clone(), model.valid());
    if experiment.training.tensorboard {
        keeper = keeper.with_tensorboard(jiff::Timestamp::now().as_duration().as_secs_f64());
    }
    let failure = keeper.failure();

    let result = SupervisedTraining::new(run.path(), Arc::new(training), Arc::new(validation))
        .metrics((LossMetric::new(), AccuracyMetric::new()))
        .with_metric_logger(EpochTotals::default())
        .with_checkpointing_strategy(journal.clone())
        .with_custom_checkpointers(keeper, NotKept, NotKept)
        .early_stopping(journal.clone())
        .renderer(Box::new(Progress::new()))
        // Burn's own log would take over the program's panic messages.
        .with_application_logger(None)
        .with_training_strategy(ExecutionStrategy::single(device.device.clone().autodiff()).into())
        .num_epochs(experiment.training.epochs)
        .launch(Learner::new(model, optimizer(&experiment.optimizer), rates));

    if let Some(failure) = failure.take() {
        return Err(TrainingError::Unkept(failure));
    }
    if let Some(error) = result.error {
        return Err(TrainingError::Stopped(error.to_string()));
    }
    match journal.diverged() {
        Some(epoch) => Err(TrainingError::Diverged { epoch, rate }),
        None if journal.best().is_none() => Err(TrainingError::NoEpoch),
        None => Ok(journal),
    }
}
