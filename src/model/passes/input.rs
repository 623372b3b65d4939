//! The images of a pass, and their products with the weights of the first layer.

use super::matrix::Matrix;
use super::network::values;
use super::random::draw_noise;
use crate::data::BatchImages;

/// The images of a pass.
#[derive(Debug, Default)]
pub struct Input {
    images: usize,
    /// `[images, pixels]`, scaled.
    pixels: Vec<f32>,
    /// Empty without noise.
    noise: Vec<f32>,
}

impl Input {
    /// The number of images.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Takes the images of several batches; `None` if they are not in host memory.
    pub fn fill(&mut self, batches: &[&BatchImages]) -> Option<()> {
        self.pixels.clear();
        self.images = batches.iter().map(|batch| batch.len()).sum();
        for batch in batches {
            match batch {
                BatchImages::Scaled(tensor) => self.pixels.extend(values(tensor.clone())?.as_slice()),
                BatchImages::Bytes { bytes, batcher, .. } => self.pixels.extend(batcher.scaled(bytes)),
            }
        }
        Some(())
    }

    /// Adds noise of standard deviation `deviation` to the images.
    pub fn add_noise(&mut self, deviation: f64, seed: u64) {
        draw_noise(&mut self.noise, deviation, self.pixels.len(), seed, 0);
        self.pixels.iter_mut().zip(&self.noise).for_each(|(pixel, v)| *pixel += v);
    }

    /// Overwrites z with `xW`, of the weights `[pixels, units]`.
    pub fn times(&self, weight: Matrix, z: &mut Vec<f32>) {
        self.matrix().times(weight, z);
    }

    /// Overwrites `gradient` with that of the weights, `xᵀ dz`, where dz is `[images, units]`.
    pub fn gradient(&self, dz: Matrix, gradient: &mut Vec<f32>) {
        self.matrix().transposed().times(dz, gradient);
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix::new(&self.pixels, [self.images, self.pixels.len() / self.images.max(1)])
    }
}
