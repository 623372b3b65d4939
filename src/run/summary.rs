//! One run in a few figures: what the lists and tables of many runs show of each.

use std::io;

use serde::Serialize;

use super::error::RunError;
use super::folder::RunFolder;
use super::metrics;
use super::status::Status;
use crate::config::Experiment;

/// A run's figures, as far as it has come. Errors are shares in [0, 1], losses mean cross-entropies in nats.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// How it stands.
    pub status: Status,
    /// The `name` in its config.
    pub config: String,
    /// How many epochs it has done.
    pub epochs: usize,
    /// How many it may do.
    pub planned_epochs: usize,
    /// The epoch of the best model, from 1; none before the first is over.
    pub best_epoch: Option<usize>,
    /// How many validation images the best model gets wrong; none, as the next two, where nothing is held out.
    pub validation_wrong: Option<usize>,
    /// The share of them.
    pub validation_error: Option<f64>,
    /// The best model's loss on them.
    pub validation_loss: Option<f64>,
    /// The best model's error on the test images, if it was counted.
    pub test_error: Option<f64>,
    /// The training's wall-clock time.
    pub seconds: f64,
}

impl Summary {
    /// The figures of a run whose folder may not be there yet: `experiment` says what it will be.
    ///
    /// # Errors
    /// If a file is damaged.
    pub fn read_or_missing(run: &RunFolder, experiment: &Experiment) -> Result<Self, RunError> {
        match Self::read(run) {
            // A run's record is its last file before the training begins.
            Err(RunError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Self {
                status: Status::Missing,
                config: experiment.name.clone(),
                epochs: 0,
                planned_epochs: experiment.training.epochs,
                best_epoch: None,
                validation_wrong: None,
                validation_error: None,
                validation_loss: None,
                test_error: None,
                seconds: 0.0,
            }),
            result => result,
        }
    }

    /// Reads a run's figures from its folder.
    ///
    /// # Errors
    /// If the folder is not a run's, or a file is damaged.
    pub fn read(run: &RunFolder) -> Result<Self, RunError> {
        let (record, experiment, epochs) = (run.record()?, run.experiment()?, run.metrics()?);
        let status = run.status(&record);
        let best = metrics::best(&epochs);
        let held_out = record.data.validation_images;
        let wrong = best.and_then(|best| best.validation_accuracy).filter(|_| held_out > 0);
        // A whole number, so that equal is equal.
        let wrong = wrong.map(|accuracy| ((1.0 - accuracy) * held_out as f64).round() as usize);
        let evaluation = run.evaluation()?;
        Ok(Self {
            status,
            config: experiment.name,
            epochs: epochs.len(),
            planned_epochs: experiment.training.epochs,
            best_epoch: best.map(|best| best.epoch),
            validation_wrong: wrong,
            validation_error: wrong.map(|wrong| wrong as f64 / held_out as f64),
            validation_loss: best.and_then(|best| best.validation_loss),
            test_error: evaluation.map(|evaluation| evaluation.wrong as f64 / evaluation.images.max(1) as f64),
            seconds: match record.training {
                Some(training) => training.wall_seconds,
                None => epochs.iter().map(|epoch| epoch.seconds).sum(),
            },
        })
    }
}
