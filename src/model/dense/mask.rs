//! Dropout of a hidden layer, drawn for a whole batch at once and applied together with ReLU.

use burn::nn::Dropout;
use burn::tensor::{Device, Distribution, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::model::host_tensor::PARALLEL_GRAIN;

/// Which units of each image of a batch are dropped.
pub struct Mask {
    /// Four random bytes for each unit, together a `u32`; empty without dropout.
    draws: Vec<u8>,
    /// Units with a number below this are dropped.
    limit: u32,
    /// The factor of all other units.
    pub kept: f32,
}

impl Mask {
    /// Draws the mask of `dropout` for `count` units.
    pub fn drawn(dropout: &Dropout, count: usize, device: &Device) -> Self {
        let probability = if dropout.training.is_enabled() { dropout.prob } else { 0.0 };
        Self {
            draws: if probability > 0.0 { draws(count, device) } else { vec![] },
            limit: (probability * 2f64.powi(32)) as u32,
            kept: (1.0 / (1.0 - probability)) as f32,
        }
    }

    /// Overwrites y, the units of the batch's `number`-th image, with `m · max(y, 0)`.
    #[inline(always)]
    pub fn rectify(&self, y: &mut [f32], number: usize) {
        // NaN passes through, so that the training stops at it.
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

/// Four random bytes for each of `count` units, from a seed that the device's generator draws. Drawing each number with
/// the device's generator takes many times as long.
fn draws(count: usize, device: &Device) -> Vec<u8> {
    let seed = Tensor::<1>::random([2], Distribution::Default, device).into_data();
    // Each is a multiple of 2⁻²⁴ in [0, 1).
    let seed = seed.iter::<f32>().fold(0, |seed, part| seed << 24 | (part * 2f32.powi(24)) as u64);
    let (stream, mut draws) = (ChaCha8Rng::seed_from_u64(seed), vec![0; 4 * count]);
    // Each thread draws a part of the stream. A single part is drawn on this thread.
    draws.par_chunks_mut(4 * PARALLEL_GRAIN).enumerate().for_each(|(part, draws)| {
        let mut stream = stream.clone();
        stream.set_word_pos((part * PARALLEL_GRAIN) as u128);
        stream.fill_bytes(draws);
    });
    draws
}
