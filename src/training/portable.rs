//! An optimiser whose state can be restored on every machine.

use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

/// The optimiser `O`, with its state restored on the CPU. Burn restores it on its default device instead: a GPU if the
/// build has one, even if the machine has none or the CPU was asked for. The next step moves the state to its device.
#[derive(Debug, Clone)]
pub struct Portable<O>(pub O);

/// A state that is restored on the CPU, by the flex backend, which every build with Burn's training has.
#[derive(Debug, Clone)]
pub struct OnCpu<S>(S);

impl<S: RecordState> RecordState for OnCpu<S> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        self.0.state_flatten(prefix, out);
    }

    fn state_unflatten(prefix: &str, from: &mut StateSource, _: &Device) -> Option<Self> {
        S::state_unflatten(prefix, from, &Device::flex()).map(Self)
    }
}

impl<O: Optimizer> Optimizer for Portable<O> {
    type State<const D: usize> = OnCpu<O::State<D>>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        weights: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let (weights, state) = self.0.step(rate, weights, gradient, state.map(|state| state.0));
        (weights, state.map(OnCpu))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        OnCpu(O::to_device(state.0, device))
    }
}
