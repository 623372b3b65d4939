//! What happened epoch by epoch: the figures, which epoch was best, and whether to go on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use burn::train::EarlyStoppingStrategy;
use burn::train::checkpoint::{CheckpointingAction, CheckpointingStrategy};
use burn::train::metric::store::{Aggregate, EventStoreClient, Split};
use serde::Serialize;

use crate::config::Stop;

/// One epoch's figures; a row of `metrics.csv`. The validation figures are missing where nothing is held out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean cross-entropy of the training images, each as it was met, with dropout.
    pub train_loss: f64,
    /// Share of them classified right, likewise.
    pub train_accuracy: f64,
    /// Mean cross-entropy of the validation images at the epoch's end.
    pub validation_loss: Option<f64>,
    /// Share of them classified right.
    pub validation_accuracy: Option<f64>,
    /// Wall-clock seconds, training and validation.
    pub seconds: f64,
}

impl Epoch {
    /// What the best epoch has least of: the validation error, then the validation loss.
    fn rank(&self) -> Option<(f64, f64)> {
        Some((1.0 - self.validation_accuracy?, self.validation_loss?))
    }

    fn better_than(&self, other: &Self) -> bool {
        match (self.rank(), other.rank()) {
            (Some(this), Some(that)) => this < that,
            // Nothing to choose by: the last model is the model.
            _ => true,
        }
    }
}

/// The epochs so far, shared by those who write it and those who ask.
#[derive(Debug, Clone)]
pub struct Journal {
    state: Arc<Mutex<State>>,
    stop: Stop,
    /// Whether anything is held out; Burn gives figures of an empty split as well.
    validates: bool,
}

#[derive(Debug)]
struct State {
    epochs: Vec<Epoch>,
    /// Position of the best epoch.
    best: usize,
    since: Instant,
}

impl Journal {
    /// An empty journal whose clock starts now. `validates` says whether there is a validation split.
    pub fn new(stop: Stop, validates: bool) -> Self {
        Self { state: Arc::new(Mutex::new(State { epochs: vec![], best: 0, since: Instant::now() })), stop, validates }
    }

    /// The epochs up to `epoch`, in order.
    pub fn until(&self, epoch: usize) -> Vec<Epoch> {
        self.lock().epochs.iter().take_while(|row| row.epoch <= epoch).cloned().collect()
    }

    /// The epochs so far, in order.
    pub fn epochs(&self) -> Vec<Epoch> {
        self.until(usize::MAX)
    }

    /// The best epoch so far: least validation error, then least validation loss, then the earliest. Without a validation
    /// split, the last.
    pub fn best(&self) -> Option<Epoch> {
        let state = self.lock();
        state.epochs.get(state.best).cloned()
    }

    fn push(&self, epoch: Epoch) {
        let mut state = self.lock();
        if state.epochs.get(state.best).is_none_or(|best| epoch.better_than(best)) {
            state.best = state.epochs.len();
        }
        state.epochs.push(epoch);
    }

    /// Whether the last epoch fulfilled a condition of `[stop]`, and which.
    pub fn stop_reason(&self) -> Option<String> {
        let state = self.lock();
        let last = state.epochs.last()?;
        let error = 1.0 - last.validation_accuracy?;
        if let Some(goal) = self.stop.error.filter(|&goal| error <= goal) {
            return Some(format!("validation error {:.2} % reached stop.error = {goal}", 100.0 * error));
        }
        let waited = last.epoch - state.epochs[state.best].epoch;
        let patience = self.stop.patience.filter(|&patience| waited >= patience)?;
        Some(format!("no improvement on the validation split for stop.patience = {patience} epochs"))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is complete once made: a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Burn asks after each epoch what to save: it is where the epoch's figures are entered. Every epoch is saved.
impl CheckpointingStrategy for Journal {
    fn checkpointing(&mut self, epoch: usize, store: &EventStoreClient) -> Vec<CheckpointingAction> {
        let mean = |metric, split: &Split| store.find_metric(metric, epoch, Aggregate::Mean, split);
        let share = |percent: f64| percent / 100.0;
        let seconds = std::mem::replace(&mut self.lock().since, Instant::now()).elapsed().as_secs_f64();
        self.push(Epoch {
            epoch,
            train_loss: mean("Loss", &Split::Train).unwrap_or(f64::NAN),
            train_accuracy: mean("Accuracy", &Split::Train).map_or(f64::NAN, share),
            validation_loss: mean("Loss", &Split::Valid).filter(|_| self.validates),
            validation_accuracy: mean("Accuracy", &Split::Valid).map(share).filter(|_| self.validates),
            seconds,
        });
        vec![CheckpointingAction::Save]
    }
}

impl EarlyStoppingStrategy for Journal {
    fn should_stop(&mut self, _: usize, _: &EventStoreClient) -> bool {
        self.stop_reason().is_some()
    }
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
            validation_accuracy: validation.map(|(error, _)| 1.0 - error),
            seconds: 1.0,
        }
    }

    fn journal(stop: Stop, validation: &[(f64, f64)]) -> Journal {
        let journal = Journal::new(stop, true);
        for (i, &figures) in validation.iter().enumerate() {
            journal.push(epoch(i + 1, Some(figures)));
        }
        journal
    }

    #[test]
    fn the_best_epoch_has_the_least_error_then_the_least_loss_then_comes_first() {
        let best = |validation: &[_]| journal(Stop::default(), validation).best().unwrap().epoch;
        assert_eq!(best(&[(0.25, 0.1), (0.125, 0.9), (0.25, 0.05)]), 2);
        assert_eq!(best(&[(0.25, 0.3), (0.25, 0.2), (0.25, 0.4)]), 2);
        assert_eq!(best(&[(0.25, 0.2), (0.25, 0.2)]), 1);
    }

    #[test]
    fn without_validation_the_last_epoch_is_the_best_and_nothing_stops() {
        let journal = Journal::new(Stop { error: Some(1.0), patience: Some(1) }, false);
        for number in 1..=3 {
            journal.push(epoch(number, None));
        }
        assert_eq!(journal.best().unwrap().epoch, 3);
        assert_eq!(journal.stop_reason(), None);
    }

    #[test]
    fn it_stops_as_soon_as_the_error_is_acceptable() {
        let stop = Stop { error: Some(0.125), patience: None };
        assert_eq!(journal(stop.clone(), &[(0.25, 0.2)]).stop_reason(), None);
        assert!(journal(stop, &[(0.25, 0.2), (0.125, 0.2)]).stop_reason().unwrap().contains("stop.error"));
    }

    #[test]
    fn it_stops_after_patience_epochs_without_improvement() {
        let stop = Stop { error: None, patience: Some(2) };
        assert_eq!(journal(stop.clone(), &[(0.25, 0.2), (0.5, 0.2)]).stop_reason(), None);
        assert!(journal(stop, &[(0.25, 0.2), (0.5, 0.2), (0.25, 0.3)]).stop_reason().is_some());
    }
}
