//! The random parts of a hidden layer in training.

use burn::nn::{Dropout, GaussianNoise};

/// Noise and dropout of a hidden layer in training, drawn by the device's generator.
#[derive(Debug, Clone, Copy)]
pub struct Stochastic<'a> {
    /// Added before the activation, see [`noisy`](super::noisy).
    pub noise: &'a GaussianNoise,
    /// Applied to the activation's outputs.
    pub dropout: &'a Dropout,
}
