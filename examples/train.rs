//! Trains a small network from another program.
//!
//! Run it with `cargo run --release --example train`. It writes no file.

use std::error::Error;

use mnist_burn::cli::{Display, Ui};
use mnist_burn::data::{self, TrainingData};
use mnist_burn::model::Mlp;
use mnist_burn::run::{Record, RunFolder};
use mnist_burn::{config, device, training};

fn main() -> Result<(), Box<dyn Error>> {
    let set = ["model.hidden=[64]", "data.validation=5000", "training.epochs=2"].map(String::from);
    let experiment = config::load(None, &set)?;
    let files = data::locate(&experiment.data, &data::silent)?;
    let data = TrainingData::load(&files, &experiment)?;
    let devices = [device::open("auto")?];

    let (model, init, seed) = (&experiment.model, &experiment.init, experiment.seed);
    let autodiff = devices[0].device.clone().autodiff();
    let network = Mlp::new(model, init, data.images.area(), data.images.classes(), Some(seed), &autodiff);

    let (run, display) =
        (RunFolder::in_memory(), Display { ui: Ui::Lines, epochs: experiment.training.epochs, quits_with: None });
    let trained = training::train(&experiment, network, &data, &devices, &run, Record::default(), &display)?;
    println!("{} epochs in {:.1} s", experiment.training.epochs, trained.usage.wall_seconds);
    Ok(())
}
