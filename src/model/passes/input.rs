//! The inputs of a layer, and their products with its weights: the images of a pass, or the outputs of the layer before.
//!
//! Most pixels are background: four fifths of MNIST's. With c, the number that a background pixel becomes, an image is
//! `x = c + s`, where s is 0 in the background, so that
//!
//! ```text
//! xW = c·ΣW + sW      xᵀdz = c·Σdz + sᵀdz
//! ```
//!
//! with ΣW the sum of the weights of each unit, and Σdz that of the gradients. The products with s have one row of the
//! weights added for each pixel that is not background.

use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::matrix::{Matrix, squared_norms_of_rows, sum_of_rows};
use super::sparse::Sparse;
use crate::data::BatchImages;
use crate::model::host_tensor::{HostTensor, PARALLEL_GRAIN};
use crate::random::{Purpose, generator};

/// The largest fraction of pixels that are not background for which the products skip the others: with more of them, the
/// whole product is as fast (a processor with AVX-512, 32 to 512 images, 64 to 1,500 units).
const MOST_INK: f64 = 0.3;

/// The fewest units for which they do. With fewer, finding the pixels takes too much of the time.
const FEWEST_UNITS: usize = 64;

#[derive(Debug, Default)]
pub struct Input {
    pub images: usize,
    inputs: usize,
    /// Whether `ink` holds the numbers, and not `values`.
    is_sparse: bool,
    /// `[images, inputs]`; pixels are scaled.
    pub values: Vec<f32>,
    noise: Vec<f32>,
    /// What a background pixel becomes.
    background: f32,
    /// The difference of the other pixels from that, `[images, inputs]`.
    ink: Sparse,
    /// The same, `[inputs, images]`.
    ink_of_pixels: Sparse,
}

impl Input {
    /// Takes images for a layer of size `[inputs, units]`; with a seed, adds `noise`. `None` if they are not in host memory.
    pub fn fill(&mut self, batches: &[&BatchImages], size: [usize; 2], noise: f64, seed: Option<u64>) -> Option<()> {
        self.images = batches.iter().map(|batch| batch.len()).sum();
        self.inputs = size[0];
        let is_noisy = seed.is_some() && noise > 0.0;
        let is_sparse = |it: &&BatchImages| matches!(it, BatchImages::Bytes { bytes, .. } if is_mostly_blank(bytes));
        self.is_sparse = size[1] >= FEWEST_UNITS && !is_noisy && batches.iter().all(is_sparse);
        self.ink.clear();
        self.values.clear();
        for batch in batches {
            match batch {
                BatchImages::Scaled(tensor) => self.values.extend(HostTensor::of(tensor.clone())?.as_slice()),
                BatchImages::Bytes { bytes, area, batcher } if self.is_sparse => {
                    let scaled = *batcher.values;
                    self.background = scaled[0];
                    self.ink.extend(bytes, *area, &scaled.map(|value| value - scaled[0]));
                }
                BatchImages::Bytes { bytes, batcher, .. } => self.values.extend(batcher.scaled(bytes)),
            }
        }
        if self.is_sparse {
            self.ink.transpose(self.inputs, &mut self.ink_of_pixels);
        } else if let Some(seed) = seed {
            draw_noise(&mut self.noise, noise, self.values.len(), seed, 0);
            self.values.iter_mut().zip(&self.noise).for_each(|(pixel, v)| *pixel += v);
        }
        Some(())
    }

    pub fn resize(&mut self, images: usize, units: usize) {
        (self.images, self.inputs) = (images, units);
        self.values.resize(images * units, 0.0);
    }

    /// Overwrites z with `xW`, of the weights `[inputs, units]`.
    pub fn times(&self, weight: &[f32], units: usize, z: &mut Vec<f32>) {
        match self.is_sparse {
            true => self.ink.times(weight, &background_sum(self.background, weight, units), z),
            false => self.matrix().times(Matrix::new(weight, [self.inputs, units]), z),
        }
    }

    /// Overwrites `gradient` with that of the weights, `xᵀ dz`, where dz is `[images, units]`.
    pub fn gradient(&self, dz: &[f32], units: usize, gradient: &mut Vec<f32>) {
        match self.is_sparse {
            true => self.ink_of_pixels.times(dz, &background_sum(self.background, dz, units), gradient),
            false => self.matrix().transposed().times(Matrix::new(dz, [self.images, units]), gradient),
        }
    }

    pub fn squared_norms(&self) -> Vec<f64> {
        if !self.is_sparse {
            return squared_norms_of_rows(&self.values, self.inputs);
        }
        // (c + s)² = c² + s·(s + 2c)
        let background = f64::from(self.background);
        let blank = self.inputs as f64 * background * background;
        let more = |&(_, s): &(u32, f32)| f64::from(s) * (f64::from(s) + 2.0 * background);
        self.ink.rows().map(|row| blank + row.iter().map(more).sum::<f64>()).collect()
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix::new(&self.values, [self.images, self.inputs])
    }
}

fn background_sum(background: f32, rows: &[f32], width: usize) -> Vec<f32> {
    if background == 0.0 {
        return vec![0.0; width];
    }
    sum_of_rows(rows, width).into_iter().map(|sum| sum * background).collect()
}

fn is_mostly_blank(bytes: &[u8]) -> bool {
    // Sums of few bytes fit into a byte, so that many are counted at once.
    let ink = |bytes: &[u8]| usize::from(bytes.iter().map(|&byte| u8::from(byte != 0)).sum::<u8>());
    let count: usize = vectorized!(bytes.chunks(128).map(ink).sum());
    count as f64 <= MOST_INK * bytes.len() as f64
}

/// Draws `count` normal numbers, or none if `deviation` is 0. Each part has its own stream, whatever the number of threads.
pub fn draw_noise(noise: &mut Vec<f32>, deviation: f64, count: usize, seed: u64, layer: u64) {
    noise.resize(if deviation > 0.0 { count } else { 0 }, 0.0);
    noise.par_chunks_mut(PARALLEL_GRAIN).enumerate().for_each(|(part, noise)| {
        let mut stream = generator(seed, Purpose::Noise { layer, part: part as u64 });
        noise.iter_mut().for_each(|v| *v = deviation as f32 * stream.sample::<f32, _>(StandardNormal));
    });
}
