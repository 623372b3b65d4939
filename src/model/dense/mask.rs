//! Dropout of a hidden layer, drawn for all of a batch at once and applied together with ReLU.

use burn::nn::Dropout;
use burn::tensor::{Device, Distribution, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::model::host_tensor::PARALLEL_GRAIN;

/// What becomes of each unit of each image of a batch.
pub struct Mask {
    /// Four random bytes each, together a number; none if nothing is dropped.
    draws: Vec<u8>,
    /// The numbers below this one are dropped.
    limit: u32,
    /// What all others are multiplied by.
    pub kept: f32,
}

impl Mask {
    /// What `dropout` does to `count` numbers.
    pub fn drawn(dropout: &Dropout, count: usize, device: &Device) -> Self {
        let probability = if dropout.training.is_enabled() { dropout.prob } else { 0.0 };
        Self {
            draws: if probability > 0.0 { draws(count, device) } else { vec![] },
            limit: (probability * 2f64.powi(32)) as u32,
            kept: (1.0 / (1.0 - probability)) as f32,
        }
    }

    /// Puts `m · max(y, 0)` where y is: the units of one image, the batch's `number`-th.
    #[inline(always)]
    pub fn rectify(&self, y: &mut [f32], number: usize) {
        // What is no number stays none: the training is to stop at it.
        y.iter_mut().for_each(|y| *y = if *y < 0.0 { 0.0 } else { *y });
        if self.draws.is_empty() {
            return;
        }
        let (draws, _) = self.draws[4 * y.len() * number..].as_chunks::<4>();
        for (y, &draw) in y.iter_mut().zip(draws) {
            *y *= if u32::from_le_bytes(draw) < self.limit { 0.0 } else { self.kept };
        }
    }
}

/// Four random bytes for each of `count` numbers, under a seed that the device's generator draws: its own numbers, one by
/// one, take many times as long.
fn draws(count: usize, device: &Device) -> Vec<u8> {
    let seed = Tensor::<1>::random([2], Distribution::Default, device).into_data();
    // Each is a multiple of 2⁻²⁴ in [0, 1).
    let seed = seed.iter::<f32>().fold(0, |seed, part| seed << 24 | (part * 2f32.powi(24)) as u64);
    let (stream, mut draws) = (ChaCha8Rng::seed_from_u64(seed), vec![0; 4 * count]);
    // Each thread draws a part of the stream. A single part stays on this one.
    draws.par_chunks_mut(4 * PARALLEL_GRAIN).enumerate().for_each(|(part, draws)| {
        let mut stream = stream.clone();
        stream.set_word_pos((part * PARALLEL_GRAIN) as u128);
        stream.fill_bytes(draws);
    });
    draws
}
