//! Update rules whose saved state is restored on the CPU.
//!
//! Burn restores an optimiser's state on its default device: a GPU if the build has one, even if the machine has none or the
//! CPU was asked for. These are restored by the flex backend instead, which every build with Burn's training has. The next
//! step moves the state to its device.

use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

/// A Burn optimiser, or its state.
#[derive(Clone)]
pub struct CpuState<T>(pub T);

impl<S: RecordState> RecordState for CpuState<S> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        self.0.state_flatten(prefix, out);
    }

    fn state_unflatten(prefix: &str, from: &mut StateSource, _: &Device) -> Option<Self> {
        S::state_unflatten(prefix, from, &Device::flex()).map(Self)
    }
}

impl<O: Optimizer> Optimizer for CpuState<O> {
    type State<const D: usize> = CpuState<O::State<D>>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        weights: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let (weights, state) = self.0.step(rate, weights, gradient, state.map(|CpuState(state)| state));
        (weights, state.map(CpuState))
    }

    fn to_device<const D: usize>(CpuState(state): Self::State<D>, device: &Device) -> Self::State<D> {
        CpuState(O::to_device(state, device))
    }
}
