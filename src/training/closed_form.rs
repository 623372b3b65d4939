//! A training step in closed form: loss and gradients by the [`passes`](crate::model::passes) of the network.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn::train::TrainOutput;
use parking_lot::Mutex;

use super::distillation::Distillation;
use super::loss::{Loss, softmax_loss};
use super::metrics::{BatchOutput, Mean};
use super::privacy::GaussianMechanism;
use crate::model::passes::{HostNetwork, Passes};
use crate::{data::Batch, evaluation::largest, model::Mlp};

/// After how many steps autodiff forgets old weights.
const FORGET_INTERVAL: usize = 64;

/// The buffers of one training that no step uses at the moment. Several devices have several steps at a time.
#[derive(Debug, Clone, Default)]
pub struct ClosedForm(Arc<Mutex<Vec<Buffers>>>);

#[derive(Debug, Default)]
struct Buffers {
    passes: Passes,
    /// Those of the unlabelled images.
    teacher: Passes,
    steps: usize,
}

impl ClosedForm {
    /// The gradients and the output of a step; `None` if the network or the images are not in host memory. `teacher` is for
    /// unlabelled images. With `private`, the gradients are private: it has the number of the step, counted from 0.
    pub fn step(
        &self,
        mlp: &Mlp,
        teacher: &Mlp,
        loss: &Loss,
        batch: &Batch,
        private: Option<(&GaussianMechanism, usize)>,
    ) -> Option<TrainOutput<BatchOutput>> {
        let network = HostNetwork::of(mlp)?;
        let mut buffers = self.0.lock().pop().unwrap_or_default();
        let unlabelled = loss.unlabelled.as_ref().zip(batch.unlabelled.as_ref());
        let augmented = unlabelled.map(|(_, images)| &images.augmented);
        // In one pass, so that batch normalisation sees them as one batch.
        let images: Vec<_> = [&batch.images].into_iter().chain(augmented).collect();
        buffers.passes.forward(&network, &images, Some(batch.seed))?;

        let answers = |it: &Distillation| it.targets(&batch.images).to_data().iter::<f32>().collect::<Vec<_>>();
        let taught = loss.distillation.as_ref().map(|it| (it, answers(it)));
        let (classes, targets) = (network.classes(), batch.targets.to_data());
        let count = targets.num_elements();
        let (labelled, unlabelled_logits) = buffers.passes.logits.split_at_mut(count * classes);
        let (mut sum, mut correct) = (0.0, 0_u32);
        // A private step divides by the expected number of images, as the real one is secret.
        let images = if private.is_some() { 1.0 } else { count as f64 };
        let factor = (batch.loss_weight / images) as f32;
        for (image, (logits, target)) in labelled.chunks_exact_mut(classes).zip(targets.iter::<i64>()).enumerate() {
            let target = target as usize;
            correct += u32::from(largest(logits) == target);
            let mut weight = loss.class_weights.as_ref().map_or(1.0, |weights| weights[target]);
            let mut soft_gradients = vec![];
            if let Some((distillation, answers)) = &taught {
                soft_gradients = logits.to_vec();
                let answer = &answers[image * classes..][..classes];
                sum += f64::from(distillation.derive(&mut soft_gradients, answer, factor));
                weight *= 1.0 - distillation.weight as f32;
            }
            sum += f64::from(weight * softmax_loss(logits, target, loss.label_smoothing as f32, factor * weight));
            logits.iter_mut().zip(soft_gradients).for_each(|(gradient, soft)| *gradient += soft);
        }
        if let Some((loss, images)) = unlabelled {
            buffers.teacher.forward(&HostNetwork::of(teacher)?, &[&images.plain], None)?;
            loss.derive(&mut buffers.teacher.logits, unlabelled_logits, classes, images.loss_weight);
        }
        let [loss, accuracy] = [sum, 100.0 * f64::from(correct)].map(|sum| Mean::Number(sum / count as f64));
        if let Some((mechanism, _)) = private {
            let filtered = mechanism.low_pass.map(|filter| filter.squared_norms(&buffers.passes.input));
            buffers.passes.clip(&network, mechanism.plan.total.clip, filtered.as_deref());
        }
        let mut grads = buffers.passes.backward(&network);
        if let Some((mechanism, step)) = private {
            grads = mechanism.gradients(mlp, grads, step);
        }
        buffers.steps += 1;
        if buffers.steps.is_multiple_of(FORGET_INTERVAL) {
            // Burn's autodiff keeps an entry for all weights there ever were, some kilobytes a step, until a backward pass.
            Tensor::<1>::zeros([1], &network.layers.first()?.layer.weight.device()).require_grad().backward();
        }
        self.0.lock().push(buffers);
        Some(TrainOutput { grads, item: BatchOutput { images: count, loss, accuracy, raw: None, earlier: vec![] } })
    }
}

#[cfg(test)]
mod tests;
