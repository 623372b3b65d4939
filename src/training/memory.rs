//! The memory that a training needs, computed before anything is made: a config can ask for more than any machine has.

use std::fs;

use sysinfo::System;

use super::error::TrainingError;
use crate::config::{Experiment, OptimizerKind};
use crate::data::{EpochPlan, TrainingData};
use crate::evaluation::EVALUATION_BATCH;
use crate::model::Mlp;

const BYTES: u64 = size_of::<f32>() as u64;

/// Refuses a training on the CPU that needs more memory than this program can have.
pub fn check_memory(experiment: &Experiment, data: &TrainingData) -> Result<(), TrainingError> {
    free().map_or(Ok(()), |free| check(experiment, data, free))
}

/// The least that is in memory at once: the weights with all that has their shape, and a batch in every layer.
fn check(experiment: &Experiment, data: &TrainingData, free: u64) -> Result<(), TrainingError> {
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
fn free() -> Option<u64> {
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

    /// What is said of an experiment with ten images of two pixels and three classes, if so many bytes are free.
    fn refusal(change: impl Fn(&mut Experiment), free: u64) -> Option<String> {
        let mut experiment = Experiment::default();
        (experiment.model.hidden, experiment.training.batch_size) = (vec![1000, 1000], BatchSize::Images(4));
        change(&mut experiment);
        let images = Arc::new(Images::new(vec![0; 20], vec![0; 10], [1, 2], 3));
        let split = Split { training: (0..10).collect(), ..Split::default() };
        let data = TrainingData { images, split, scaling: Scaling::UNIT };
        check(&experiment.resolved(), &data, free).err().map(|error| error.to_string())
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
