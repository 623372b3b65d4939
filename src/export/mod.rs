//! Models in files that other programs run: a `network` as they compute it, rounded to integers by `int8`, and written as an
//! `onnx` graph in the messages of `proto`.

mod int8;
mod network;
mod onnx;
mod proto;

pub use network::Network;
pub use onnx::onnx;
