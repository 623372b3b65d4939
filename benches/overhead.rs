//! The overhead of `baseline` over a bare training loop: `cargo bench --bench overhead`, with `-- 9` for 9 rounds, not
//! 5.
//!
//! Three ways to train its five epochs alternate, so that other load on the machine affects all of them:
//!
//! - a bare loop: batches, steps and updates, and nothing else;
//! - Burn's `Learner` with its loss and accuracy;
//! - the program's own training, which seeds each step, checks each loss, locks its folder, and saves models,
//!   checkpoint and metrics with their checksums.

use std::collections::BTreeMap;
use std::slice;
use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::module::Module;
use burn::tensor::Device;
use burn::train::logger::InMemoryMetricLogger;
use burn::train::metric::{AccuracyMetric, LossMetric};
use burn::train::{
    ClassificationOutput, ExecutionStrategy, InferenceStep, Interrupter, Learner, SupervisedTraining, TrainOutput,
    TrainStep,
};
use mnist_burn::cli::{Display, Progress, Ui};
use mnist_burn::config::{BatchSize, Experiment, Gradients};
use mnist_burn::data::{self, Batch, Loader, TrainingData};
use mnist_burn::device::{self, Opened};
use mnist_burn::model::Mlp;
use mnist_burn::run::{Meter, Record, RunFolder, Usage};
use mnist_burn::training::{self, cross_entropy, optimizer};

/// The network alone, with Burn's loss of a batch and nothing else.
#[derive(Module, Debug)]
struct Bare {
    model: Mlp,
}

impl Bare {
    fn classify(&self, batch: Batch) -> ClassificationOutput {
        let logits = self.model.forward(batch.images());
        ClassificationOutput::new(cross_entropy(logits.clone(), batch.targets.clone(), 0.0), logits, batch.targets)
    }
}

impl TrainStep for Bare {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        let output = self.classify(batch);
        TrainOutput::new(self, output.loss.clone().mean().backward(), output)
    }
}

impl InferenceStep for Bare {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> ClassificationOutput {
        self.classify(batch)
    }
}

struct Setting {
    experiment: Experiment,
    data: TrainingData,
    device: Opened,
}

impl Setting {
    fn new() -> Self {
        let mut experiment = Experiment::default();
        // As the other two ways compute them: in closed form, training is faster than a bare loop with autodiff.
        experiment.training.gradients = Gradients::Autodiff;
        let name = std::env::var("MNIST_BURN_DEVICE").unwrap_or_else(|_| "auto".into());
        let device = device::open(&name).expect("the device of MNIST_BURN_DEVICE");
        let files = data::locate(&experiment.data, &data::silent).expect("the images of data/mnist");
        let data = TrainingData::load(&files, &experiment).expect("whole files");
        Self { experiment, data, device }
    }

    fn autodiff(&self) -> Device {
        self.device.device.clone().autodiff()
    }

    fn network(&self) -> Mlp {
        let Experiment { model, init, seed, .. } = &self.experiment;
        Mlp::new(model, init, self.data.images.area(), self.data.images.classes(), Some(*seed), &self.autodiff())
    }

    fn loader(&self, indices: &[usize], device: Device) -> Loader {
        let BatchSize::Images(batch) = self.experiment.training.batch_size else { unreachable!("baseline's is 32") };
        let mut loader = Loader::new(&self.data.images, indices.to_vec(), self.data.scaling, batch, device);
        loader.shuffle = Some(self.experiment.seed);
        loader.threads = self.experiment.data.loader_threads;
        loader
    }

    fn bare(&self) {
        let rate = self.experiment.optimizer.learning_rate;
        let (mut bare, mut optimizer) = (Bare { model: self.network() }, optimizer(&self.experiment.optimizer));
        let loader = self.loader(&self.data.split.training, self.device.device.clone()).to_device(&self.autodiff());
        for batch in (0..self.experiment.training.epochs).flat_map(|_| loader.iter()) {
            let output = TrainStep::step(&bare, batch.expect("images in memory"));
            bare = bare.optimize(&mut optimizer, rate.into(), output.grads);
        }
    }

    fn learner(&self) {
        let rate = self.experiment.optimizer.learning_rate;
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let loader = |indices: &[usize]| Arc::new(self.loader(indices, self.device.device.clone()));
        let result = SupervisedTraining::new(folder.path(), loader(&self.data.split.training), loader(&[]))
            .metrics((LossMetric::new(), AccuracyMetric::new()))
            .with_metric_logger(InMemoryMetricLogger::default())
            .renderer(Box::new(Progress::new(Interrupter::new())))
            .with_application_logger(None)
            .with_training_strategy(ExecutionStrategy::single(self.autodiff()).into())
            .num_epochs(self.experiment.training.epochs)
            .launch(Learner::new(Bare { model: self.network() }, optimizer(&self.experiment.optimizer), rate));
        assert!(result.error.is_none(), "the training went through");
    }

    fn saved(&self) {
        let runs = tempfile::tempdir().expect("a folder for temporary files");
        let (run, _lock) = RunFolder::create(runs.path(), &self.experiment).expect("a new run folder");
        let model = self.network();
        let record = Record::default();
        run.write_record(&record).expect("a file of the new run");
        let trained = training::train(
            &self.experiment,
            model,
            &self.data,
            slice::from_ref(&self.device),
            &run,
            record,
            &Display { ui: Ui::Lines, epochs: self.experiment.training.epochs, quits_with: None },
        );
        assert!(trained.is_ok(), "the training went through");
    }
}

/// A way to train, by its name.
type Way = (&'static str, fn(&Setting));

const WAYS: [Way; 3] = [("bare loop", Setting::bare), (LEARNER, Setting::learner), ("training::train", Setting::saved)];

const LEARNER: &str = "Burn's Learner";

fn main() {
    let rounds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(5);
    let setting = Setting::new();
    // The first round warms up.
    let rounds: Vec<Round> = (0..=rounds).map(|round| timed(&setting, round)).skip(1).collect();
    println!("baseline on {}, {} rounds; ratios to {LEARNER} in the same round", setting.device, rounds.len());
    let measures: [(&str, Measure); 2] =
        [("time", |usage| usage.wall_seconds), ("processor time", |usage| usage.cpu_seconds)];
    for ((what, measure), (name, _)) in measures.into_iter().flat_map(|measure| WAYS.map(|way| (measure, way))) {
        let [low, time, high] = quartiles(rounds.iter().map(|round| measure(&round[name])));
        println!("{what:14}  {name:15}  median {time:.3} s, quartiles {low:.3} and {high:.3} s");
        let [low, ratio, high] = quartiles(rounds.iter().map(|round| measure(&round[name]) / measure(&round[LEARNER])));
        println!("{:14}  {:15}  median {ratio:.3} of it, quartiles {low:.3} and {high:.3}", "", "");
    }
}

/// One of a stopwatch's times.
type Measure = fn(&Usage) -> f64;

/// The time of each way.
type Round = BTreeMap<&'static str, Usage>;

/// Runs each way once. The order differs from round to round: a machine gets slower or faster while it works.
fn timed(setting: &Setting, round: usize) -> Round {
    let mut ways = WAYS;
    ways.rotate_left(round % WAYS.len());
    let usages = ways.map(|(name, way)| {
        let meter = Meter::start(Usage::default());
        way(setting);
        (name, meter.read())
    });
    usages.into()
}

fn quartiles(numbers: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| sorted[(sorted.len() - 1) * quarter / 4])
}
