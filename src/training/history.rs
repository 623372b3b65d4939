//! The metrics of each epoch, which epoch was the best, and whether the training is over.
//!
//! Burn logs every batch to the history, and asks it after each epoch. Burn's own loggers would store every batch.

use std::sync::{Arc, OnceLock};
use std::{collections::HashMap, time::Instant};

use burn::train::checkpoint::{CheckpointingAction, CheckpointingStrategy};
use burn::train::logger::MetricLogger;
use burn::train::metric::store::{Aggregate, EpochSummary, EventStoreClient, MetricsUpdate, Split};
use burn::train::metric::{MetricDefinition, MetricId, NumericEntry};
use burn::train::{EarlyStoppingStrategy, Interrupter};
use parking_lot::Mutex;
use smart_default::SmartDefault;

use crate::config::EarlyStopping;
use crate::data::EpochPlan;
use crate::run::metrics::{self, Epoch};

/// The epochs so far, and the first loss that is NaN or infinite. Its copies share them.
#[derive(Clone, SmartDefault)]
pub struct History {
    epochs: Arc<Mutex<Vec<Epoch>>>,
    divergence: Arc<OnceLock<[usize; 2]>>,
    /// It stops the training, also after a divergence.
    #[default(Interrupter::new())]
    pub interrupter: Interrupter,
    early_stopping: EarlyStopping,
    /// The epoch after which the training is left, to be resumed later.
    pub pause_after: Option<usize>,
    /// The losses of the last epoch's training batches, where each is read alone.
    pub losses: Arc<Mutex<Vec<f64>>>,
    /// The training batches of an epoch.
    pub plan: EpochPlan,
    validation: usize,
    /// When the last epoch ended, for the copy that Burn asks after each.
    #[default(Instant::now())]
    since: Instant,
    /// For the copy that Burn logs to: the mean of each metric in each epoch.
    means: HashMap<(MetricId, usize, Split), f64>,
    /// Likewise, the entries of the split so far. Each is a batch, or on a CPU several, whose losses are checked before.
    batches: usize,
}

impl History {
    /// A history that starts with `epochs`, for these batches and this many validation images. Its clock starts now.
    pub fn new(early_stopping: EarlyStopping, plan: EpochPlan, validation: usize, epochs: Vec<Epoch>) -> Self {
        let epochs = Arc::new(Mutex::new(epochs));
        Self { epochs, early_stopping, plan, validation, ..Self::default() }
    }

    pub fn until(&self, epoch: usize) -> Vec<Epoch> {
        self.epochs.lock().iter().take_while(|row| row.epoch <= epoch).cloned().collect()
    }

    pub fn epochs(&self) -> Vec<Epoch> {
        self.until(usize::MAX)
    }

    pub fn best(&self) -> Option<Epoch> {
        metrics::best(&self.epochs.lock()).cloned()
    }

    /// The condition of `[early_stopping]` that the last epoch met, if any.
    pub fn stop_reason(&self) -> Option<String> {
        let (epochs, best) = (self.epochs(), self.best()?);
        let last = epochs.last()?;
        // Rounded to whole images, so that equal accuracies compare equal.
        let images = self.validation as f64;
        let error = ((1.0 - last.validation_accuracy?) * images).round() / images;
        if let Some(goal) = self.early_stopping.target_error.filter(|&goal| error <= goal) {
            let percent = 100.0 * error;
            return Some(format!("validation error {percent:.2} % reached early_stopping.target_error = {goal}"));
        }
        let patience = self.early_stopping.patience.filter(|&patience| last.epoch - best.epoch >= patience)?;
        Some(format!("no improvement on the validation split for early_stopping.patience = {patience} epochs"))
    }

    /// Stops the training at a loss that is NaN or infinite.
    pub fn check(&self, loss: f64, epoch: usize, batch: usize) {
        if !loss.is_finite() {
            self.divergence.get_or_init(|| [epoch, batch]);
            self.interrupter.stop(None);
        }
    }

    /// The epoch of the first loss that is NaN or infinite, and the batch in it, both from 1. The batch is counted over all
    /// devices; it is the last of those that were read together, and the epoch's last for a validation loss.
    pub fn divergence(&self) -> Option<[usize; 2]> {
        self.divergence.get().copied()
    }
}

/// Burn asks after each epoch what to save: every epoch that did not diverge. The epoch's metrics are added then.
impl CheckpointingStrategy for History {
    fn checkpointing(&mut self, epoch: usize, store: &EventStoreClient) -> Vec<CheckpointingAction> {
        let mean = |metric, split: &Split| store.find_metric(metric, epoch, Aggregate::Mean, split);
        // Burn gives a percentage; rounding restores the whole number of images.
        let ratio = |percent: f64, images: usize| (percent / 100.0 * images as f64).round() / images as f64;
        // Burn also gives metrics of an empty split.
        let validation = |metric| mean(metric, &Split::Valid).filter(|_| self.validation > 0);
        let accuracy = |metric| validation(metric).map(|percent| ratio(percent, self.validation));
        let metrics = Epoch {
            epoch,
            train_loss: mean("Loss", &Split::Train).unwrap_or(f64::NAN),
            train_accuracy: mean("Accuracy", &Split::Train)
                .map_or(f64::NAN, |percent| ratio(percent, self.plan.images)),
            validation_loss: validation("Loss"),
            validation_accuracy: accuracy("Accuracy"),
            raw_validation_loss: validation("Raw Loss"),
            raw_validation_accuracy: accuracy("Raw Accuracy"),
            seconds: std::mem::replace(&mut self.since, Instant::now()).elapsed().as_secs_f64(),
        };
        if self.divergence().is_some() {
            return vec![];
        }
        self.epochs.lock().push(metrics);
        vec![CheckpointingAction::Save]
    }
}

impl EarlyStoppingStrategy for History {
    fn should_stop(&mut self, _: usize, _: &EventStoreClient) -> bool {
        self.stop_reason().is_some() || self.pause_after.is_some_and(|epoch| self.epochs().len() >= epoch)
    }
}

impl MetricLogger for History {
    fn log(&mut self, update: MetricsUpdate, epoch: usize, split: &Split) {
        let (is_training, all) = (*split == Split::Train, self.plan.batches);
        let number = |batches| if is_training { batches } else { all };
        for metric in update.entries_numeric {
            let is_loss = metric.entry.metric_id == id("Loss");
            match metric.numeric_entry {
                // Burn gives the mean at the end of the split.
                Some(NumericEntry::Final(mean)) => {
                    let batches = if is_loss { std::mem::take(&mut self.batches) } else { 0 };
                    // Some of its losses may have been read only now. Burn also gives the mean of an empty split.
                    if batches > 0 {
                        self.check(mean, epoch, number(batches));
                    }
                    self.means.insert((metric.entry.metric_id, epoch, split.clone()), mean);
                }
                // The loss of a batch, or of several that were read together, or none yet.
                loss if is_loss => {
                    self.batches += 1;
                    let Some(loss) = loss.map(|loss| loss.current()) else { continue };
                    self.check(loss, epoch, number(self.batches));
                    if is_training {
                        let mut losses = self.losses.lock();
                        losses.truncate(self.batches - 1);
                        losses.push(loss);
                    }
                }
                _ => {}
            }
        }
    }

    fn read_numeric(&mut self, name: &str, epoch: usize, split: &Split) -> Result<Vec<NumericEntry>, String> {
        let mean = self.means.get(&(id(name), epoch, split.clone()));
        Ok(mean.map(|&mean| NumericEntry::Final(mean)).into_iter().collect())
    }

    fn log_metric_definition(&mut self, _: MetricDefinition) {}

    fn log_epoch_summary(&mut self, _: EpochSummary) {}
}

fn id(name: &str) -> MetricId {
    MetricId::new(Arc::new(name.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize, validation: Option<(f64, f64)>) -> Epoch {
        Epoch {
            epoch,
            train_loss: 0.1,
            train_accuracy: 0.9,
            validation_loss: validation.map(|(_, loss)| loss),
            validation_accuracy: validation.map(|(accuracy, _)| accuracy),
            seconds: 1.0,
            ..Epoch::default()
        }
    }

    fn history_of(stop: EarlyStopping, validation: usize, epochs: Vec<Epoch>) -> History {
        History::new(stop, EpochPlan::one_pass(9_000, 1), validation, epochs)
    }

    /// A history of epochs, from each one's number of misclassified images of 1,000 and its validation loss.
    fn history(stop: EarlyStopping, validation: &[(usize, f64)]) -> History {
        let row =
            |(i, &(wrong, loss)): (usize, &(usize, f64))| epoch(i + 1, Some((1.0 - wrong as f64 / 1_000.0, loss)));
        history_of(stop, 1_000, validation.iter().enumerate().map(row).collect())
    }

    #[test]
    fn divergence_guard_stops_the_training_at_the_first_loss_that_is_nan_or_infinite() {
        let history = history(EarlyStopping::default(), &[]);
        let interrupter = history.interrupter.clone();
        history.check(0.3, 1, 1);
        assert!(!interrupter.should_stop() && history.divergence().is_none());
        history.check(f64::INFINITY, 2, 5);
        history.check(f64::NAN, 2, 6);
        assert!(interrupter.should_stop());
        assert_eq!(history.divergence(), Some([2, 5]));
    }

    #[test]
    fn best_epoch_until_another_ignores_later_epochs() {
        let history = history(EarlyStopping::default(), &[(25, 0.1), (12, 0.9), (7, 0.05)]);
        let best = |epoch| metrics::best(&history.until(epoch)).map(|best| best.epoch);
        assert_eq!([0, 1, 2, 3].map(best), [None, Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn early_stopping_needs_validation_images() {
        let stop = EarlyStopping { target_error: Some(1.0), patience: Some(1) };
        let history = history_of(stop, 0, (1..=3).map(|number| epoch(number, None)).collect());
        assert_eq!(history.stop_reason(), None);
    }

    #[test]
    fn early_stopping_waits_for_the_target_error() {
        for (goal, wrong) in [(0.02, 20), (0.07, 70), (0.125, 125)] {
            let stop = EarlyStopping { target_error: Some(goal), patience: None };
            assert_eq!(history(stop.clone(), &[(wrong + 1, 0.2)]).stop_reason(), None);
            assert!(
                history(stop, &[(wrong, 0.2)]).stop_reason().unwrap().contains("early_stopping.target_error"),
                "{goal}"
            );
        }
    }

    #[test]
    fn early_stopping_ends_after_patience_epochs_without_improvement() {
        let stop = EarlyStopping { target_error: None, patience: Some(2) };
        assert_eq!(history(stop.clone(), &[(25, 0.2), (50, 0.2)]).stop_reason(), None);
        assert!(history(stop, &[(25, 0.2), (50, 0.2), (25, 0.3)]).stop_reason().is_some());
    }
}
