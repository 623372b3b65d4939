//! The network, its weights in files, and where they come from.

mod dense;
pub(crate) mod host_tensor;
mod mlp;
mod pretrained;
mod tensors;
pub mod weights;

pub use mlp::Mlp;
pub use pretrained::{Pretrained, PretrainedError, SourceRun, TransferRecord, shortened};
pub use weights::WeightsError;
