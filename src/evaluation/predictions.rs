//! A model's predictions for images: the probabilities of the classes, and a classifier of new images.

use burn::tensor::{Device, ExecutionError, Tensor};
use serde::Serialize;
use thiserror::Error;

use crate::{data::ImageBatcher, data::prepare::Look, model::Mlp};

/// The number of images in one forward pass without gradients. It affects the speed only.
pub const EVALUATION_BATCH: usize = 500;

#[derive(Debug, Error)]
pub enum EvaluationError {
    #[error("the device failed while evaluating: {0}")]
    Device(String),
    #[error("the model's output is NaN or infinite: its training diverged; use a smaller optimizer.learning_rate")]
    NotFinite,
}

impl From<ExecutionError> for EvaluationError {
    fn from(error: ExecutionError) -> Self {
        Self::Device(error.to_string())
    }
}

/// One image's probabilities, one for each class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Probabilities(pub Vec<f64>);

impl Probabilities {
    pub fn of(logarithms: &[f64]) -> Self {
        Self(logarithms.iter().map(|logarithm| logarithm.exp()).collect())
    }

    /// The classes, the most probable one first, and equals in class order.
    pub fn ranked(&self) -> Vec<usize> {
        let mut classes: Vec<usize> = (0..self.0.len()).collect();
        classes.sort_by(|&a, &b| self.0[b].total_cmp(&self.0[a]));
        classes
    }

    /// The most probable class, and the first one of equals.
    pub fn best(&self) -> usize {
        largest(&self.0)
    }
}

/// The class with the largest logit or probability, and the first one of equals.
pub fn largest<T: PartialOrd>(scores: &[T]) -> usize {
    (0..scores.len()).reduce(|best, class| if scores[class] > scores[best] { class } else { best }).unwrap_or(0)
}

/// The log-probabilities of scaled `images`, `[batch, pixels]`. An error if the device fails, or a logit is NaN or infinite.
pub fn classify(model: &Mlp, images: Tensor<2>) -> Result<Vec<Vec<f64>>, EvaluationError> {
    let logits = model.forward(images);
    let [_, classes] = logits.dims();
    let logits: Vec<f64> = logits.try_into_data()?.iter::<f64>().collect();
    if logits.iter().any(|logit| !logit.is_finite()) {
        return Err(EvaluationError::NotFinite);
    }
    Ok(logits.chunks(classes).map(log_softmax).collect())
}

/// `z - log Σ exp(z)`, for logits of any size.
fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let normalizer = largest + logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln();
    logits.iter().map(|logit| logit - normalizer).collect()
}

/// A trained network, and the scaling of the pixels that it was trained with.
#[derive(Debug, Clone)]
pub struct Network {
    pub model: Mlp,
    pub batcher: ImageBatcher,
}

/// A trained network, or an ensemble of several, with image size and class names of its run's `record.json`.
#[derive(Debug)]
pub struct Classifier {
    /// One, or the members of an ensemble.
    pub networks: Vec<Network>,
    /// The SHA-256 of its file, or of an ensemble's list of them.
    pub sha256: String,
    pub device: Device,
    /// The `[height, width]` of its images.
    pub size: [usize; 2],
    pub look: Look,
    pub names: Vec<String>,
}

impl Classifier {
    /// The probabilities of each image's classes. The images are as [`prepare`](crate::data::prepare) makes them.
    pub fn classify(&self, images: &[&[u8]]) -> Result<Vec<Probabilities>, EvaluationError> {
        Ok(averages(&self.answers(images)?).iter().map(|logarithms| Probabilities::of(logarithms)).collect())
    }

    /// The logarithms of the probabilities that each network gives for each of the images.
    pub fn answers(&self, images: &[&[u8]]) -> Result<Vec<Vec<Vec<f64>>>, EvaluationError> {
        let answers = |Network { model, batcher }: &Network| {
            let scaled = |batch: &[&[u8]]| batcher.images(batch.iter().copied(), &self.device);
            let answers = images.chunks(EVALUATION_BATCH).map(|batch| classify(model, scaled(batch)));
            Ok(answers.collect::<Result<Vec<_>, _>>()?.concat())
        };
        self.networks.iter().map(answers).collect()
    }
}

/// The logarithms of the mean probabilities of each image, from those of each network; of one network, its own.
pub fn averages(answers: &[impl AsRef<[Vec<f64>]>]) -> Vec<Vec<f64>> {
    let images = answers.first().map_or(0, |network| network.as_ref().len());
    let average = |image: usize, class: usize| {
        let logarithms = answers.iter().map(|network| network.as_ref()[image][class]);
        let largest = logarithms.clone().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logarithms.map(|logarithm| (logarithm - largest).exp()).sum();
        largest + (sum / answers.len() as f64).ln()
    };
    let of_image = |image: usize| (0..answers[0].as_ref()[image].len()).map(|class| average(image, class)).collect();
    (0..images).map(of_image).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_survives_large_logits_and_sums_to_one() {
        let Probabilities(values) = Probabilities::of(&log_softmax(&[1000.0, 999.0, -1000.0]));
        assert!((values.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((values[0] / values[1] - std::f64::consts::E).abs() < 1e-9);
    }

    #[test]
    fn average_of_networks_is_that_of_their_probabilities_and_exact_for_one() {
        let [first, second] = [[0.9, 0.1], [0.3, 0.7]].map(|it: [f64; 2]| vec![it.map(f64::ln).to_vec()]);
        let Probabilities(mean) = Probabilities::of(&averages(&[&first, &second])[0]);
        assert!((mean[0] - 0.6).abs() < 1e-12 && (mean[1] - 0.4).abs() < 1e-12, "{mean:?}");
        assert_eq!(averages(&[&first]), first);
        // Where no network is within the range of numbers, the larger logarithm decides.
        let tiny = averages(&[&[vec![-2000.0, 0.0]], &[vec![-3000.0, 0.0]]]);
        assert!((tiny[0][0] + 2000.0 + 2f64.ln()).abs() < 1e-9, "{tiny:?}");
    }

    #[test]
    fn loss_is_right_for_logits_of_any_size() {
        assert_eq!(log_softmax(&[0.0, 5000.0]), [-5000.0, 0.0]);
        assert!((log_softmax(&[0.0, 0.0])[0] + 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn prediction_among_equals_is_the_first_class() {
        assert_eq!(Probabilities(vec![0.4, 0.4, 0.2]).best(), 0);
        assert_eq!(Probabilities(vec![0.2, 0.4, 0.4]).ranked(), [1, 2, 0]);
    }
}
