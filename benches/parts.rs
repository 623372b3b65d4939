//! The cost of the parts of a training: `cargo bench --bench parts`, or `-- optimizer` for one of them.
//!
//! It uses the device in MNIST_BURN_DEVICE, or else `auto`, and the images in `data/mnist`.

use std::sync::{Arc, LazyLock};

use burn::data::dataloader::DataLoader;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, ModuleOptimizer, Optimizer, SgdConfig};
use burn::tensor::{Device, Distribution, Tensor};
use burn::train::TrainStep;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use mnist_burn::config::{self, Experiment};
use mnist_burn::data::{self, Augmentation, Batch, ImageBatcher, Images, Loader, Scaling};
use mnist_burn::evaluation::classify;
use mnist_burn::model::Mlp;
use mnist_burn::training::{Adam, Position, Sgd, TrainingModel, optimizer};

const INPUTS: usize = 784;
const CLASSES: usize = 10;

fn main() {
    divan::main();
}

static DEVICE: LazyLock<Device> = LazyLock::new(|| {
    let name = std::env::var("MNIST_BURN_DEVICE").unwrap_or_else(|_| "auto".into());
    mnist_burn::device::open(&name).expect("the device of MNIST_BURN_DEVICE").device
});

static IMAGES: LazyLock<Arc<Images>> = LazyLock::new(|| {
    let files = data::locate(&config::Data::default(), &data::silent).expect("the images of data/mnist");
    Arc::new(files.train().expect("whole files"))
});

fn batcher() -> ImageBatcher {
    ImageBatcher::new(Scaling::UNIT)
}

/// The first batch of that size.
fn batch(size: usize) -> Batch {
    let loader = Loader::new(&IMAGES, (0..size).collect(), Scaling::UNIT, size, DEVICE.clone());
    loader.iter().next().expect("a batch").expect("images in memory")
}

fn network(hidden: &[usize], device: &Device) -> Mlp {
    let model = config::Model { hidden: hidden.to_vec(), ..config::Model::default() };
    Mlp::new(&model, &config::Init::default(), INPUTS, CLASSES, Some(1), device)
}

/// Forward pass, backward pass and update: the whole cost of a batch.
#[divan::bench(args = [(&[128][..], 32), (&[128], 512), (&[1024, 1024, 1024], 512)], sample_count = 50)]
fn step(bencher: Bencher, (hidden, size): (&[usize], usize)) {
    let batch = batch(size);
    let experiment = Experiment::default();
    let mut optimizer = optimizer(&experiment.optimizer);
    let model = network(hidden, &DEVICE.clone().autodiff());
    let mut training_model = Some(TrainingModel::new(model, &experiment, Position::after_epochs(0, 1)));
    bencher.counter(ItemsCount::new(size)).bench_local(|| {
        let old = training_model.take().expect("the model of the previous step");
        let output = TrainStep::step(&old, batch.clone());
        training_model = Some(old.optimize(&mut optimizer, 1e-3.into(), output.grads));
    });
}

/// The first layers of `baseline` and of a network of 1,024 neurons a layer.
const SHAPES: [[usize; 2]; 2] = [[784, 128], [1024, 1024]];

/// One update of one matrix. The weights are shared, as in Burn's `Learner`; the gradient is consumed.
fn update<O: Optimizer>(bencher: Bencher, shape: [usize; 2], rule: &O) {
    let random = || Tensor::<2>::random(shape, Distribution::Default, &*DEVICE);
    let (weights, gradient) = (random(), random());
    let mut state = rule.step(1e-3, weights.clone(), random(), None).1;
    let fresh = || gradient.clone().mul_scalar(1.0);
    bencher.counter(ItemsCount::new(shape[0] * shape[1])).with_inputs(fresh).bench_local_values(|gradient| {
        let (weights, new) = rule.step(1e-3, weights.clone(), gradient, state.take());
        state = new;
        weights
    });
}

#[divan::bench(args = SHAPES)]
fn optimizer_adam_ours(bencher: Bencher, shape: [usize; 2]) {
    let rule = Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, weight_decay: 0.0, rms_prop: false };
    update(bencher, shape, &rule);
}

#[divan::bench(args = SHAPES)]
fn optimizer_adam_burns(bencher: Bencher, shape: [usize; 2]) {
    update(bencher, shape, &AdamConfig::new().build());
}

#[divan::bench(args = SHAPES)]
fn optimizer_sgd_ours(bencher: Bencher, shape: [usize; 2]) {
    update(bencher, shape, &Sgd { momentum: 0.9, nesterov: false, weight_decay: 0.0 });
}

#[divan::bench(args = SHAPES)]
fn optimizer_sgd_burns(bencher: Bencher, shape: [usize; 2]) {
    let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
    update(bencher, shape, &SgdConfig::new().with_momentum(Some(momentum)).build());
}

/// From bytes to a batch's tensors.
#[divan::bench(args = [32, 512])]
fn batch_assembly(bencher: Bencher, size: usize) {
    let (batcher, indices): (_, Vec<usize>) = (batcher(), (0..size).map(|i| i * 97).collect());
    let bytes = BytesCount::new(size * INPUTS);
    bencher.counter(bytes).bench_local(|| {
        let labels = indices.iter().map(|&index| i32::from(IMAGES.labels()[index])).collect();
        Batch::new(batcher.images(indices.iter().map(|&index| IMAGES.pixels(index)), &DEVICE), labels)
    });
}

/// 512 images with every kind of augmentation.
#[divan::bench(args = [4.0, 8.0])]
fn augmentation(bencher: Bencher, sigma: f64) {
    let ranges = config::Augment {
        rotation: Some(10.0),
        scale: Some(0.1),
        shear: Some(10.0),
        translation: Some(1.0),
        elastic_alpha: Some(8.0 * sigma),
        elastic_sigma: Some(sigma),
        stroke_width: Some(2.0),
        blur: Some(0.7),
        contrast: Some(0.4),
    };
    let augmentation = Augmentation::new(&ranges, 1, IMAGES.size()).expect("ranges");
    let indices: Vec<usize> = (0..512).map(|i| i * 97).collect();
    bencher.counter(ItemsCount::new(indices.len())).bench_local(|| augmentation.apply(&IMAGES, &indices, 1));
}

/// The 60,000 images, from the files.
#[divan::bench(sample_count = 10)]
fn loading(bencher: Bencher) {
    let files = data::locate(&config::Data::default(), &data::silent).expect("the images of data/mnist");
    bencher.bench_local(|| files.train());
}

/// Images classified together.
#[divan::bench(args = [1, 500])]
fn inference(bencher: Bencher, size: usize) {
    let (model, images) = (network(&[128], &DEVICE), batch(size).images());
    bencher.counter(ItemsCount::new(size)).bench_local(|| classify(&model, black_box(images.clone())));
}

/// The module's optimiser: the rule, and its work besides.
#[divan::bench]
fn gradients_and_module(bencher: Bencher) {
    let (model, batch) = {
        let model = network(&[128], &DEVICE.clone().autodiff());
        (TrainingModel::new(model, &Experiment::default(), Position::after_epochs(0, 1)), batch(32))
    };
    let mut optimizer: ModuleOptimizer = optimizer(&config::Optimizer::default());
    bencher
        .with_inputs(|| (model.clone(), TrainStep::step(&model, batch.clone()).grads))
        .bench_local_values(|(model, gradients)| model.optimize(&mut optimizer, 1e-3.into(), gradients));
}
