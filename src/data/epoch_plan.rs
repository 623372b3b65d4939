//! How an epoch is divided into batches.

use super::training::Split;
use crate::config::{BatchSize, Experiment};

/// The batches of an epoch: one pass through the unlabelled images with `semi_supervised.weight`, else the labelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EpochPlan {
    /// Labelled images in a batch.
    pub batch_size: usize,
    /// Unlabelled images in a batch.
    pub unlabelled_per_batch: usize,
    /// Batches in an epoch. The last one has the images that are left, which may be more or fewer than in the others.
    pub batches: usize,
    /// Labelled images in an epoch, repeats included.
    pub images: usize,
    /// Unlabelled images in an epoch, each once.
    pub unlabelled: usize,
}

impl EpochPlan {
    /// One pass through the labelled images in batches of `batch_size`.
    pub fn one_pass(images: usize, batch_size: usize) -> Self {
        Self { batch_size, batches: images.div_ceil(batch_size), images, ..Self::default() }
    }

    /// The plan of a training.
    pub fn new(experiment: &Experiment, split: &Split) -> Self {
        let images = split.training.len();
        let batch_size = match experiment.training.batch_size {
            BatchSize::Images(size) => size.min(images),
            BatchSize::All => images,
        };
        let semi_supervised = experiment.semi_supervised.clone().resolved();
        let Some((weight, ratio)) = semi_supervised.weight.zip(semi_supervised.ratio) else {
            // Batch normalisation learns nothing from one image, whose variance is 0, and would keep this variance.
            let joins = experiment.model.batch_norm && images > batch_size && images % batch_size == 1;
            let plan = Self::one_pass(images, batch_size);
            return Self { batches: plan.batches - usize::from(joins), ..plan };
        };
        let (unlabelled, unlabelled_per_batch) = (split.unlabelled.len(), ratio * batch_size);
        let batches = unlabelled.div_ceil(unlabelled_per_batch);
        let labelled = Self::one_pass(batches * batch_size, batch_size);
        if weight > 0.0 { Self { unlabelled_per_batch, unlabelled, ..labelled } } else { labelled }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SemiSupervised, Training};

    /// The plan for 100 labelled and 950 unlabelled images.
    fn plan(batch_size: BatchSize, weight: Option<f64>) -> EpochPlan {
        let split = Split { training: (0..100).collect(), unlabelled: (100..1050).collect(), validation: vec![] };
        let experiment = Experiment {
            training: Training { batch_size, ..Training::default() },
            semi_supervised: SemiSupervised { weight, ratio: weight.map(|_| 3), ..SemiSupervised::default() },
            ..Experiment::default()
        };
        EpochPlan::new(&experiment, &split)
    }

    #[test]
    fn epoch_passes_through_the_labelled_images_if_the_others_are_not_used() {
        let expected = EpochPlan { batch_size: 32, unlabelled_per_batch: 0, batches: 4, images: 100, unlabelled: 0 };
        assert_eq!(plan(BatchSize::Images(32), None), expected);
    }

    #[test]
    fn last_batch_of_one_image_joins_the_one_before_with_batch_normalisation() {
        let batches = |batch_norm, size| {
            let mut experiment = Experiment::default();
            experiment.model.batch_norm = batch_norm;
            experiment.training.batch_size = BatchSize::Images(size);
            EpochPlan::new(&experiment, &Split { training: (0..100).collect(), ..Split::default() }).batches
        };
        assert_eq!([batches(true, 33), batches(true, 32), batches(true, 99), batches(true, 100)], [3, 4, 1, 1]);
        assert_eq!(batches(false, 33), 4);
    }

    #[test]
    fn epoch_passes_through_the_unlabelled_images_and_is_as_long_with_a_weight_of_zero() {
        let expected =
            EpochPlan { batch_size: 32, unlabelled_per_batch: 96, batches: 10, images: 320, unlabelled: 950 };
        assert_eq!(plan(BatchSize::Images(32), Some(0.5)), expected);
        let without = EpochPlan { unlabelled_per_batch: 0, unlabelled: 0, ..expected };
        assert_eq!(plan(BatchSize::Images(32), Some(0.0)), without);
    }

    #[test]
    fn batch_larger_than_the_data_has_each_image_once() {
        let expected =
            EpochPlan { batch_size: 100, unlabelled_per_batch: 300, batches: 4, images: 400, unlabelled: 950 };
        assert_eq!(plan(BatchSize::All, Some(1.0)), expected);
        assert_eq!(plan(BatchSize::Images(1_000_000_000), Some(1.0)), expected);
    }
}
