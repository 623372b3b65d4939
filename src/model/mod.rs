//! The network, its weights in files, and transfer learning from other weights.
//!
//! - [`Mlp`] is the network: its layers, and their formula.
//! - `dense` computes a hidden layer with ReLU as one operation on the CPU, for speed, with `host_tensor`, which reads
//!   the numbers of a tensor in place.
//! - [`weights`] writes and reads the file of a model. `tensors` reads those of any program, safetensors or PyTorch.
//! - [`Pretrained`] weights, of a run or of a file, are where a network starts in transfer learning.

mod dense;
pub(crate) mod host_tensor;
mod mlp;
mod pretrained;
mod tensors;
pub mod weights;

pub use mlp::Mlp;
pub use pretrained::{Pretrained, PretrainedError, SourceRun, TransferRecord, shortened};
pub use tensors::{to_half, to_single};
pub use weights::WeightsError;
