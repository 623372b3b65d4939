//! Training: builds Burn's `Learner` from an experiment, and runs it.
//!
//! [`train`] is the entry point. A `Session` has its three stages: prepare, launch, conclude.
//!
//! - A [`TrainingModel`] is a network and, if asked for, the exponential moving average of its weights. "Raw"
//!   metrics are those of the network itself. Everything that changes over time reads one [`Position`].
//! - `step` has the gradients of the `loss` of a batch, on a CPU in `closed_form`. A teacher's answers come from `distillation`.
//! - `optimizer`, `adam` and `sgd` turn gradients into new weights, at the learning rate of the `schedule`.
//! - The `History` keeps the means of the `metrics` over each epoch, knows the best epoch, and decides when to stop.
//! - With `[privacy]`, `privacy` adds noise to the gradients, of which `low_pass` keeps the low frequencies. Its `accountant`
//!   knows what they reveal.
//! - `memory` refuses a training that does not fit. A `checkpoint_writer` saves models and checkpoints.

mod accountant;
mod adam;
mod checkpoint_writer;
mod closed_form;
mod distillation;
mod error;
mod history;
mod loss;
mod low_pass;
mod memory;
mod metrics;
mod model;
mod optimizer;
mod privacy;
mod schedule;
mod session;
mod sgd;
mod step;

pub use adam::Adam;
pub(crate) use distillation::Distillation;
pub(crate) use error::TrainingError;
pub(crate) use history::History;
pub use loss::{UnlabelledLoss, class_weights, cross_entropy};
pub use memory::check_memory;
pub use metrics::Mean;
pub use model::TrainingModel;
pub use optimizer::optimizer;
pub(crate) use privacy::PrivacyPlan;
pub use schedule::{LrSchedule, Position};
pub use session::Trained;
pub(crate) use session::{Display, Session};
pub use sgd::Sgd;

use crate::config::{Experiment, Gradients};
use crate::data::TrainingData;
use crate::device::Opened;
use crate::model::Mlp;
use crate::run::{Record, RunFolder};

/// Checks that the `devices` can compute gradients as `experiment` says.
pub fn check_gradients(experiment: &Experiment, devices: &[Opened]) -> Result<(), TrainingError> {
    let key = match experiment.training.gradients {
        _ if experiment.privacy.is_on() => "[privacy]",
        Gradients::ClosedForm => "training.gradients = \"closed-form\"",
        _ => return Ok(()),
    };
    let refused = devices.iter().find(|device| !device.shares_memory());
    refused.map_or(Ok(()), |device| Err(TrainingError::ClosedForm { key, device: device.name.clone() }))
}

/// Trains `network`, which is on the first of the `devices` with autodiff, as `experiment` says. It saves models,
/// checkpoints and metrics in `run`, and continues from the checkpoint there, if there is one. Fails if the loss diverges, the
/// training is interrupted, the device fails, or a file can't be read or written.
pub fn train(
    experiment: &Experiment,
    network: Mlp,
    data: &TrainingData,
    devices: &[Opened],
    run: &RunFolder,
    record: Record,
    display: &dyn Display,
) -> Result<Trained, TrainingError> {
    let teacher = Distillation::load(experiment, data, &devices[0])?;
    Session::prepare(experiment, network, data, devices, run)?.with_teacher(teacher).train(record, display)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device;

    #[test]
    fn closed_form_is_refused_on_a_device_with_its_own_memory() {
        let opened = device::list().into_iter().flat_map(|listed| listed.adapters).find(Opened::shares_memory).unwrap();
        let gpu = Opened { name: "cuda:1".into(), ..opened.clone() };
        let mut experiment = Experiment::default();
        experiment.training.gradients = Gradients::ClosedForm;
        assert!(check_gradients(&experiment, std::slice::from_ref(&opened)).is_ok());
        let message = check_gradients(&experiment, &[opened, gpu.clone()]).unwrap_err().to_string();
        assert!(message.contains("which cuda:1 does not use; remove the key"), "{message}");
        experiment.training.gradients = Gradients::Auto;
        assert!(check_gradients(&experiment, std::slice::from_ref(&gpu)).is_ok());
        experiment.privacy.epsilon = Some(3.0);
        let message = check_gradients(&experiment, &[gpu]).unwrap_err().to_string();
        assert!(message.contains("[privacy] computes in this program's memory"), "{message}");
    }
}
