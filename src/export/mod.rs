//! Models in files for other programs: a `network`, also in integers, and written by `onnx` in the `messages` of its format.

mod messages;
mod network;
mod onnx;

pub use network::Network;
pub use onnx::onnx;
