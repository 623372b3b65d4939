//! Stops a training as soon as a loss is NaN or infinite.

use std::sync::{Arc, OnceLock};

use burn::train::Interrupter;

/// Checks the losses of one training. Its copies share the result.
#[derive(Clone, Default)]
pub struct DivergenceGuard {
    /// Through it, the guard stops the training.
    pub interrupter: Interrupter,
    found: Arc<OnceLock<Divergence>>,
}

/// The position of the first loss that is NaN or infinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Divergence {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The batch in it, from 1, counted over all devices. It is the last batch of those whose losses were read
    /// together, and the epoch's last batch for a validation loss.
    pub batch: usize,
}

impl DivergenceGuard {
    /// Checks the loss of a batch.
    pub fn check(&self, loss: f64, epoch: usize, batch: usize) {
        if !loss.is_finite() {
            self.found.get_or_init(|| Divergence { epoch, batch });
            self.interrupter.stop(None);
        }
    }

    /// The divergence, if there was one.
    pub fn divergence(&self) -> Option<Divergence> {
        self.found.get().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_guard_stops_the_training_at_the_first_loss_that_is_nan_or_infinite() {
        let guard = DivergenceGuard::default();
        let interrupter = guard.interrupter.clone();
        guard.check(0.3, 1, 1);
        assert!(!interrupter.should_stop() && guard.divergence().is_none());
        guard.check(f64::INFINITY, 2, 5);
        guard.check(f64::NAN, 2, 6);
        assert!(interrupter.should_stop());
        assert_eq!(guard.divergence(), Some(Divergence { epoch: 2, batch: 5 }));
    }
}
