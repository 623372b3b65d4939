//! Training: Burn's `Learner`, put together from an experiment.
//!
//! - `trainee` is what is trained: a network, and the `average` of its weights, if asked for; `freezing` keeps some of its
//!   layers as they are.
//! - `portions` are the batches of an epoch; `step` is what happens to one: logits, loss, gradients, `consistency` being the
//!   loss of images without labels.
//! - `optimizer`, `adam` and `sgd` turn gradients into new weights, at the rate that `schedule` has for the update; they
//!   change the weights in place, and `portable` lets their state be restored anywhere.
//! - `figures` are read from the device; `journal` (fed through `totals`) has those of each epoch, the best one, and when to
//!   stop; `raw` figures are those of the weights themselves where the model is their average.
//! - `keeper` saves models and checkpoints; `progress` shows what is going on, or `dashboard`, as `ui` has it.
//! - the user's signals, through [`interrupt`], and `watch`, where a loss is no number, stop it; `error` has the words for
//!   that.

mod adam;
mod average;
mod consistency;
#[cfg(feature = "tui")]
mod dashboard;
mod error;
mod figures;
mod freezing;
mod journal;
mod keeper;
mod optimizer;
mod portable;
mod portions;
mod progress;
mod raw;
mod schedule;
mod sgd;
mod step;
mod totals;
mod trainee;
mod ui;
mod watch;

use std::sync::Arc;

use burn::train::{ExecutionStrategy, Interrupter, Learner, MultiDeviceOptim, SupervisedTraining};

pub use adam::{Adam, Form};
pub use consistency::Consistency;
pub use error::TrainingError;
pub use journal::Journal;
pub use optimizer::optimizer;
pub use portions::Portions;
pub use progress::Progress;
pub use schedule::Rates;
pub use sgd::Sgd;
pub use step::cross_entropy;
pub use trainee::Trainee;
pub use ui::{Ui, UiError};

use crate::checkpoint::Checkpoint;
use crate::config::Experiment;
use crate::data::{Distortion, Loader, TrainingData};
use crate::device::Opened;
use crate::evaluation::EVALUATION_BATCH;
use crate::interrupt;
use crate::model::Mlp;
use crate::notice::notice;
use crate::record::{Record, Seconds};
#[cfg(feature = "remote")]
use crate::remote;
use crate::run::{RunError, RunFolder};

use figures::Figure;
use keeper::{Keeper, Start};
use raw::Raw;
use totals::EpochTotals;
use ui::Screen;
use watch::{Divergence, Watch};

/// How many batches' losses are read at once where a device has to be waited for.
const TOGETHER: usize = 64;

/// What came of a training.
pub struct Trained {
    /// Its epochs.
    pub journal: Journal,
    /// The record, with the checksums of the models.
    pub record: Record,
    /// What it took, with all interruptions.
    pub seconds: Seconds,
}

/// Trains `model`, which is as it starts and on the first of the `devices` with autodiff, as `experiment` says, and leaves
/// models, checkpoints and metrics in `run`. Where there is a checkpoint already, the training goes on from it. `ui`, which
/// has been checked, shows it meanwhile.
///
/// # Errors
/// If the loss diverges, a signal or the device stops it, or a file can't be read or written.
pub fn train(
    experiment: &Experiment,
    model: Mlp,
    data: &TrainingData,
    devices: &[Opened],
    run: &RunFolder,
    mut record: Record,
    ui: Ui,
) -> Result<Trained, TrainingError> {
    let portions = Portions::new(experiment, &data.split);
    // An update has so many batches of each device.
    let accumulation = experiment.training.gradient_accumulation;
    let batches_per_update = accumulation * devices.len();
    let updates = portions.updates(batches_per_update);

    let (mut trainee, mut epochs, mut before) = (Trainee::new(model, &experiment.training), vec![], None);
    trainee = trainee.consistent(&experiment.consistency).freezing(&experiment.init, updates);
    if let Some(checkpoint) = run.checkpoint()? {
        let path = run.path().join(Checkpoint::FILE);
        trainee = trainee.restored(&checkpoint, &path).map_err(RunError::from)?;
        (epochs, before) = (checkpoint.epochs, Some((checkpoint.optimizer, checkpoint.seconds)));
    }
    let done = epochs.len();
    let trainee = trainee.starting_at(done * updates);

    let interrupter = Interrupter::new();
    let watch = Watch::new(interrupter.clone());
    let held_out = data.split.validation.len();
    let journal = Journal::new(experiment.stop.clone(), portions.images, held_out, epochs, watch.clone());
    if done >= experiment.training.epochs || journal.stop_reason().is_some() {
        let seconds = before.map(|(_, seconds)| seconds).unwrap_or_default();
        return Ok(Trained { journal, record, seconds });
    }

    let (training, validation) = loaders(experiment, data, portions, devices, done);
    let rate = experiment.optimizer.learning_rate;
    let rates = Rates::new(&experiment.schedule, rate, updates, experiment.training.epochs).starting_at(done * updates);
    let scheduler = rates.clone().with_layers(&experiment.optimizer.layers);
    let start = Start {
        trainee: trainee.clone(),
        rates: scheduler.clone(),
        checkpoint: before,
        batches: portions.batches,
        tensorboard: experiment.training.tensorboard,
    };
    let keeper = Keeper::new(run.clone(), record, journal.clone(), watch.clone(), start);

    let screen = Screen::new(ui, &journal, experiment.training.epochs);
    let (stop, shown) = (interrupter.clone(), screen.clone());
    let listening = interrupt::listen(move || {
        shown.close();
        notice("stopping after this step; once more leaves at once");
        stop.stop(None);
    });
    #[cfg(feature = "remote")]
    let leaving = {
        let shown = screen.clone();
        remote::before_leaving(move || shown.close())
    };
    let together = if is_all_here(devices) { 1 } else { TOGETHER };
    let mut supervised = SupervisedTraining::new(run.path(), Arc::new(training), Arc::new(validation))
        .metrics((Figure::loss(together), Figure::accuracy(together)));
    if experiment.training.ema.is_some() {
        supervised = supervised
            .metric_valid_numeric(Raw(Figure::loss(together)))
            .metric_valid_numeric(Raw(Figure::accuracy(together)));
    }
    if done > 0 {
        supervised = supervised.checkpoint(done);
    }
    let renderer = screen.open(&interrupter);
    let result = supervised
        .with_metric_logger(EpochTotals::new(watch.clone()))
        .with_checkpointing_strategy(journal.clone())
        .with_custom_checkpointers(keeper.clone(), keeper.clone(), keeper.clone())
        .with_interrupter(interrupter)
        .early_stopping(journal.clone())
        .renderer(renderer)
        // Burn's own log would take over the program's panic messages.
        .with_application_logger(None)
        .with_training_strategy(strategy(devices).into())
        .num_epochs(experiment.training.epochs)
        .grads_accumulation(accumulation)
        .launch(Learner::new(trainee, optimizer(&experiment.optimizer), scheduler));
    screen.close();
    drop(listening);
    #[cfg(feature = "remote")]
    drop(leaving);

    let (kept, seconds, failure) = keeper.finish();
    record = kept;
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    if let Some(Divergence { epoch, batch }) = watch.divergence() {
        let rate = rates.at((epoch - 1) * updates + (batch - 1) / batches_per_update);
        let error = TrainingError::Diverged { epoch, batch, rate };
        record.failure = Some(error.to_string());
        run.write_record(&record)?;
        return Err(error);
    }
    if let Some(error) = result.error {
        return Err(TrainingError::Stopped(error.to_string()));
    }
    let epochs = journal.epochs().len();
    let is_over = epochs == experiment.training.epochs || journal.stop_reason().is_some();
    if result.interrupted.is_some() && !is_over {
        return Err(TrainingError::Interrupted { epoch: epochs + 1, run: run.path().into() });
    }
    Ok(Trained { journal, record, seconds })
}

/// Whether nothing has to be sent to a device, nor waited for.
fn is_all_here(devices: &[Opened]) -> bool {
    devices.iter().all(Opened::shares_memory)
}

/// Where the steps are computed, and with several devices, how their gradients come together: Burn adds them up on the first
/// one. Its other way, `ddp`, all-reduces them, which Burn 0.22 has for CUDA alone; there, each device waits in every step for
/// all others, for ever if one has a batch fewer, as at the end of most epochs, or has seen Ctrl-C first.
fn strategy(devices: &[Opened]) -> ExecutionStrategy {
    let autodiff = |opened: &Opened| opened.device.clone().autodiff();
    match devices {
        [device] => ExecutionStrategy::single(autodiff(device)),
        _ => ExecutionStrategy::multi(devices.iter().map(autodiff).collect(), MultiDeviceOptim::OptimMainDevice),
    }
}

/// The batches of an epoch's training and of its validation, after `done` epochs.
fn loaders(
    experiment: &Experiment,
    data: &TrainingData,
    portions: Portions,
    devices: &[Opened],
    done: usize,
) -> (Loader, Loader) {
    let loader = |indices: &[usize], batch_size| {
        Loader::new(&data.images, indices.to_vec(), data.batcher(), batch_size, devices[0].device.clone())
            .with_threads(experiment.data.loader_threads)
            .resident(!is_all_here(devices))
            .after(done)
    };
    let unlabelled = data.split.unlabelled[..portions.unlabelled].to_vec();
    let training = loader(&data.split.training, portions.batch_size)
        .lasting(portions.images)
        .beside(unlabelled, portions.beside)
        .shuffled(experiment.seed)
        .distorted(Distortion::new(&experiment.data.distort, experiment.seed, data.images.size()))
        .accumulated(experiment.training.gradient_accumulation)
        .shared_by(devices.len());
    (training, loader(&data.split.validation, EVALUATION_BATCH))
}
