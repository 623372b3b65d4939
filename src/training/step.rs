//! One step, as Burn's `Learner` asks for it: the loss of a batch, its gradients, and the update they lead to.

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer, MultiGradientsParams};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};
use burn::train::{ClassificationOutput, InferenceStep, TrainOutput, TrainStep};

use super::raw::Validated;
use super::trainee::Trainee;
use crate::data::{Batch, Unlabelled};
use crate::model::Mlp;

impl TrainStep for Trainee {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        batch.images.device().seed(batch.seed);
        let share = batch.share;
        let (output, loss) = self.losses(batch);
        // Gradients are summed over the batches of an update: each one's counts as many images have it.
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
        let raw = self.average.as_ref().map(|_| classify(&self.model, batch.clone()));
        Validated { kept: classify(self.kept(), batch), raw }
    }
}

impl Trainee {
    /// What comes of the labelled images of a batch, and the loss of all of them, `[1]`.
    fn losses(&self, batch: Batch) -> (ClassificationOutput, Tensor<1>) {
        let (Some(consistency), Some(Unlabelled { plain, distorted })) = (&self.consistency, batch.unlabelled) else {
            let output = classified(self.model.forward(batch.images), batch.targets, self.smoothing);
            let loss = output.loss.clone().mean();
            return (output, loss);
        };
        let ([labelled, _], [unlabelled, _]) = (batch.images.dims(), distorted.dims());
        // All at once: batch normalisation is to see them as one kind of images.
        let logits = self.model.forward(Tensor::cat(vec![batch.images, distorted], 0));
        let output = classified(logits.clone().narrow(0, 0, labelled), batch.targets, self.smoothing);
        let teacher = Tensor::from_inner(self.kept().valid().forward(plain.without_autodiff()));
        let loss = output.loss.clone().mean() + consistency.loss(teacher, logits.narrow(0, labelled, unlabelled));
        (output, loss)
    }
}

fn classify(model: &Mlp, batch: Batch) -> ClassificationOutput {
    classified(model.forward(batch.images), batch.targets, 0.0)
}

fn classified(logits: Tensor<2>, targets: Tensor<1, Int>, smoothing: f64) -> ClassificationOutput {
    ClassificationOutput::new(cross_entropy(logits.clone(), targets.clone(), smoothing), logits, targets)
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
