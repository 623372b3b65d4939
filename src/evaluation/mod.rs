//! Evaluates a trained network against the true classes. A `Classifier` uses it on new images, `membership` attacks it.

mod membership;
mod predictions;
mod results;

pub(crate) use membership::{Attack, confidence};
pub use predictions::classify;
pub(crate) use predictions::{Classifier, EvaluationError, Network, Probabilities, averages, largest};
pub use results::Evaluation;

use crate::data::Images;

/// The number of images in one forward pass without gradients. It affects the speed only.
pub const EVALUATION_BATCH: usize = 500;

/// The result of an evaluation: the metrics, and the images and predictions that they are computed from.
#[derive(Debug, Clone)]
pub(crate) struct EvaluationOutput {
    pub evaluation: Evaluation,
    pub images: Images,
    /// The model's prediction for each image, in order.
    pub predictions: Vec<Probabilities>,
    /// The logarithms of the predictions of each network: of the members of an ensemble.
    pub members: Vec<Vec<Vec<f64>>>,
}

/// Classifies `images`, and computes the metrics. Fails as [`classify`] does.
pub(crate) fn evaluate(classifier: &Classifier, images: Images) -> Result<EvaluationOutput, EvaluationError> {
    let mut members = vec![vec![]; classifier.networks.len()];
    let mut confusion = vec![vec![0; images.classes()]; images.classes()];
    let (mut loss, mut predictions) = (0.0, Vec::with_capacity(images.len()));
    for first in (0..images.len()).step_by(EVALUATION_BATCH) {
        let batch = (first..images.len()).take(EVALUATION_BATCH).map(|index| images.pixels(index));
        let answers = classifier.answers(batch)?;
        for logarithms in averages(&answers) {
            let truth = usize::from(images.labels()[predictions.len()]);
            let probabilities = Probabilities::of(&logarithms);
            confusion[truth][probabilities.best()] += 1;
            // The cross-entropy.
            loss -= logarithms[truth];
            predictions.push(probabilities);
        }
        members.iter_mut().zip(answers).for_each(|(member, answers)| member.extend(answers));
    }
    let evaluation = Evaluation::new(confusion, images.names(), loss / images.len().max(1) as f64);
    Ok(EvaluationOutput { evaluation, images, predictions, members })
}
