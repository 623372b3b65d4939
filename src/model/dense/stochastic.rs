//! What is random in a hidden layer while it trains.

use burn::nn::{Dropout, GaussianNoise};

/// Noise and dropout of a hidden layer in training, drawn by the device's generator.
#[derive(Debug, Clone, Copy)]
pub struct Stochastic<'a> {
    /// Added before the activation, see [`noisy`](super::noisy).
    pub noise: &'a GaussianNoise,
    /// What of the activation's outputs is dropped.
    pub dropout: &'a Dropout,
}
