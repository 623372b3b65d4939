//! The network, its weights in files, and transfer learning from other weights.
//!
//! - [`Mlp`] is the network: its layers, and their formula.
//! - `passes` computes its logits and gradients in closed form on the CPU, for speed, with `host_tensor`, which reads the
//!   numbers of a tensor in place.
//! - `Description` is what the file of a model says of it.
//! - [`weights`] writes and reads the file of a model. `tensors` reads those of any program, safetensors or PyTorch.
//! - `Pretrained` weights, of a run or of a file, are where a network starts in transfer learning.

mod description;
pub(crate) mod host_tensor;
mod mlp;
pub(crate) mod passes;
mod pretrained;
mod tensors;
pub mod weights;

pub(crate) use description::{Architecture, Description, PROGRAM, Pixels};
pub use mlp::Mlp;
pub(crate) use mlp::{activation, layer_group, own_weights};
pub use pretrained::TransferRecord;
pub(crate) use pretrained::{Pretrained, PretrainedError, shortened};
pub(crate) use tensors::{Stored, from_safetensors, only, to_half, to_single};
pub use weights::WeightsError;
