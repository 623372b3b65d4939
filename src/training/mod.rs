//! Training: Burn's `Learner`, put together from an experiment.
//!
//! [`train`] is the story, a `session` has its three chapters: prepare, launch, conclude.
//!
//! - A [`TrainingModel`] is what is trained: a network and, if asked for, the exponential moving average (`ema`) of its
//!   weights. `freezing` keeps some of its layers as they are. All that changes over time reads one `position`.
//! - An [`EpochPlan`] divides an epoch into batches. `step` computes the gradients of one, from the `loss`.
//! - `optimizer`, `adam` and `sgd` turn gradients into new weights, at the learning rate of the `schedule`. `portable` restores
//!   their state on any machine.
//! - `metrics` are read from the device and averaged over the epoch (`epoch_means`). The [`History`] keeps them, knows the best
//!   epoch, and decides when to stop early. `raw` metrics are those of the network beside its moving average.
//! - A `checkpoint_writer` saves models and checkpoints. A `divergence` guard stops a training whose loss is NaN or infinite.

mod adam;
mod checkpoint_writer;
mod divergence;
mod ema;
mod epoch_means;
mod epoch_plan;
mod error;
mod freezing;
mod history;
mod loss;
mod metrics;
mod model;
mod optimizer;
mod portable;
mod position;
mod raw;
mod schedule;
mod session;
mod sgd;
mod step;

use burn::train::Interrupter;
use burn::train::renderer::MetricsRenderer;

pub use adam::Adam;
pub use epoch_plan::EpochPlan;
pub use error::TrainingError;
pub use history::History;
pub use loss::{UnlabelledLoss, cross_entropy};
pub use model::TrainingModel;
pub use optimizer::optimizer;
pub use position::Position;
pub use schedule::LrSchedule;
pub use session::Trained;
pub use sgd::Sgd;

use crate::config::Experiment;
use crate::data::TrainingData;
use crate::device::Opened;
use crate::model::Mlp;
use crate::run::{Record, RunFolder};
use session::Session;

/// Shows a training while it runs.
pub trait Display {
    /// Starts to show the training that has this history. `interrupter` stops it after the current step.
    fn open(&self, history: &History, interrupter: &Interrupter) -> Box<dyn MetricsRenderer>;

    /// Stops, and leaves the terminal as it was.
    fn close(&self);
}

/// Trains `network`, which is on the first of the `devices` with autodiff, as `experiment` says. It saves models,
/// checkpoints and metrics in `run`, and continues from the checkpoint there, if there is one.
///
/// # Errors
/// If the loss diverges, the training is interrupted, the device fails, or a file can't be read or written.
pub fn train(
    experiment: &Experiment,
    network: Mlp,
    data: &TrainingData,
    devices: &[Opened],
    run: &RunFolder,
    record: Record,
    display: &dyn Display,
) -> Result<Trained, TrainingError> {
    let session = Session::prepare(experiment, network, data, devices, run, record)?;
    if session.is_over() {
        return Ok(session.finished());
    }
    session.launch(display).conclude()
}
