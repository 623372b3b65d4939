//! Gaussian noise on the input of a hidden layer's activation, drawn for a whole batch at once.

use burn::nn::GaussianNoise;
use burn::tensor::{Device, Distribution, Tensor};

/// The noise of each unit of each image of a batch.
#[derive(Debug, Clone)]
pub struct Noise {
    /// Image by image; empty without noise.
    numbers: Vec<f32>,
    units: usize,
}

impl Noise {
    /// Draws `noise` for the `units` of each of `images` images.
    pub fn drawn(noise: &GaussianNoise, [images, units]: [usize; 2], device: &Device) -> Self {
        let numbers = if noise.training.is_enabled() && noise.std > 0.0 {
            let drawn = Tensor::<2>::random([images, units], Distribution::Normal(0.0, noise.std), device);
            drawn.into_data().into_vec().expect("floats are drawn")
        } else {
            vec![]
        };
        Self { numbers, units }
    }

    /// The noise of the units of the batch's `number`-th image, or an empty slice without noise.
    #[inline(always)]
    pub fn of(&self, number: usize) -> &[f32] {
        self.numbers.chunks_exact(self.units).nth(number).unwrap_or_default()
    }
}
