//! One step: the loss of a batch and its gradients, as Burn's `Learner` asks for them.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};
use burn::train::{ClassificationOutput, InferenceStep, TrainOutput, TrainStep};

use crate::data::Batch;
use crate::model::Mlp;

impl TrainStep for Mlp {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        batch.images.device().seed(batch.seed);
        let output = classify(self, batch);
        let gradients = output.loss.clone().mean().backward();
        TrainOutput::new(self, gradients, output)
    }
}

impl InferenceStep for Mlp {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> ClassificationOutput {
        classify(self, batch)
    }
}

fn classify(model: &Mlp, batch: Batch) -> ClassificationOutput {
    let logits = model.forward(batch.images);
    ClassificationOutput::new(cross_entropy(logits.clone(), batch.targets.clone()), logits, batch.targets)
}

/// Cross-entropy of each image, `[batch]`, from logits `[batch, classes]` and targets `[batch]`: `-log softmax(z)[target]`,
/// Keras' sparse categorical cross-entropy.
///
/// One value an image, not Burn's mean over the batch: so an epoch's mean weighs the last, smaller batch rightly.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let [batch, _] = logits.dims();
    log_softmax(logits, 1).gather(1, targets.reshape([batch, 1])).reshape([batch]).neg()
}
