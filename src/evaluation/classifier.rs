//! A trained network, ready to classify images.

use burn::tensor::Device;

use super::error::EvaluationError;
use super::predictions::{Probabilities, classify};
use crate::data::ImageBatcher;
use crate::data::prepare::Look;
use crate::model::Mlp;

/// A trained network on a device, with the pixel scaling, image size and class names of its run's `record.json`.
#[derive(Debug)]
pub struct Classifier {
    model: Mlp,
    batcher: ImageBatcher,
    size: [usize; 2],
    look: Look,
    names: Vec<String>,
    device: Device,
}

impl Classifier {
    /// A classifier of images of `size`, `[height, width]`, whose pixels `batcher` scales, into classes with these
    /// `names`. The training images had this `look`. `model` is on `device`.
    pub fn new(
        model: Mlp,
        batcher: ImageBatcher,
        size: [usize; 2],
        look: Look,
        names: Vec<String>,
        device: Device,
    ) -> Self {
        Self { model, batcher, size, look, names, device }
    }

    /// The `[height, width]` of its images.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// What its images look like.
    pub fn look(&self) -> &Look {
        &self.look
    }

    /// The names of its classes, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The probabilities of each image's classes. The images are as [`prepare`](crate::data::prepare) makes them.
    pub fn classify(&self, images: &[&[u8]]) -> Result<Vec<Probabilities>, EvaluationError> {
        if images.is_empty() {
            return Ok(vec![]);
        }
        let logits = classify(&self.model, self.batcher.images(images.iter().copied(), &self.device))?;
        Ok(logits.iter().map(|logits| logits.probabilities()).collect())
    }
}
