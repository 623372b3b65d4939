//! In what portions the images of an epoch are learned from.

use crate::config::{BatchSize, Experiment};
use crate::data::Split;

/// What an epoch goes through. It is one pass: through the unlabelled images where there is a weight for them, or else
/// through the labelled ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portions {
    /// Labelled images in a batch.
    pub batch_size: usize,
    /// Unlabelled images beside them.
    pub beside: usize,
    /// Batches in an epoch.
    pub batches: usize,
    /// Labelled images in an epoch, each counted as often as it comes.
    pub images: usize,
    /// Unlabelled images in an epoch, each of which comes once.
    pub unlabelled: usize,
}

impl Portions {
    /// Those of `experiment`, with the images of `split`.
    pub fn new(experiment: &Experiment, split: &Split) -> Self {
        let images = split.training.len();
        let batch_size = match experiment.training.batch_size {
            BatchSize::Images(size) => size.min(images),
            BatchSize::All => images,
        };
        let consistency = experiment.consistency.clone().resolved();
        let Some((weight, ratio)) = consistency.weight.zip(consistency.ratio) else {
            return Self { batch_size, beside: 0, batches: images.div_ceil(batch_size), images, unlabelled: 0 };
        };
        let (unlabelled, beside) = (split.unlabelled.len(), ratio * batch_size);
        let batches = unlabelled.div_ceil(beside);
        let labelled = Self { batch_size, beside: 0, batches, images: batches * batch_size, unlabelled: 0 };
        if weight > 0.0 { Self { beside, unlabelled, ..labelled } } else { labelled }
    }

    /// Updates in an epoch, of `accumulation` batches each.
    pub fn updates(&self, accumulation: usize) -> usize {
        self.batches.div_ceil(accumulation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Consistency, Training};

    /// The portions of 100 labelled and 950 unlabelled images.
    fn portions(batch_size: BatchSize, weight: Option<f64>) -> Portions {
        let split = Split { training: (0..100).collect(), unlabelled: (100..1050).collect(), validation: vec![] };
        let experiment = Experiment {
            training: Training { batch_size, ..Training::default() },
            consistency: Consistency { weight, ratio: weight.map(|_| 3), ..Consistency::default() },
            ..Experiment::default()
        };
        Portions::new(&experiment, &split)
    }

    #[test]
    fn an_epoch_is_a_pass_through_the_labelled_images_where_the_others_are_not_used() {
        let expected = Portions { batch_size: 32, beside: 0, batches: 4, images: 100, unlabelled: 0 };
        assert_eq!(portions(BatchSize::Images(32), None), expected);
        assert_eq!(expected.updates(3), 2);
    }

    #[test]
    fn it_is_a_pass_through_the_unlabelled_ones_where_they_are_and_as_long_with_a_weight_of_zero() {
        let expected = Portions { batch_size: 32, beside: 96, batches: 10, images: 320, unlabelled: 950 };
        assert_eq!(portions(BatchSize::Images(32), Some(0.5)), expected);
        let without = Portions { beside: 0, unlabelled: 0, ..expected };
        assert_eq!(portions(BatchSize::Images(32), Some(0.0)), without);
    }

    #[test]
    fn a_batch_has_an_image_once_at_most_if_it_may_have_more_than_there_are() {
        let expected = Portions { batch_size: 100, beside: 300, batches: 4, images: 400, unlabelled: 950 };
        assert_eq!(portions(BatchSize::All, Some(1.0)), expected);
        assert_eq!(portions(BatchSize::Images(1_000_000_000), Some(1.0)), expected);
    }
}
