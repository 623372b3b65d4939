//! Training: Burn's `Learner`, put together from an experiment.
//!
//! - `trainee` is what is trained: a network, and the `average` of its weights, if asked for.
//! - `step` is what happens to one batch: logits, loss, gradients.
//! - `optimizer` and `adam` turn gradients into new weights, at the rate that `schedule` has for the update.
//! - `journal` (fed through `totals`) has each epoch's figures, the best one, and when to stop; `raw` figures are those of
//!   the weights themselves where the model is their average.
//! - `checkpoint` saves the models, `progress` shows what is going on.

mod adam;
mod average;
mod checkpoint;
mod journal;
mod optimizer;
mod progress;
mod raw;
mod schedule;
mod step;
mod totals;
mod trainee;

use std::sync::Arc;

use burn::module::Module;
use burn::train::metric::{AccuracyMetric, LossMetric};
use burn::train::{ExecutionStrategy, Learner, SupervisedTraining};
use thiserror::Error;

pub use adam::KerasAdam;
pub use journal::Journal;
pub use optimizer::optimizer;
pub use schedule::Rates;
pub use step::cross_entropy;
pub use trainee::Trainee;

use crate::config::{BatchSize, Experiment};
use crate::data::{Loader, TrainingData};
use crate::device::Opened;
use crate::evaluation::EVALUATION_BATCH;
use crate::model::Mlp;
use crate::run::{RunError, RunFolder};

use checkpoint::{ModelKeeper, NotKept};
use progress::Progress;
use raw::Raw;
use totals::EpochTotals;

/// Why a training broke off.
#[derive(Debug, Error)]
pub enum TrainingError {
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
    let accumulation = experiment.training.gradient_accumulation;
    let training = loader(&data.split.training, batch_size).shuffled(experiment.seed).accumulated(accumulation);
    let validation = loader(&data.split.validation, EVALUATION_BATCH);
    let updates_per_epoch = images.div_ceil(batch_size).div_ceil(accumulation);
    let rate = experiment.optimizer.learning_rate;
    let rates = Rates::new(&experiment.schedule, rate, updates_per_epoch, experiment.training.epochs);
    let trainee = Trainee::new(model, &experiment.training);

    let journal = Journal::new(experiment.stop.clone(), images, held_out);
    let keeper = ModelKeeper::new(run.clone(), journal.clone(), trainee.valid());
    let failure = keeper.failure();

    let mut supervised = SupervisedTraining::new(run.path(), Arc::new(training), Arc::new(validation))
        .metrics((LossMetric::new(), AccuracyMetric::new()));
    if experiment.training.ema.is_some() {
        supervised =
            supervised.metric_valid_numeric(Raw(LossMetric::new())).metric_valid_numeric(Raw(AccuracyMetric::new()));
    }
    let result = supervised
        .with_metric_logger(EpochTotals::default())
        .with_checkpointing_strategy(journal.clone())
        .with_custom_checkpointers(keeper, NotKept, NotKept)
        .early_stopping(journal.clone())
        .renderer(Box::new(Progress::new()))
        // Burn's own log would take over the program's panic messages.
        .with_application_logger(None)
        .with_training_strategy(ExecutionStrategy::single(device.device.clone().autodiff()).into())
        .num_epochs(experiment.training.epochs)
        .grads_accumulation(accumulation)
        .launch(Learner::new(trainee, optimizer(&experiment.optimizer), rates));

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
