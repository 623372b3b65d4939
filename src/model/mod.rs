//! The network, its weights in files, and transfer learning from other weights.
//!
//! - [`Mlp`] is the network: its layers, and their formula.
//! - `passes` computes its logits and gradients in closed form on the CPU, for speed, with `host_tensor`, which reads the
//!   numbers of a tensor in place.
//! - [`weights`] writes and reads the file of a model. `tensors` reads those of any program, safetensors or PyTorch.
//! - `Pretrained` weights, of a run or of a file, are where a network starts in transfer learning.

pub(crate) mod host_tensor;
mod mlp;
pub(crate) mod passes;
mod pretrained;
mod tensors;
pub mod weights;

pub use mlp::Mlp;
pub use pretrained::TransferRecord;
pub(crate) use pretrained::{Pretrained, PretrainedError, SourceRun, shortened};
pub(crate) use tensors::{to_half, to_single};
pub use weights::WeightsError;
