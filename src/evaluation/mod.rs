//! Evaluates a trained network against the true classes. A `Classifier` uses it on new images, `membership` attacks it.

mod membership;
mod predictions;
mod results;

pub(crate) use membership::{Attack, confidence};
pub use predictions::classify;
pub(crate) use predictions::{Classifier, EvaluationError, Probabilities, largest};
pub use results::Evaluation;

use crate::data::Images;

/// The number of images in one forward pass without gradients. It affects the speed only.
pub const EVALUATION_BATCH: usize = 500;

/// The result of an evaluation: the metrics, and the images and predictions that they are computed from.
#[derive(Debug, Clone)]
pub struct EvaluationOutput {
    /// The metrics.
    pub evaluation: Evaluation,
    /// The images.
    pub images: Images,
    /// The model's prediction for each image, in order.
    pub predictions: Vec<Probabilities>,
}

/// Classifies `images`, and computes the metrics. Fails as [`classify`] does.
pub(crate) fn evaluate(classifier: &Classifier, images: Images) -> Result<EvaluationOutput, EvaluationError> {
    let Classifier { model, batcher, device, .. } = classifier;
    let mut confusion = vec![vec![0; images.classes()]; images.classes()];
    let (mut loss, mut predictions) = (0.0, Vec::with_capacity(images.len()));
    for first in (0..images.len()).step_by(EVALUATION_BATCH) {
        let batch = (first..images.len()).take(EVALUATION_BATCH).map(|index| images.pixels(index));
        for logarithms in classify(model, batcher.images(batch, device))? {
            let truth = usize::from(images.labels()[predictions.len()]);
            let probabilities = Probabilities::of(&logarithms);
            confusion[truth][probabilities.best()] += 1;
            // The cross-entropy.
            loss -= logarithms[truth];
            predictions.push(probabilities);
        }
    }
    let evaluation = Evaluation::new(confusion, images.names(), loss / images.len().max(1) as f64);
    Ok(EvaluationOutput { evaluation, images, predictions })
}
