//! Direct access to tensors in host memory, and one pass over several of them.
//!
//! On the CPU, each of Burn's operations reads and writes memory. An update rule of a dozen is many times as fast in one pass.
#![cfg_attr(feature = "ndarray", expect(deprecated, reason = "0.22 is the last Burn with ndarray"))]

#[cfg(feature = "ndarray")]
use burn::backend::ndarray::NdArrayTensor;
use burn::backend::{Flex, flex::FlexTensor};
use burn::tensor::Tensor;
use rayon::prelude::*;

/// A tensor's values in host memory, in row-major order, without a copy. Other tensors may share them.
#[derive(Debug, Clone)]
pub enum HostTensor {
    #[cfg(feature = "ndarray")]
    NdArray(NdArrayTensor),
    Flex(FlexTensor),
}

impl HostTensor {
    /// The values of an `f32` tensor on a CPU backend, with or without autodiff; `None` for other tensors.
    pub fn of<const D: usize>(tensor: Tensor<D>) -> Option<Self> {
        let (tensor, is_whole) = (tensor.without_autodiff(), |values: &Self| !values.as_slice().is_empty());
        // Weights from a file may be in column-major order until their first update.
        let copy = || Tensor::<D>::from_data(tensor.to_data(), &tensor.device());
        let values = Self::in_place(tensor.clone())?;
        Some(values).filter(is_whole).or_else(|| Self::in_place(copy()).filter(is_whole))
    }

    fn in_place<const D: usize>(tensor: Tensor<D>) -> Option<Self> {
        #[cfg(feature = "ndarray")]
        if let Ok(primitive) = tensor.clone().try_into_primitive::<burn::backend::NdArray>() {
            return Some(Self::NdArray(primitive));
        }
        tensor.try_into_primitive::<Flex>().ok().map(Self::Flex)
    }

    /// The values; none if they are not `f32` or not in row-major order.
    pub fn as_slice(&self) -> &[f32] {
        let values = match self {
            #[cfg(feature = "ndarray")]
            Self::NdArray(NdArrayTensor::F32(storage)) => storage.view().to_slice(),
            #[cfg(feature = "ndarray")]
            Self::NdArray(_) => None,
            Self::Flex(tensor) => tensor.as_slice(),
        };
        values.unwrap_or_default()
    }
}

/// The largest number of values for one thread: waking another costs as much as processing about 100,000.
pub const PARALLEL_GRAIN: usize = 1 << 18;

/// The tensors `changed` after `pass` has changed their values in place, on as many threads as help, or as they are if `read`
/// is not in host memory. Each call of `pass` gets `constants`, and the same part of `read` and of all `changed`. It should be
/// an `#[inline(always)]` function, see `vectorized!`. Panics if the tensors are not `f32` tensors of equal length.
pub fn in_one_pass<const D: usize, const N: usize, C: Copy + Sync>(
    read: &Tensor<D>,
    changed: [Tensor<D>; N],
    constants: C,
    pass: impl Fn(C, &[f32], [&mut [f32]; N]) + Copy + Sync,
) -> Result<[Tensor<D>; N], [Tensor<D>; N]> {
    let Some(tensor) = HostTensor::of(read.clone()) else { return Err(changed) };
    let read = tensor.as_slice();
    let mut changed = changed.map(|tensor| (tensor.device(), tensor.into_data()));
    let mut left =
        changed.each_mut().map(|(_, data)| data.as_mut_slice().expect("weights, gradients and state are f32"));
    // As many equal parts as threads share well.
    let count = read.len().div_ceil(PARALLEL_GRAIN).next_power_of_two();
    let parts = read.chunks(read.len().div_ceil(count).max(1));
    let parts = parts.map(|read| (read, left.each_mut().map(|it| it.split_off_mut(..read.len()).unwrap_or_default())));
    let parts: Vec<_> = parts.collect();
    parts.into_par_iter().for_each(|(read, changed)| vectorized!(pass(constants, read, changed)));
    Ok(changed.map(|(device, data)| Tensor::from_data(data, &device)))
}

/// A part of an optimiser's state, or 0 if it is too small to change a weight. Without gradients, it would shrink until it is
/// subnormal, and some processors compute a hundred times as slowly with subnormal numbers.
#[inline(always)]
pub fn normal(state: f32) -> f32 {
    if state.abs() < 1e-30 { 0.0 } else { state }
}
