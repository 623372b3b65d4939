//! The random numbers of a hidden layer in training, drawn for a whole batch at once: dropout and noise.
//!
//! Each layer has its own streams of the step's seed. A thread that draws a part of them starts at a place that depends on
//! the part alone, so that the number of threads changes nothing.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use rayon::prelude::*;

use crate::model::host_tensor::PARALLEL_GRAIN;
use crate::random::{Purpose, generator};

/// Which units of each image of a batch are dropped.
#[derive(Debug, Default)]
pub struct Mask {
    /// Four random bytes for each unit, together a `u32`; empty without dropout.
    draws: Vec<u8>,
    /// Units with a number below this are dropped.
    limit: u32,
    /// The factor of all other units.
    kept: f32,
}

impl Mask {
    /// Draws dropout with this probability for `count` units of the hidden layer `layer`; nothing with probability 0.
    pub fn draw(&mut self, probability: f64, count: usize, seed: u64, layer: u64) {
        self.limit = (probability * 2f64.powi(32)) as u32;
        self.kept = (1.0 / (1.0 - probability)) as f32;
        self.draws.resize(if probability > 0.0 { 4 * count } else { 0 }, 0);
        let stream = generator(seed, Purpose::Dropout { layer });
        self.draws.par_chunks_mut(4 * PARALLEL_GRAIN).enumerate().for_each(|(part, draws)| {
            let mut stream = stream.clone();
            stream.set_word_pos((part * PARALLEL_GRAIN) as u128);
            stream.fill_bytes(draws);
        });
    }

    /// Multiplies the units of the batch's `number`-th image, and their slopes.
    #[inline(always)]
    pub fn apply(&self, number: usize, y: &mut [f32], slope: &mut [f32]) {
        if self.draws.is_empty() {
            return;
        }
        let (draws, _) = self.draws[4 * y.len() * number..].as_chunks::<4>();
        for ((y, slope), &draw) in y.iter_mut().zip(slope).zip(draws) {
            let factor = if u32::from_le_bytes(draw) < self.limit { 0.0 } else { self.kept };
            *y *= factor;
            *slope *= factor;
        }
    }
}

/// Fills `noise` with `count` normally distributed numbers for the inputs of layer `layer`, or empties it if `deviation` is 0.
pub fn draw_noise(noise: &mut Vec<f32>, deviation: f64, count: usize, seed: u64, layer: u64) {
    noise.resize(if deviation > 0.0 { count } else { 0 }, 0.0);
    noise.par_chunks_mut(PARALLEL_GRAIN).enumerate().for_each(|(part, noise)| {
        let mut stream = generator(seed, Purpose::Noise { layer, part: part as u64 });
        noise.iter_mut().for_each(|v| *v = deviation as f32 * stream.sample::<f32, _>(StandardNormal));
    });
}
