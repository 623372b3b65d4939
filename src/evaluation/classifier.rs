//! A trained network, ready to classify images.

use burn::tensor::Device;

use super::error::EvaluationError;
use super::predictions::{Probabilities, classify};
use crate::data::ImageBatcher;
use crate::data::prepare::Look;
use crate::model::Mlp;

/// A trained network, with the pixel scaling, image size and class names of its run's `record.json`.
#[derive(Debug)]
pub struct Classifier {
    pub model: Mlp,
    /// The device of the model.
    pub device: Device,
    /// The scaling of its images' pixels.
    pub batcher: ImageBatcher,
    /// The `[height, width]` of its images.
    pub size: [usize; 2],
    /// What its images look like.
    pub look: Look,
    /// The names of its classes, in order.
    pub names: Vec<String>,
}

impl Classifier {
    /// The probabilities of each image's classes. The images are as [`prepare`](crate::data::prepare) makes them.
    pub fn classify(&self, images: &[&[u8]]) -> Result<Vec<Probabilities>, EvaluationError> {
        if images.is_empty() {
            return Ok(vec![]);
        }
        let logits = classify(&self.model, self.batcher.images(images.iter().copied(), &self.device))?;
        Ok(logits.iter().map(|logits| logits.probabilities()).collect())
    }
}
