//! `mnist-burn train`, the bare command: from a config to a run's folder with a trained, tested network.

use std::fs;
use std::path::PathBuf;

use super::{config, open_device, print};
use crate::Error;
use crate::cli::Train;
use crate::config::Experiment;
use crate::data::{self, Loader, TrainingData};
use crate::evaluation::{EVALUATION_BATCH, evaluate};
use crate::model::Mlp;
use crate::notice::notice;
use crate::record::{Record, Stopwatch, TrainingRecord};
use crate::run::{RunError, RunFolder, State};
use crate::training;

/// Trains, then counts the best model's errors on the test images.
pub fn run(arguments: &Train) -> Result<(), Error> {
    let experiment = config::resolve(&arguments.experiment)?;
    let folder = match &arguments.run {
        Some(run) => Folder::At(run.clone()),
        None => Folder::New { runs: arguments.runs.clone() },
    };
    train(experiment, folder, !arguments.no_test)
}

/// Where a run's files go.
// STAND-IN for the lead's, as is what follows.
#[derive(Debug, Clone)]
pub enum Folder {
    /// A new folder in this one.
    New {
        /// The folder of run folders.
        runs: PathBuf,
    },
    /// This folder.
    At(PathBuf),
}

/// Trains; then, if `test`, counts the best model's errors on the test images.
pub fn train(experiment: Experiment, folder: Folder, test: bool) -> Result<(), Error> {
    if let Folder::At(path) = &folder
        && RunFolder::open(path).state() == State::Finished
    {
        notice(format!("{} is finished", path.display()));
        return Ok(());
    }
    let device = open_device(&experiment.device)?;
    let files = data::locate(&experiment.data)?;
    let data = TrainingData::load(&files, &experiment)?;
    let (size, classes) = (data.images.size(), data.classes());
    // A damaged file must not cost a training; nothing of what is read here is kept.
    files.test(size, classes)?;

    let autodiff = device.device.clone().autodiff();
    autodiff.seed(experiment.seed);
    let model = Mlp::new(&experiment.model, &experiment.init, data.inputs(), classes, &autodiff);
    let (training_operations, forward_operations) = (model.training_operations(), model.forward_operations());

    let run = match &folder {
        Folder::New { runs } => RunFolder::create(runs, &experiment.name)?,
        Folder::At(path) => {
            fs::create_dir_all(path).map_err(|source| RunError::Create { path: path.clone(), source })?;
            RunFolder::open(path)
        }
    };
    let mut record = Record::new(experiment.seed, &files, &data, &model, &device);
    run.write_config(&experiment)?;
    run.write_record(&record)?;
    let (images, held_out) = (record.data.training_images, record.data.validation_images);
    notice(format!("{}: {images} training and {held_out} validation images", experiment.name));

    let stopwatch = Stopwatch::start();
    let journal = training::train(&experiment, model, &data, &device, &run)?;
    let epochs = journal.epochs().len();
    let training = TrainingRecord {
        epochs,
        best_epoch: journal.best().map_or(epochs, |best| best.epoch),
        stopped: journal.stop_reason().filter(|_| epochs < experiment.training.epochs),
        floating_point_operations: epochs as u64
            * (images as u64 * training_operations + held_out as u64 * forward_operations),
        wall_seconds: stopwatch.wall_seconds(),
        cpu_seconds: stopwatch.cpu_seconds(),
    };
    if let Some(reason) = &training.stopped {
        notice(format!("stopped after epoch {epochs}: {reason}"));
    }
    record.training = Some(training.clone());
    run.write_record(&record)?;

    if !test {
        notice(format!("saved in        {}", run.path().display()));
        return Ok(());
    }
    // The only look at the test images, with the model that was chosen without them.
    let model = run.model(&experiment, &record.data, &device)?;
    let test = Loader::all(files.test(size, classes)?, data.batcher(), EVALUATION_BATCH, device.device.clone());
    let evaluation = evaluate(&model, &test, classes)?;
    run.write_evaluation(&evaluation)?;
    print(&format!(
        "{evaluation}\n\nmodel           epoch {} of {epochs}, {} parameters\ntraining time   {:.1} s\nsaved in        {}",
        training.best_epoch,
        record.parameters,
        training.wall_seconds,
        run.path().display()
    ))
}
