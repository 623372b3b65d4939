//! Models in files for other programs: a `network`, also in integers, and its `onnx` file.

mod network;
mod onnx;

pub use network::Network;
pub use onnx::onnx;
