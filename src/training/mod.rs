//! Training: builds Burn's `Learner` from an experiment, and runs it.
//!
//! [`train`] is the entry point. A [`Session`] has its three stages: prepare, launch, conclude.
//!
//! - A [`TrainingModel`] is a network and, if asked for, the exponential moving average (`ema`) of its weights.
//!   `freezing` freezes some of its layers. Everything that changes over time reads one `position`.
//! - An [`EpochPlan`] divides an epoch into batches. `step` computes the gradients of a batch from the `loss`.
//! - `optimizer`, `adam` and `sgd` turn gradients into new weights, at the learning rate of the `schedule`. `portable`
//!   restores their state on any machine, and `optimizer_state` checks it before.
//! - `metrics` are read from the device and averaged over the epoch (`epoch_means`). The [`History`] keeps them, knows
//!   the best epoch, and decides when to stop early. `raw` metrics are those of the network itself, without the moving
//!   average.
//! - [`check_memory`] refuses a training that does not fit into memory.
//! - A `checkpoint_writer` saves models and checkpoints. A `divergence` guard stops a training whose loss is NaN or
//!   infinite.

mod adam;
mod checkpoint_writer;
mod display;
mod divergence;
mod ema;
mod epoch_means;
mod epoch_plan;
mod error;
mod freezing;
mod history;
mod loss;
mod memory;
mod metrics;
mod model;
mod optimizer;
mod optimizer_state;
mod portable;
mod position;
mod raw;
mod schedule;
mod session;
mod sgd;
mod step;

pub use adam::Adam;
pub use display::Display;
pub use epoch_plan::EpochPlan;
pub use error::TrainingError;
pub use history::History;
pub use loss::{UnlabelledLoss, cross_entropy};
pub use memory::check_memory;
pub use model::TrainingModel;
pub use optimizer::optimizer;
pub use position::Position;
pub use schedule::LrSchedule;
pub use session::{Session, Trained};
pub use sgd::Sgd;

use crate::config::Experiment;
use crate::data::TrainingData;
use crate::device::Opened;
use crate::model::Mlp;
use crate::run::{Record, RunFolder};

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
    Session::prepare(experiment, network, data, devices, run)?.train(record, display)
}
