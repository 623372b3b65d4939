//! What unlabelled images teach: to answer alike, however an image is distorted.
//!
//! With q the answer of the teacher to an image u as it is, and p that of the network to the same image distorted:
//!
//! ```text
//! loss = λ · mean over u of [max q(u) ≥ τ] · -log p(distorted u)[argmax q(u)]
//! ```
//!
//! It is FixMatch's loss (Sohn and others 2020, <https://arxiv.org/abs/2001.07685>), λ `consistency.weight` and τ
//! `consistency.threshold`. The teacher is not the network of the moment, but the average of its weights, as Mean Teacher has
//! it (Tarvainen and Valpola 2017, <https://arxiv.org/abs/1703.01780>). It has no gradients, no dropout, no noise, and
//! normalises with its running statistics.

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use super::step::cross_entropy;
use crate::config;

/// The loss of unlabelled images.
#[derive(Debug, Clone)]
pub struct Consistency {
    weight: f64,
    threshold: f64,
}

impl Consistency {
    /// As `config` says, if it has a weight for them.
    pub fn new(config: &config::Consistency) -> Option<Self> {
        let config = config.clone().resolved();
        let (weight, threshold) = config.weight.zip(config.threshold)?;
        (weight > 0.0).then_some(Self { weight, threshold })
    }

    /// The loss, `[1]`, from the teacher's logits of the images as they are and the network's of the same images distorted,
    /// both `[images, classes]`. It is a constant of the teacher's.
    pub fn loss(&self, teacher: Tensor<2>, logits: Tensor<2>) -> Tensor<1> {
        let [images, _] = teacher.dims();
        let (certainty, answer) = softmax(teacher, 1).max_dim_with_indices(1);
        let counts = certainty.reshape([images]).greater_equal_elem(self.threshold).float();
        (cross_entropy(logits, answer.reshape([images]), 0.0) * counts).mean().mul_scalar(self.weight)
    }
}
