//! An exponential moving average of a network's weights, which is often better than the weights of any one moment.
//!
//! After each update, with t counting the updates from 0:
//!
//! ```text
//! d ← min(decay, (1 + t)/(10 + t))
//! a ← a + (1 - d)·(w - a)
//! ```
//!
//! The smaller d of the first updates lets the average forget the initial weights; it is that of TensorFlow's
//! [`ExponentialMovingAverage`](https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage) with
//! `num_updates`. Batch normalisation's running statistics are averaged like the weights they go with.

use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use burn::tensor::container::TensorContainer;

use crate::model::Mlp;
use crate::weights::{self, WeightsError};

/// The average, a network itself, without gradients.
#[derive(Module, Debug)]
pub struct Average {
    weights: Mlp,
    decay: f64,
    /// How many updates it has followed.
    updates: usize,
}

impl Average {
    /// The average that starts as `model` and has `decay`, in (0, 1).
    pub fn new(model: &Mlp, decay: f64) -> Self {
        Self { weights: model.valid(), decay, updates: 0 }
    }

    /// The same average, to go on with `update`, counted from 0.
    pub fn starting_at(self, update: usize) -> Self {
        Self { updates: update, ..self }
    }

    /// The same with the weights in `bytes`, the content of the file `path`.
    ///
    /// # Errors
    /// As [`weights::from_bytes`].
    pub fn restored(self, bytes: &[u8], path: &Path) -> Result<Self, WeightsError> {
        Ok(Self { weights: weights::from_bytes(self.weights, bytes, path)?, ..self })
    }

    /// The averaged network.
    pub fn network(&self) -> &Mlp {
        &self.weights
    }

    /// The average after another update, which has led to `model`.
    pub fn followed(self, model: &Mlp) -> Self {
        let mut current = Tensors::default();
        // Without gradients, and with the batch's statistics in the running ones.
        model.valid().visit(&mut current);
        let decay = self.decay.min((1.0 + self.updates as f64) / (10.0 + self.updates as f64));
        let weights = self.weights.map(&mut Step { current, share: 1.0 - decay, next: 0 });
        Self { weights, updates: self.updates + 1, ..self }
    }
}

/// The tensors of a network, by their place.
#[derive(Default)]
struct Tensors(TensorContainer<usize>);

impl ModuleVisitor for Tensors {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.register(self.0.len(), param.val());
    }
}

/// Moves each tensor a share of the way to the one at the same place in a network of the same shape.
struct Step {
    current: Tensors,
    share: f64,
    next: usize,
}

impl ModuleMapper for Step {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let current = self.current.0.remove::<Tensor<D>>(&self.next);
        self.next += 1;
        param.map(|average| match current {
            Some(current) => {
                // With several devices, Burn leaves running statistics on any of them.
                let current = current.to_device(&average.device());
                average.clone() + (current - average).mul_scalar(self.share)
            }
            None => average,
        })
    }
}
