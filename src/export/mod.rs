//! Models in files for other programs: a `network`, also in integers, and its `onnx` file.

mod network;
mod onnx;

pub use network::{Network, errors};
pub use onnx::onnx;
