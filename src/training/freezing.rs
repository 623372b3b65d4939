//! Layers that don't learn, for good or until some update.

use crate::config::Init;
use crate::model::Mlp;

/// Which layers are frozen, and until when. Without a layer, it changes nothing.
#[derive(Debug, Clone, Default)]
pub struct Freezing {
    /// Their names.
    layers: Vec<String>,
    /// The first update, counted from 0, in which they learn.
    until: Option<usize>,
    /// The number of the next update.
    next: usize,
}

impl Freezing {
    /// As `init` has it, where an epoch has so many updates.
    pub fn new(init: &Init, updates_per_epoch: usize) -> Self {
        let until = init.unfreeze_after.map(|epochs| epochs * updates_per_epoch);
        Self { layers: init.freeze.clone(), until, next: 0 }
    }

    /// The same and `model`, which is not frozen, to go on with `update`.
    pub fn starting_at(self, update: usize, model: Mlp) -> (Self, Mlp) {
        let is_over = self.until.is_some_and(|until| update >= until);
        let model = if is_over { model } else { model.set_frozen(&self.layers, true) };
        (Self { next: update, ..self }, model)
    }

    /// The same and `model` after another update.
    pub fn updated(self, model: Mlp) -> (Self, Mlp) {
        let next = self.next + 1;
        let model = if self.until == Some(next) { model.set_frozen(&self.layers, false) } else { model };
        (Self { next, ..self }, model)
    }
}
