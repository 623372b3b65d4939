//! Evaluates a trained network against the true classes. A `Classifier` uses the network on new images. `membership` attacks
//! it.

mod membership;
mod predictions;
mod results;

use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::tensor::Device;

pub(crate) use membership::{Attack, confidence};
pub use predictions::classify;
pub(crate) use predictions::{Classifier, EvaluationError, Probabilities, largest};
pub use results::Evaluation;

use crate::data::{ImageBatcher, Images, Loader, Scaling};
use crate::model::Mlp;

/// The number of images in one forward pass without gradients. It affects the speed only.
pub const EVALUATION_BATCH: usize = 500;

/// The result of an evaluation: the metrics, and the images and predictions that they are computed from.
#[derive(Debug, Clone)]
pub struct EvaluationOutput {
    /// The metrics.
    pub evaluation: Evaluation,
    /// The images.
    pub images: Arc<Images>,
    /// The model's prediction for each image, in order.
    pub predictions: Vec<Probabilities>,
}

/// Classifies `images`, scaled by `scaling`, on `device`, and computes the metrics. Fails as [`classify`] does.
pub(crate) fn evaluate(
    model: &Mlp,
    images: Images,
    scaling: Scaling,
    device: &Device,
) -> Result<EvaluationOutput, EvaluationError> {
    let classes = images.classes();
    let images = Arc::new(images);
    let indices = (0..images.len()).collect();
    let loader = Loader::new(&images, indices, ImageBatcher::new(scaling), EVALUATION_BATCH, device.clone());
    let mut confusion = vec![vec![0; classes]; classes];
    let (mut loss, mut predictions) = (0.0, Vec::with_capacity(images.len()));
    for batch in loader.iter() {
        let batch = batch.map_err(|error| EvaluationError::Device(error.to_string()))?;
        for logarithms in classify(model, batch.images())? {
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
