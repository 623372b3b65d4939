//! An exponential moving average of a network's weights. It often makes fewer errors than the weights of any one update.
//!
//! After each update, with t counting the updates from 0:
//!
//! ```text
//! d ← min(decay, (1 + t)/(10 + t))
//! a ← a + (1 - d)·(w - a)
//! ```
//!
//! The smaller d of the first updates lets the average forget the initial weights. TensorFlow's
//! [`ExponentialMovingAverage`](https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage) with
//! `num_updates` does the same. The running statistics of batch normalisation are averaged like the weights.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use burn::tensor::container::TensorContainer;

use crate::model::Mlp;
use crate::model::host_tensor::in_one_pass;

/// `average`, a network without gradients, after the update `update`, from 0, which produced `model`. `decay`: in (0, 1).
pub fn updated(average: Mlp, model: &Mlp, decay: f64, update: usize) -> Mlp {
    let decay = decay.min((1.0 + update as f64) / (10.0 + update as f64));
    let mut step = Step { current: TensorContainer::new(), fraction: 1.0 - decay, next: 0 };
    // `valid` removes the gradients and brings the running statistics up to date.
    model.valid().visit(&mut step);
    average.map(&mut step)
}

/// Moves each tensor a fraction of the way to the tensor with the same index in a network of the same shape.
struct Step {
    /// The tensors of that network by their index, which visiting it collects.
    current: TensorContainer<usize>,
    fraction: f64,
    next: usize,
}

impl ModuleVisitor for Step {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.current.register(self.current.len(), param.val());
    }
}

impl ModuleMapper for Step {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(current) = self.current.remove::<Tensor<D>>(&self.next) else { return param };
        self.next += 1;
        param.map(|average| {
            // With several devices, Burn may leave running statistics on any of them.
            let current = current.to_device(&average.device());
            let moved = in_one_pass(&current, [average], &|new, [old]| moved(self.fraction as f32, new, old));
            let [moved] = moved.unwrap_or_else(|[it]| [it.clone() + (current - it).mul_scalar(self.fraction)]);
            moved
        })
    }
}

#[inline(always)]
fn moved(fraction: f32, new: &[f32], old: &mut [f32]) {
    old.iter_mut().zip(new).for_each(|(old, new)| *old += fraction * (new - *old));
}
