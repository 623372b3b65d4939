//! Learning from the answers of a trained network, the teacher, or of an ensemble of them.
//!
//! An image's loss is, with p = softmax(z / T) for the network's logits z, and q the mean of the same over the teachers,
//!
//! ```text
//! (1 - w) · its loss by its label  +  w·T² · Σ q (log q - log p)
//! ```
//!
//! Hinton, Vinyals and Dean 2015, <https://arxiv.org/abs/1503.02531>. w and T are `distillation.weight` and `temperature`.
//! T² keeps the gradients of both parts equally large. The teacher sees the same augmented image, without dropout and noise.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn::tensor::activation::{log_softmax, softmax};

use super::error::TrainingError;
use crate::data::{BatchImages, ImageBatcher, TrainingData};
use crate::evaluation::{Classifier, Network};
use crate::run::{Member, RunFolder};
use crate::{config::Experiment, device::Opened, model::passes::softmax_in_place};

#[derive(Debug, Clone)]
pub struct Distillation {
    pub(super) teacher: Arc<Classifier>,
    pub source: Member,
    /// How the pixels of the training are scaled.
    pub(super) scaling: ImageBatcher,
    pub(super) temperature: f64,
    pub weight: f64,
}

impl Distillation {
    /// The teacher of `experiment`, if it has one. Refused if it can't be loaded, or its images or classes are not `data`'s.
    pub fn load(experiment: &Experiment, data: &TrainingData, device: &Opened) -> Result<Option<Self>, TrainingError> {
        let config = experiment.distillation.clone().resolved();
        let Some(((path, temperature), weight)) = config.teacher.zip(config.temperature).zip(config.weight) else {
            return Ok(None);
        };
        let run = RunFolder::at(&path);
        let teacher = Arc::new(run.classifier(&run.record()?, device)?);
        if teacher.size != data.images.size() || teacher.names != data.images.names() {
            return Err(TrainingError::OtherTeacher { teacher: path });
        }
        let source = Member { run: path, sha256: teacher.sha256.clone() };
        Ok(Some(Self { teacher, source, scaling: ImageBatcher::new(data.scaling), temperature, weight }))
    }

    /// Floating-point operations of the teacher's answer for an image.
    pub fn operations(&self) -> u64 {
        let layers = self.teacher.networks.iter().flat_map(|network| network.model.layers());
        2 * layers.map(|layer| layer.weight.shape().num_elements()).sum::<usize>() as u64
    }

    /// q of each of the `images`, `[images, classes]`, on the teacher's device.
    pub fn targets(&self, images: &BatchImages) -> Tensor<2> {
        let device = &self.teacher.device;
        let answer = |Network { model, batcher }: &Network| {
            let images = match images {
                BatchImages::Bytes { bytes, area, .. } => batcher.images(bytes.chunks_exact(*area), device),
                BatchImages::Scaled(images) => {
                    // Both scalings are linear in the byte.
                    let [own, other] = [&self.scaling, batcher].map(|it| [it.values[0], it.values[255]]);
                    let factor = (other[1] - other[0]) / (own[1] - own[0]);
                    ((images.clone() - own[0]) * factor + other[0]).without_autodiff().to_device(device)
                }
            };
            softmax(model.forward(images) / self.temperature, 1)
        };
        let sum = self.teacher.networks.iter().map(answer).reduce(|sum, own| sum + own);
        sum.expect("a classifier has a network") / self.teacher.networks.len() as f64
    }

    /// The teacher's part of each image's loss, `[batch]`, from the network's logits and q, both `[batch, classes]`.
    pub fn losses(&self, logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
        let [batch, _] = logits.dims();
        let factor = -self.weight * self.temperature * self.temperature;
        let logarithms = targets.clone().clamp_min(f32::MIN_POSITIVE).log();
        let differences = log_softmax(logits / self.temperature, 1) - logarithms;
        (differences * targets).sum_dim(1).reshape([batch]) * factor
    }

    /// The teacher's part of an image's loss. Overwrites the `logits`, `[classes]`, with its gradients, `factor · w·T·(p - q)`.
    pub fn derive(&self, logits: &mut [f32], targets: &[f32], factor: f32) -> f32 {
        let (temperature, weight) = (self.temperature as f32, self.weight as f32);
        logits.iter_mut().for_each(|z| *z /= temperature);
        let expected: f32 = logits.iter().zip(targets).map(|(z, q)| q * (z - q.max(f32::MIN_POSITIVE).ln())).sum();
        let normalizer = softmax_in_place(logits);
        logits.iter_mut().zip(targets).for_each(|(p, q)| *p = factor * weight * temperature * (*p - q));
        weight * temperature * temperature * (normalizer - expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::prepare::Look;

    fn distillation() -> Distillation {
        let (device, names) = (Default::default(), vec!["a".into(), "b".into(), "c".into()]);
        let teacher =
            Classifier { networks: vec![], sha256: String::new(), device, size: [1, 1], look: Look::MNIST, names };
        let source = Member { run: "teacher".into(), sha256: String::new() };
        let scaling = ImageBatcher::new(crate::data::Scaling::UNIT);
        Distillation { teacher: Arc::new(teacher), source, scaling, temperature: 4.0, weight: 0.25 }
    }

    /// `w·T² · Σ q (log q - log softmax(z / T))`, in double precision.
    fn loss(z: &[f64; 3], q: &[f32; 3]) -> f64 {
        let normalizer = z.iter().map(|z| (z / 4.0).exp()).sum::<f64>().ln();
        -0.25
            * 16.0
            * z.iter().zip(q).map(|(z, &q)| f64::from(q) * (z / 4.0 - normalizer - f64::from(q).ln())).sum::<f64>()
    }

    #[test]
    fn teachers_part_of_the_loss_and_its_gradients_are_those_of_the_formula() {
        let (z, q) = ([2.0, -1.0, 0.5], [0.7_f32, 0.1, 0.2]);
        let mut gradients = z.map(|z| z as f32);
        let found = distillation().derive(&mut gradients, &q, 2.0);
        assert!((f64::from(found) - loss(&z, &q)).abs() < 1e-5, "{found}");
        for (class, gradient) in gradients.into_iter().enumerate() {
            let moved = |step: f64| {
                let mut moved = z;
                moved[class] += step;
                loss(&moved, &q)
            };
            let slope = (moved(1e-4) - moved(-1e-4)) / 2e-4;
            assert!((f64::from(gradient) - 2.0 * slope).abs() < 1e-5, "{gradient} {slope}");
        }
    }

    #[test]
    fn student_that_answers_as_its_teacher_has_no_gradient() {
        let mut gradients = [1.0, 2.0, 3.0];
        let mut q = gradients.map(|z| z / 4.0);
        softmax_in_place(&mut q);
        assert!(distillation().derive(&mut gradients, &q, 1.0).abs() < 1e-5);
        assert!(gradients.iter().all(|gradient| gradient.abs() < 1e-6), "{gradients:?}");
    }
}
