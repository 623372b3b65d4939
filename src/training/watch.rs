//! Stops a training at once when a loss is infinite or no number.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::train::Interrupter;

/// Watches the losses of one training; its copies share what they see.
#[derive(Clone)]
pub struct Watch {
    interrupter: Interrupter,
    found: Arc<Mutex<Option<Divergence>>>,
}

/// Where the first loss was that is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Divergence {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The batch in it, from 1, as they come from several devices; the last one of those that were read with it, and of all if
    /// it was seen in the validation after them.
    pub batch: usize,
}

impl Watch {
    /// A watch that has `interrupter` stop the training.
    pub fn new(interrupter: Interrupter) -> Self {
        Self { interrupter, found: Arc::default() }
    }

    /// Looks at the loss of a batch.
    pub fn see(&self, loss: f64, epoch: usize, batch: usize) {
        if !loss.is_finite() {
            self.found().get_or_insert(Divergence { epoch, batch });
            self.interrupter.stop(None);
        }
    }

    /// What it has seen.
    pub fn divergence(&self) -> Option<Divergence> {
        *self.found()
    }

    fn found(&self) -> MutexGuard<'_, Option<Divergence>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_loss_that_is_no_number_stops_the_training() {
        let interrupter = Interrupter::new();
        let watch = Watch::new(interrupter.clone());
        watch.see(0.3, 1, 1);
        assert!(!interrupter.should_stop() && watch.divergence().is_none());
        watch.see(f64::INFINITY, 2, 5);
        watch.see(f64::NAN, 2, 6);
        assert!(interrupter.should_stop());
        assert_eq!(watch.divergence(), Some(Divergence { epoch: 2, batch: 5 }));
    }
}
