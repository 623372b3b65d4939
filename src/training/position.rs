//! The position of a training: its updates and epochs so far.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The updates so far, and so the epoch. Copies share it: the model advances it, and all that changes over time reads it.
#[derive(Debug, Clone)]
pub struct Position {
    update: Arc<AtomicUsize>,
    pub(super) updates_per_epoch: usize,
}

impl Position {
    /// The position after `epochs` whole epochs of `updates_per_epoch` updates, at least 1.
    pub fn after_epochs(epochs: usize, updates_per_epoch: usize) -> Self {
        Self { update: Arc::new(AtomicUsize::new(epochs * updates_per_epoch)), updates_per_epoch }
    }

    /// The number of the next update, counted from 0.
    pub fn update(&self) -> usize {
        self.update.load(Ordering::Relaxed)
    }

    /// Advances by one update.
    pub fn advance(&self) {
        self.update.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_is_shared_by_its_copies() {
        let position = Position::after_epochs(2, 3);
        let copy = position.clone();
        assert_eq!(copy.update(), 6);
        position.advance();
        assert_eq!(copy.update(), 7);
    }
}
