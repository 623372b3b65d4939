//! One training step for Burn's `Learner`: the loss of a batch, its gradients, and the update.

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use burn::train::{ClassificationOutput, InferenceStep, TrainOutput, TrainStep};

use super::closed_form::ClosedForm;
use super::loss::Loss;
use super::metrics::BatchOutput;
use super::model::TrainingModel;
use super::optimizer::clip_global_norm;
use crate::{data::Batch, model::Mlp, random::keep_burns_generator};

impl TrainStep for TrainingModel {
    type Input = Batch;
    type Output = BatchOutput;

    fn step(&self, batch: Batch) -> TrainOutput<BatchOutput> {
        let private = self.mechanism.as_ref().map(|mechanism| (mechanism, self.position.update()));
        let step = |it: &ClosedForm| it.step(&self.network, self.eval_model(), &self.loss, &batch, private);
        if let Some(output) = self.closed_form.as_ref().and_then(step) {
            return output;
        }
        assert!(private.is_none(), "private gradients are in closed form: `check_gradients` refuses other devices");
        let (output, loss) = {
            let _kept = keep_burns_generator();
            batch.targets.device().seed(batch.seed);
            self.losses(batch)
        };
        TrainOutput::new(&self.network, loss.backward(), output.into())
    }

    fn optimize(self, optimizer: &mut ModuleOptimizer, rate: ModuleLearningRate, gradients: GradientsParams) -> Self {
        let gradients = match self.experiment.optimizer.global_clip_norm {
            Some(largest) => clip_global_norm(&self.network, gradients, largest),
            None => gradients,
        };
        self.updated(|network| optimizer.step(rate, network, gradients))
    }
}

impl InferenceStep for TrainingModel {
    type Input = Batch;
    type Output = BatchOutput;

    fn step(&self, batch: Batch) -> BatchOutput {
        let raw = self.average.as_ref().map(|_| Box::new(classify(&self.network, batch.clone())));
        BatchOutput { raw, ..classify(self.eval_model(), batch) }
    }
}

impl TrainingModel {
    /// The output of the labelled images of a batch from their logits, also with what the teacher says of them.
    fn labelled(&self, logits: Tensor<2>, batch: &Batch) -> ClassificationOutput {
        let output = self.loss.labelled(logits, batch.targets.clone());
        let Some(teacher) = &self.loss.distillation else { return output };
        let targets = Tensor::from_inner(teacher.targets(&batch.images).to_device(&output.output.device().inner()));
        let losses = output.loss * (1.0 - teacher.weight) + teacher.losses(output.output.clone(), targets);
        ClassificationOutput { loss: losses, ..output }
    }

    /// The output of the labelled images, and the loss of all, `[1]`, weighted by their number, as an update sums over batches.
    fn losses(&self, batch: Batch) -> (ClassificationOutput, Tensor<1>) {
        let weighted = |loss: Tensor<1>, weight| if weight == 1.0 { loss } else { loss.mul_scalar(weight) };
        let (Some(unlabelled_loss), Some(images)) = (&self.loss.unlabelled, &batch.unlabelled) else {
            let output = self.labelled(self.network.forward(batch.images()), &batch);
            let loss = weighted(output.loss.clone().mean(), batch.loss_weight);
            return (output, loss);
        };
        let device = batch.targets.device();
        let [plain, augmented] = [&images.plain, &images.augmented].map(|images| images.scaled(&device));
        let (labelled, unlabelled) = (batch.images.len(), images.augmented.len());
        // In one pass, so that batch normalisation sees them as one batch.
        let logits = self.network.forward(Tensor::cat(vec![batch.images(), augmented], 0));
        let output = self.labelled(logits.clone().narrow(0, 0, labelled), &batch);
        let teacher = Tensor::from_inner(self.eval_model().valid().forward(plain.without_autodiff()));
        let loss = weighted(output.loss.clone().mean(), batch.loss_weight)
            + weighted(unlabelled_loss.of(teacher, logits.narrow(0, labelled, unlabelled)), images.loss_weight);
        (output, loss)
    }
}

/// The output of a validation batch. Its loss has no label smoothing and no class weights, which are for training only.
fn classify(model: &Mlp, batch: Batch) -> BatchOutput {
    Loss::default().labelled(model.forward(batch.images()), batch.targets).into()
}
