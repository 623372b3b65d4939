//! The cost of the augmentation of `config/deep.toml` in an epoch: `cargo bench --bench augmentation`, with `-- 5` for
//! 5 rounds instead of 3. `MNIST_BURN_DEVICE` names the device. Epochs with and without augmentation alternate, and
//! each round has its own ratio.

use std::path::Path;
use std::slice;

use mnist_burn::cli::{Display, Ui};
use mnist_burn::config::{self, Augment, Experiment};
use mnist_burn::data::{self, TrainingData};
use mnist_burn::device;
use mnist_burn::model::Mlp;
use mnist_burn::run::{Record, RunFolder};
use mnist_burn::training;

fn main() {
    let rounds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(3);
    let set = ["training.epochs=1".to_string()];
    let augmented = config::load(Some(Path::new("config/deep.toml")), &set).expect("a sound config");
    let data = Augment::default();
    let plain = Experiment { data: config::Data { augment: data, ..augmented.data.clone() }, ..augmented.clone() };
    // The first round warms up.
    for round in 0..=rounds {
        // The order alternates, too: a machine gets slower or faster while it works.
        let [augmented, plain] = match round % 2 {
            0 => [&augmented, &plain].map(seconds),
            _ => {
                let [plain, augmented] = [&plain, &augmented].map(seconds);
                [augmented, plain]
            }
        };
        if round > 0 {
            println!("augmented {augmented:.2} s, plain {plain:.2} s: {:+.1} %", 100.0 * (augmented / plain - 1.0));
        }
    }
}

/// The time of an epoch in seconds, saving included.
fn seconds(experiment: &Experiment) -> f64 {
    let name = std::env::var("MNIST_BURN_DEVICE").unwrap_or_else(|_| "auto".into());
    let device = device::open(&name).expect("the device of MNIST_BURN_DEVICE");
    let files = data::locate(&experiment.data, &data::silent).expect("the images of data/mnist");
    let data = TrainingData::load(&files, experiment).expect("whole files");
    let runs = tempfile::tempdir().expect("a folder for temporary files");
    let (run, _lock) = RunFolder::create(runs.path(), experiment).expect("a new run folder");
    let Experiment { model, init, seed, .. } = experiment;
    let autodiff = device.device.clone().autodiff();
    let network = Mlp::new(model, init, data.images.area(), data.images.classes(), Some(*seed), &autodiff);
    let devices = slice::from_ref(&device);
    let record = Record::default();
    run.write_record(&record).expect("a file of the new run");
    let display = Display { ui: Ui::Lines, epochs: experiment.training.epochs, quits_with: None };
    let trained = training::train(experiment, network, &data, devices, &run, record, &display);
    trained.expect("the training goes through").usage.wall_seconds
}
