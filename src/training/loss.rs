//! The loss of a step: in tensors, and by its derivatives for `closed_form`. A validation step uses cross-entropy only.
//!
//! From unlabelled images, a network learns to make the same prediction for an image and its augmented forms. With q the
//! teacher's prediction for the plain image u, and p the network's for the same image augmented:
//!
//! ```text
//! loss = λ · mean over u of [max q(u) ≥ τ] · -log p(augmented u)[argmax q(u)]
//! ```
//!
//! The loss of FixMatch: Sohn and others 2020, <https://arxiv.org/abs/2001.07685>. λ and τ are `semi_supervised.weight` and
//! `threshold`. The teacher is the exponential moving average of the weights, as in Mean Teacher (Tarvainen and Valpola 2017,
//! <https://arxiv.org/abs/1703.01780>), without gradients, dropout and noise. It normalises with its running statistics.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Int, Tensor};
use burn::train::ClassificationOutput;

use super::distillation::Distillation;
use super::error::TrainingError;
use crate::config::{ClassWeights, Experiment, SemiSupervised};
use crate::model::passes::{softmax_in_place, sum_of_rows};
use crate::{data::TrainingData, evaluation::largest};

/// The loss of a training; by default, that of validation.
#[derive(Debug, Clone, Default)]
pub struct Loss {
    pub label_smoothing: f64,
    /// The factor of the loss of a labelled image of each class, if they are not all 1.
    pub class_weights: Option<Vec<f32>>,
    pub unlabelled: Option<UnlabelledLoss>,
    pub distillation: Option<Distillation>,
}

impl Loss {
    /// The output of labelled images with the loss of each, from logits `[batch, classes]` and targets `[batch]`.
    pub fn labelled(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> ClassificationOutput {
        let mut losses = cross_entropy(logits.clone(), targets.clone(), self.label_smoothing);
        if let Some(weights) = &self.class_weights {
            losses = losses * Tensor::<1>::from_floats(weights.as_slice(), &logits.device()).select(0, targets.clone());
        }
        ClassificationOutput::new(losses, logits, targets)
    }
}

/// The `training.class_weights` of `data`, if they are set. Refused if there is not one for each class.
pub fn class_weights(experiment: &Experiment, data: &TrainingData) -> Result<Option<Vec<f32>>, TrainingError> {
    let (images, mut counts) = (&data.split.training, vec![0_usize; data.images.classes()]);
    images.iter().for_each(|&image| counts[usize::from(data.images.labels()[image])] += 1);
    let present = counts.iter().filter(|&&count| count > 0).count();
    // No image has the weight of a class without images.
    let balanced = |&count: &usize| images.len() as f32 / (present * count.max(1)) as f32;
    match &experiment.training.class_weights {
        None => Ok(None),
        Some(ClassWeights::Balanced) => Ok(Some(counts.iter().map(balanced).collect())),
        Some(ClassWeights::Each(all)) if all.len() == counts.len() => Ok(Some(all.iter().map(|&w| w as f32).collect())),
        Some(ClassWeights::Each(all)) => Err(TrainingError::ClassWeights { weights: all.len(), classes: counts.len() }),
    }
}

/// The loss of unlabelled images.
#[derive(Debug, Clone)]
pub struct UnlabelledLoss {
    weight: f64,
    threshold: f64,
    align: bool,
}

impl UnlabelledLoss {
    /// The loss that `config` asks for, if its weight is greater than 0.
    pub fn new(config: &SemiSupervised) -> Option<Self> {
        let config = config.clone().resolved();
        let (weight, threshold) = config.weight.zip(config.threshold)?;
        (weight > 0.0).then_some(Self { weight, threshold, align: config.distribution_alignment == Some(true) })
    }

    /// The loss, `[1]`, from the teacher's logits of plain images and the network's of augmented ones: `[images, classes]`.
    pub fn of(&self, teacher: Tensor<2>, logits: Tensor<2>) -> Tensor<1> {
        let [images, _] = teacher.dims();
        let mut answers = softmax(teacher, 1);
        if self.align {
            let shares = answers.clone() / answers.sum_dim(0).add_scalar(f32::MIN_POSITIVE);
            answers = shares.clone() / shares.sum_dim(1);
        }
        let (confidence, class) = answers.max_dim_with_indices(1);
        let counted = confidence.reshape([images]).greater_equal_elem(self.threshold).float();
        (cross_entropy(logits, class.reshape([images]), 0.0) * counted).mean().mul_scalar(self.weight)
    }

    /// Overwrites logits, `[images, classes]`: the network's with gradients times `factor`, the teacher's with its answers.
    pub fn derive(&self, teacher: &mut [f32], logits: &mut [f32], classes: usize, factor: f64) {
        let factor = (factor * self.weight * classes as f64 / logits.len() as f64) as f32;
        teacher.chunks_exact_mut(classes).map(softmax_in_place).for_each(drop);
        let sums = if self.align { sum_of_rows(teacher, classes) } else { vec![1.0; classes] };
        for (teacher, logits) in teacher.chunks_exact_mut(classes).zip(logits.chunks_exact_mut(classes)) {
            teacher.iter_mut().zip(&sums).for_each(|(p, sum)| *p /= sum + f32::MIN_POSITIVE);
            let (class, whole) = (largest(teacher), if self.align { teacher.iter().sum() } else { 1.0 });
            if teacher[class] >= self.threshold as f32 * whole {
                softmax_loss(logits, class, 0.0, factor);
            } else {
                logits.fill(0.0);
            }
        }
    }
}

/// The cross-entropy of one image, see [`cross_entropy`]. Overwrites its logits with their gradients, times `factor`: with
/// p = softmax(z), `p - (1 - smoothing)·[c = target] - smoothing/classes`.
pub fn softmax_loss(logits: &mut [f32], target: usize, smoothing: f32, factor: f32) -> f32 {
    let classes = logits.len() as f32;
    let mean = logits.iter().sum::<f32>() / classes;
    let expected = (1.0 - smoothing) * logits[target] + smoothing * mean;
    let normalizer = softmax_in_place(logits);
    logits.iter_mut().for_each(|p| *p = factor * (*p - smoothing / classes));
    logits[target] -= factor * (1.0 - smoothing);
    normalizer - expected
}

/// The cross-entropy of each image, `-log softmax(z)[target]`, `[batch]`, from logits `[batch, classes]` and targets `[batch]`.
/// Keras' sparse categorical cross-entropy, not Burn's mean over the batch: an epoch's mean weights a smaller last batch right.
///
/// The fraction `smoothing` of each target, in [0, 1), is spread evenly over all classes: Keras' and PyTorch's
/// `label_smoothing`, from Szegedy and others 2016, <https://arxiv.org/abs/1512.00567>.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>, smoothing: f64) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let log_probabilities = log_softmax(logits, 1);
    let target = log_probabilities.clone().gather(1, targets.reshape([batch, 1])).reshape([batch]).neg();
    if smoothing == 0.0 {
        return target;
    }
    let uniform = log_probabilities.mean_dim(1).reshape([batch]).neg();
    target.mul_scalar(1.0 - smoothing) + uniform.mul_scalar(smoothing)
}
