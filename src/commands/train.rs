//! `mnist-burn train`, the bare command: from a config to a run's folder with a trained, tested network.

use std::time::Instant;

use burn::module::Module;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use super::{config, open_device, print};
use crate::Error;
use crate::cli::Train;
use crate::config::Experiment;
use crate::data::{self, Files, Loader, TrainingData};
use crate::device::Opened;
use crate::evaluation::evaluate;
use crate::model::Mlp;
use crate::run::{DataRecord, Record, RunFolder, TrainingRecord};
use crate::training::{self, EVALUATION_BATCH, Journal};

/// Trains, then counts the best model's errors on the test images, which nothing has looked at before.
pub fn run(arguments: &Train) -> Result<(), Error> {
    let experiment = config::resolve(&arguments.experiment)?;
    let device = open_device(&experiment.device)?;
    let files = data::locate(&experiment.data)?;
    let data = TrainingData::load(&files, &experiment)?;
    let run = RunFolder::create(&arguments.runs, &experiment.name)?;
    eprintln!(
        "{}: {} training and {} validation images",
        experiment.name,
        data.split.training.len(),
        data.split.validation.len()
    );

    let mut record = record(&experiment, &files, &data, &device);
    run.write_config(&experiment)?;
    run.write_record(&record)?;

    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let journal = training::train(&experiment, &data, &device, &run)?;
    let (wall_seconds, cpu_seconds) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);

    let model = run.model(&experiment, &record.data, &device)?;
    let training = summarize(&experiment, &journal, &data, &model, [wall_seconds, cpu_seconds]);
    if let Some(reason) = &training.stopped {
        eprintln!("stopped after epoch {}: {reason}", training.epochs);
    }
    record.training = Some(training.clone());
    run.write_record(&record)?;

    let test = files.test(data.images.size(), data.classes())?;
    let test = Loader::all(test, data.batcher(), EVALUATION_BATCH, device.device.clone());
    let evaluation = evaluate(&model, &test, record.data.classes)?;
    run.write_evaluation(&evaluation)?;
    print(&format!(
        "{evaluation}\n\nmodel           epoch {} of {}, {} parameters\ntraining time   {wall_seconds:.1} s\nsaved in        {}",
        training.best_epoch,
        training.epochs,
        record.parameters,
        run.path().display()
    ))
}

/// What is known of the run before it starts.
fn record(experiment: &Experiment, files: &Files, data: &TrainingData, device: &Opened) -> Record {
    let [height, width] = data.images.size();
    let shape = Mlp::new(&experiment.model, &experiment.init, data.inputs(), data.classes(), &device.device);
    Record {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: option_env!("MNIST_BURN_COMMIT").map(Into::into),
        device: device.name.clone(),
        adapter: device.adapter.clone(),
        seed: experiment.seed,
        data: DataRecord {
            height,
            width,
            classes: data.classes(),
            training_images: data.split.training.len(),
            validation_images: data.split.validation.len(),
            scaling: data.scaling,
            sha256: files.checksums.clone(),
        },
        parameters: shape.num_params(),
        training: None,
    }
}

fn summarize(
    experiment: &Experiment,
    journal: &Journal,
    data: &TrainingData,
    model: &Mlp,
    [wall_seconds, cpu_seconds]: [f64; 2],
) -> TrainingRecord {
    let epochs = journal.epochs().len();
    // A backward pass takes two products of the forward pass' size: for the inputs' and for the weights' gradients.
    let passes = epochs * (3 * data.split.training.len() + data.split.validation.len());
    TrainingRecord {
        epochs,
        best_epoch: journal.best().map_or(epochs, |best| best.epoch),
        stopped: journal.stop_reason().filter(|_| epochs < experiment.training.epochs),
        floating_point_operations: passes as u64 * model.forward_operations(),
        wall_seconds,
        cpu_seconds,
    }
}

/// Processor seconds of this process so far, all cores together; 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let Ok(this) = sysinfo::get_current_pid() else { return 0.0 };
    let mut system = System::new();
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[this]),
        true,
        ProcessRefreshKind::nothing().with_cpu(),
    );
    system.process(this).map_or(0.0, |process| process.accumulated_cpu_time() as f64 / 1000.0)
}
