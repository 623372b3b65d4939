//! Models in files that other programs run: a `network` as they compute it, rounded to integers by `int8`, and written by
//! `onnx` in the `messages` of its format.

mod int8;
mod messages;
mod network;
mod onnx;

pub use network::Network;
pub use onnx::onnx;
