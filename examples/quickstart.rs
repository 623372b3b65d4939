//! Keras' first tutorial in plain Burn: load MNIST, build a small network, train it for five epochs, evaluate it.
//!
//! Run it with `cargo run --release --example quickstart`. It takes the images, the network, the device and the
//! progress lines from this crate, and everything else from Burn. `docs/tutorial.md` explains it line by line.

use std::error::Error;

use burn::data::dataloader::DataLoaderBuilder;
use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn::train::metric::{AccuracyMetric, LossMetric};
use burn::train::{
    ClassificationOutput, ExecutionStrategy, InferenceStep, Interrupter, Learner, SupervisedTraining, TrainOutput,
    TrainStep,
};
use mnist_burn::cli::Progress;
use mnist_burn::config;
use mnist_burn::data::{self, Batch, ImageBatcher, Scaling};
use mnist_burn::device;
use mnist_burn::model::Mlp;

/// The network, and the loss of one batch of images.
#[derive(Module, Debug)]
struct Classifier {
    network: Mlp,
}

impl Classifier {
    /// Logits `[batch, 10]` of images `[batch, 784]`, and their mean cross-entropy with the labels `[batch]`.
    fn classify(&self, batch: Batch) -> ClassificationOutput {
        let logits = self.network.forward(batch.images());
        let cross_entropy = CrossEntropyLossConfig::new().init(&logits.device());
        let loss = cross_entropy.forward(logits.clone(), batch.targets.clone());
        ClassificationOutput::new(loss, logits, batch.targets)
    }
}

/// A training step: the loss of a batch, and its gradients.
impl TrainStep for Classifier {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        let output = self.classify(batch);
        TrainOutput::new(self, output.loss.backward(), output)
    }
}

/// A validation step: the same without gradients.
impl InferenceStep for Classifier {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> ClassificationOutput {
        self.classify(batch)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // The first argument names the device, as in `-- flex`. The default is a GPU if this build has one, else the CPU.
    let name = std::env::args().nth(1).unwrap_or("auto".into());
    let device: Device = device::open(&name)?.device;
    let autodiff = device.clone().autodiff();
    autodiff.seed(1);

    // 55,000 images for training, the last 5,000 for validation, and 10,000 for the test.
    let files = data::locate(&config::Data::default(), &data::silent)?;
    let (images, test) = (files.train()?, files.test([28, 28], 10)?);
    let order: Vec<usize> = (0..images.len()).collect();
    let (train, validation) = order.split_at(55_000);

    // A loader takes images from a `Dataset`, here `Images`. A `Batcher` turns them into tensors: pixels / 255.
    let batcher = ImageBatcher::new(Scaling::UNIT);
    let loader = |images, shuffle: Option<u64>| {
        let builder = DataLoaderBuilder::new(batcher.clone()).batch_size(32).set_device(device.clone());
        match shuffle {
            Some(seed) => builder.shuffle(seed).build(images),
            None => builder.build(images),
        }
    };

    // 784 pixels, 128 units with ReLU and dropout 0.2, 10 classes; Glorot uniform weights.
    let (model, init) = (config::Model::default(), config::Init::default());
    let network = Mlp::new(&model, &init, 784, 10, Some(1), &autodiff);

    // Adam with Keras' epsilon and learning rate, and Burn's loop over epochs and batches.
    let learner = Learner::new(Classifier { network }, AdamConfig::new().with_epsilon(1e-7).init(), 0.001);
    let folder = tempfile::tempdir()?;
    let trained =
        SupervisedTraining::new(folder.path(), loader(images.at(train), Some(1)), loader(images.at(validation), None))
            .metrics((LossMetric::new(), AccuracyMetric::new()))
            .with_training_strategy(ExecutionStrategy::single(autodiff).into())
            .num_epochs(5)
            .renderer(Box::new(Progress::new(Interrupter::new())))
            .with_application_logger(None)
            .launch(learner);
    if let Some(error) = trained.error {
        return Err(error.to_string().into());
    }

    // The test images are used once, at the end.
    let mut correct = 0;
    for batch in loader(test.clone(), None).iter() {
        let ClassificationOutput { output, targets, .. } = trained.model.classify(batch?);
        correct += output.argmax(1).flatten::<1>(0, 1).equal(targets).int().sum().into_scalar::<i64>();
    }
    println!("test accuracy {:.2} %", 100.0 * correct as f64 / test.len() as f64);
    Ok(())
}
