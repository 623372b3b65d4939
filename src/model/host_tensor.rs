//! The numbers of tensors that lie in the CPU's memory, and one pass over several lists of them.
//!
//! Burn computes a formula operation by operation, and on the CPU each operation reads and writes memory. An update rule
//! of a dozen operations is many times as fast in one pass.
#![cfg_attr(feature = "ndarray", expect(deprecated, reason = "0.22 is the last Burn with ndarray"))]

#[cfg(feature = "ndarray")]
use burn::backend::ndarray::NdArrayTensor;
use burn::backend::{Flex, flex::FlexTensor};
use burn::tensor::{Tensor, TensorData};
use macerator::AutoArch;

/// A tensor's numbers where they lie, shared or not, row by row.
#[derive(Debug, Clone)]
pub enum HostTensor {
    /// Of the ndarray backend.
    #[cfg(feature = "ndarray")]
    NdArray(NdArrayTensor),
    /// Of the flex backend.
    Flex(FlexTensor),
}

impl HostTensor {
    /// The numbers of a tensor of `f32` on a CPU backend without autodiff; of others, none.
    pub fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        let numbers = Self::in_place(tensor.clone())?;
        if numbers.slice().is_some() {
            return Some(numbers);
        }
        // They are not row by row where a file had them column by column, until their first update.
        let copy = Tensor::<D>::from_data(tensor.to_data(), &tensor.device());
        Self::in_place(copy).filter(|numbers| numbers.slice().is_some())
    }

    fn in_place<const D: usize>(tensor: Tensor<D>) -> Option<Self> {
        #[cfg(feature = "ndarray")]
        if let Ok(primitive) = tensor.clone().try_into_primitive::<burn::backend::NdArray>() {
            return Some(Self::NdArray(primitive));
        }
        tensor.try_into_primitive::<Flex>().ok().map(Self::Flex)
    }

    /// The numbers, row by row.
    pub fn as_slice(&self) -> &[f32] {
        self.slice().unwrap_or_default()
    }

    fn slice(&self) -> Option<&[f32]> {
        match self {
            #[cfg(feature = "ndarray")]
            Self::NdArray(NdArrayTensor::F32(storage)) => storage.view().to_slice(),
            #[cfg(feature = "ndarray")]
            Self::NdArray(_) => None,
            Self::Flex(tensor) => tensor.as_slice(),
        }
    }
}

/// The numbers of a tensor of `f32`, to be changed in place.
///
/// # Panics
/// If they are of another type.
pub fn floats_mut(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice().expect("weights are f32, and what belongs to them is of their type")
}

/// How many numbers one thread takes at most: waking another costs as much as going through some 100,000.
pub const PARALLEL_GRAIN: usize = 1 << 18;

/// Runs `pass` over lists of equal length, `read` and those to change, on as many threads as pay. `pass` sees a part at a
/// time, the same part of each list, and is compiled for each generation of processors: it should be `#[inline(always)]`.
pub fn in_one_pass<const N: usize>(
    read: &[f32],
    mut changed: [&mut [f32]; N],
    pass: &(impl Fn(&[f32], [&mut [f32]; N]) + Sync),
) {
    if read.len() <= PARALLEL_GRAIN {
        return AutoArch::new().dispatch(|| pass(read, changed));
    }
    let middle = read.len() / 2;
    let (front, back) = read.split_at(middle);
    let changed_front = changed.each_mut().map(|list| list.split_off_mut(..middle).unwrap_or_default());
    rayon::join(|| in_one_pass(front, changed_front, pass), || in_one_pass(back, changed, pass));
}
