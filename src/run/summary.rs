//! A run's main metrics, for lists and tables of runs.

use std::io;

use serde::Serialize;

use super::{error::RunError, folder::RunFolder, metrics, record::Status};
use crate::config::Experiment;

/// A run's main metrics so far. Errors are fractions in [0, 1]. Losses are mean cross-entropies in nats.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The run's status.
    pub status: Status,
    /// The `name` in its config.
    pub config: String,
    /// The start of the training, in seconds of UNIX time.
    pub started: Option<f64>,
    /// The seed.
    pub seed: u64,
    /// The names of the devices, with commas.
    pub device: String,
    /// The size of the files in its folder, in bytes.
    pub bytes: u64,
    /// The number of complete epochs.
    pub epochs: usize,
    /// The maximum number of epochs.
    pub planned_epochs: usize,
    /// The epoch of the best model, from 1. `None` before the first is complete.
    pub best_epoch: Option<usize>,
    /// How many validation images the best model misclassifies. This and the next two are `None` without validation images.
    pub validation_wrong: Option<usize>,
    /// The fraction of misclassified validation images.
    pub validation_error: Option<f64>,
    /// The best model's validation loss.
    pub validation_loss: Option<f64>,
    /// The best model's error on the test images, if it was evaluated.
    pub test_error: Option<f64>,
    /// The same with 8-bit integers, if an export measured it.
    pub int8_test_error: Option<f64>,
    /// The floating-point operations of the training, once it is over.
    pub floating_point_operations: Option<u64>,
    /// The wall-clock time of the training.
    pub seconds: f64,
}

impl Summary {
    /// Reads the summary of a run whose folder may not exist yet. `experiment` is the run's experiment.
    pub fn read_or_missing(run: &RunFolder, experiment: &Experiment) -> Result<Self, RunError> {
        match Self::read(run) {
            // The record is the last file that is written before the training starts.
            Err(RunError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Self {
                config: experiment.name.clone(),
                seed: experiment.seed,
                planned_epochs: experiment.training.epochs,
                ..Self::default()
            }),
            result => result,
        }
    }

    /// Reads a run's summary from its folder. An error if this is not a run folder, or a file is damaged.
    pub fn read(run: &RunFolder) -> Result<Self, RunError> {
        let (record, experiment, epochs) = (run.record()?, run.experiment()?, run.metrics()?);
        let best = metrics::best(&epochs);
        let held_out = record.data.validation_images;
        // A whole number, so that equal errors compare as equal.
        let count = |accuracy: f64| ((1.0 - accuracy) * held_out as f64).round() as usize;
        let wrong = best.and_then(|best| best.validation_accuracy).filter(|_| held_out > 0).map(count);
        let tested = run.evaluation(&record)?;
        Ok(Self {
            status: run.status(&record),
            config: experiment.name,
            epochs: epochs.len(),
            started: Some(record.started),
            seed: record.seed,
            device: record.devices(),
            bytes: run.files().into_values().sum(),
            // Nothing is trained in the folder of an ensemble.
            planned_epochs: if record.members.is_empty() { experiment.training.epochs } else { 0 },
            best_epoch: best.map(|best| best.epoch),
            validation_wrong: wrong,
            validation_error: wrong.map(|wrong| wrong as f64 / held_out as f64),
            validation_loss: best.and_then(|best| best.validation_loss),
            test_error: tested.as_ref().map(|stored| stored.evaluation.error()),
            int8_test_error: tested.and_then(|it| Some(it.int8_wrong? as f64 / it.evaluation.images as f64)),
            floating_point_operations: record.training.as_ref().map(|it| it.floating_point_operations),
            seconds: match record.training {
                Some(training) => training.usage.wall_seconds,
                // The sum of no numbers is -0 in Rust.
                None => epochs.iter().fold(0.0, |sum, epoch| sum + epoch.seconds),
            },
        })
    }
}
