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
//! - The `strategy` is Burn's training loop, or on a CPU our own. A `checkpoint_writer` saves models and checkpoints.

mod accountant;
mod adam;
mod checkpoint_writer;
mod closed_form;
mod distillation;
mod error;
mod history;
mod loss;
mod low_pass;
mod metrics;
mod model;
mod optimizer;
mod privacy;
mod schedule;
mod session;
mod sgd;
mod step;
mod strategy;

pub use adam::Adam;
pub(crate) use distillation::Distillation;
pub(crate) use error::TrainingError;
pub(crate) use history::History;
pub use loss::{UnlabelledLoss, class_weights, cross_entropy};
pub use metrics::Mean;
pub use model::TrainingModel;
pub use optimizer::optimizer;
pub(crate) use privacy::PrivacyPlan;
pub use schedule::{LrSchedule, Position};
pub use session::Trained;
pub(crate) use session::{Display, Session};
pub use sgd::Sgd;

use std::fs;

use sysinfo::System;

use crate::config::{Experiment, Gradients, OptimizerKind};
use crate::data::{EpochPlan, TrainingData};
use crate::run::{Record, RunFolder};
use crate::{device::Opened, evaluation::EVALUATION_BATCH, model::Mlp};

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

/// Refuses a training on the CPU that needs more memory than is `free`, if that is known: a config can ask for more than any
/// machine has. Counts the least that is in memory at once: the weights with all that has their shape, and a batch in every layer.
pub fn check_memory(experiment: &Experiment, data: &TrainingData, free: Option<u64>) -> Result<(), TrainingError> {
    let Some(free) = free else { return Ok(()) };
    const BYTES: u64 = size_of::<f32>() as u64;
    let Experiment { model, optimizer, training, .. } = experiment;
    let shapes = Mlp::tensors(model, data.images.area(), data.images.classes()).into_values();
    let numbers: u64 = shapes.map(|shape| shape.iter().map(|&side| side as u64).product::<u64>()).sum();
    let state = match optimizer.kind {
        OptimizerKind::Adam | OptimizerKind::Adamw | OptimizerKind::Rmsprop => 2,
        OptimizerKind::Sgd => u64::from(optimizer.momentum.is_some_and(|momentum| momentum > 0.0)),
    };
    // Weights, gradients, the optimiser's state, and the moving average.
    let weights = numbers * BYTES * (2 + state + u64::from(training.ema_decay.is_some()));

    let EpochPlan { batch_size, unlabelled_per_batch, .. } = EpochPlan::new(experiment, &data.split);
    let images = (batch_size + unlabelled_per_batch).max(EVALUATION_BATCH.min(data.split.validation.len())) as u64;
    let batch =
        images * BYTES * (data.images.area() + model.hidden.iter().sum::<usize>() + data.images.classes()) as u64;

    let key = if weights >= batch { "model.hidden" } else { "training.batch_size" };
    if weights + batch > free { Err(TrainingError::Memory { key, weights, batch, free }) } else { Ok(()) }
}

/// The bytes that this program can still have, if the system says so: of the machine, the container or the shell.
pub fn free_memory() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory();
    let machine = Some(system.available_memory()).filter(|&bytes| bytes > 0).map(|bytes| bytes + system.free_swap());
    // The files that the kernel caches count as used, but it would drop them.
    let container = system.cgroup_limits().map(|it| it.total_memory.saturating_sub(it.rss) + it.free_swap);
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let address_space =
        limits.lines().find_map(|line| line.strip_prefix("Max address space")?.split_whitespace().next()?.parse().ok());
    [machine, container, address_space].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::BatchSize;
    use crate::data::{Images, Scaling, Split};
    use crate::device;

    #[test]
    fn closed_form_is_refused_on_a_device_with_its_own_memory() {
        let opened = device::list().into_iter().flat_map(|(_, adapters)| adapters).find(Opened::shares_memory).unwrap();
        let gpu = Opened { name: "cuda:1".into(), ..opened.clone() };
        let mut experiment = Experiment::default();
        experiment.training.gradients = Gradients::ClosedForm;
        assert!(check_gradients(&experiment, std::slice::from_ref(&opened)).is_ok());
        let message = check_gradients(&experiment, &[opened, gpu.clone()]).unwrap_err().to_string();
        assert!(message.contains("which cuda:1 does not use; remove it"), "{message}");
        experiment.training.gradients = Gradients::Auto;
        assert!(check_gradients(&experiment, std::slice::from_ref(&gpu)).is_ok());
        experiment.privacy.epsilon = Some(3.0);
        let message = check_gradients(&experiment, &[gpu]).unwrap_err().to_string();
        assert!(message.contains("[privacy] computes in this program's memory"), "{message}");
    }

    /// What is said of an experiment with ten images of two pixels and three classes, if so many bytes are free.
    fn refusal(change: impl Fn(&mut Experiment), free: u64) -> Option<String> {
        let mut experiment = Experiment::default();
        (experiment.model.hidden, experiment.training.batch_size) = (vec![1000, 1000], BatchSize::Images(4));
        change(&mut experiment);
        let images = Arc::new(Images::new(vec![0; 20], vec![0; 10], [1, 2], 3));
        let split = Split { training: (0..10).collect(), ..Split::default() };
        let data = TrainingData { images, split, scaling: Scaling::UNIT };
        check_memory(&experiment.resolved(), &data, Some(free)).err().map(|error| error.to_string())
    }

    #[test]
    fn training_that_needs_more_memory_than_there_is_is_refused_with_the_key() {
        // 1,007,003 weights, and 4 images of 2,005 numbers.
        let need = 4 * 1_007_003 * 4 + 4 * 2_005 * 4;
        assert_eq!(refusal(|_| {}, need), None);
        assert_eq!(
            refusal(|_| {}, need - 1).unwrap(),
            "model.hidden is too large: the training needs 0.02 GB for weights, gradients and the optimiser's state and \
             0.00 GB for a batch, but 0.02 GB of memory are free"
        );
        assert_eq!(refusal(|it| it.training.ema_decay = Some(0.9), need + 4 * 1_007_003), None);
        assert_eq!(refusal(|it| it.optimizer.kind = OptimizerKind::Sgd, need - 2 * 4 * 1_007_003), None);
        let wide = refusal(|it| (it.model.hidden, it.training.batch_size) = (vec![], BatchSize::All), 300).unwrap();
        assert!(wide.starts_with("training.batch_size is too large: "), "{wide}");
    }

    #[test]
    fn largest_network_of_a_config_does_not_overflow() {
        assert!(refusal(|it| it.model.hidden = vec![65_536; 64], u64::MAX).is_none());
        let refused = refusal(|it| it.model.hidden = vec![65_536; 64], 1 << 40).unwrap();
        assert!(refused.starts_with("model.hidden is too large: the training needs 4329."), "{refused}");
    }
}
