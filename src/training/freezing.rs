//! Frozen layers: they do not learn, either for the whole training or for its first epochs.

use super::position::Position;
use crate::config::Init;
use crate::model::Mlp;

/// Which layers are frozen, and for how long. With no layers, it changes nothing.
#[derive(Debug, Clone, Default)]
pub struct Freezing {
    /// The names of the layers.
    layers: Vec<String>,
    /// The number of epochs after which they are unfrozen; `None` for never.
    epochs: Option<usize>,
}

impl Freezing {
    /// The frozen layers of `init`.
    pub fn new(init: &Init) -> Self {
        Self { layers: init.freeze.clone(), epochs: init.unfreeze_after }
    }

    /// The unfrozen `model` with the layers frozen that are to be frozen at `position`.
    pub fn start(&self, model: Mlp, position: &Position) -> Mlp {
        let is_over = self.epochs.is_some_and(|epochs| position.epochs() >= epochs);
        if is_over { model } else { model.set_frozen(&self.layers, true) }
    }

    /// `model` after the update that led to `position`.
    pub fn after_update(&self, model: Mlp, position: &Position) -> Mlp {
        let ends = position.is_between_epochs() && self.epochs == Some(position.epochs());
        if ends { model.set_frozen(&self.layers, false) } else { model }
    }
}
