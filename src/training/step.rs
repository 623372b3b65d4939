//! One step, as Burn's `Learner` asks for it: the loss of a batch, its gradients, and the update they lead to.

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{GradientsParams, ModuleOptimizer, MultiGradientsParams};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};
use burn::train::{ClassificationOutput, InferenceStep, TrainOutput, TrainStep};

use super::raw::Validated;
use super::trainee::Trainee;
use crate::data::Batch;
use crate::model::Mlp;

impl TrainStep for Trainee {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        batch.images.device().seed(batch.seed);
        let share = batch.share;
        let output = classify(&self.model, batch, self.smoothing);
        // Gradients are summed over the batches of an update: each one's counts as many images have it.
        let loss = output.loss.clone().mean();
        let part = if share == 1.0 { loss } else { loss.mul_scalar(share) };
        TrainOutput::new(&self.model, part.backward(), output)
    }

    fn optimize(self, optimizer: &mut ModuleOptimizer, rate: ModuleLearningRate, gradients: GradientsParams) -> Self {
        self.updated(|model| optimizer.step(rate, model, gradients))
    }

    fn optimize_multi(
        self,
        optimizer: &mut ModuleOptimizer,
        rate: ModuleLearningRate,
        gradients: MultiGradientsParams,
    ) -> Self {
        self.updated(|model| optimizer.step_multi(rate, model, gradients))
    }
}

impl InferenceStep for Trainee {
    type Input = Batch;
    type Output = Validated;

    fn step(&self, batch: Batch) -> Validated {
        // The plain loss: how smooth the targets of the training are says nothing about the model.
        let raw = self.average.as_ref().map(|_| classify(&self.model, batch.clone(), 0.0));
        Validated { kept: classify(self.kept(), batch, 0.0), raw }
    }
}

fn classify(model: &Mlp, batch: Batch, smoothing: f64) -> ClassificationOutput {
    let logits = model.forward(batch.images);
    ClassificationOutput::new(cross_entropy(logits.clone(), batch.targets.clone(), smoothing), logits, batch.targets)
}

/// Cross-entropy of each image, `[batch]`, from logits `[batch, classes]` and targets `[batch]`: `-log softmax(z)[target]`,
/// Keras' sparse categorical cross-entropy.
///
/// With `smoothing`, in [0, 1), that share of each target is spread over all classes alike: Keras' and PyTorch's
/// `label_smoothing`, from Szegedy and others 2016, <https://arxiv.org/abs/1512.00567>.
///
/// One value an image, not Burn's mean over the batch: so an epoch's mean weighs the last, smaller batch rightly.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>, smoothing: f64) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let logarithms = log_softmax(logits, 1);
    let target = logarithms.clone().gather(1, targets.reshape([batch, 1])).reshape([batch]).neg();
    if smoothing == 0.0 {
        return target;
    }
    let any = logarithms.mean_dim(1).reshape([batch]).neg();
    target.mul_scalar(1.0 - smoothing) + any.mul_scalar(smoothing)
}
