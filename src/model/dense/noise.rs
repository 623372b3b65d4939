//! Gaussian noise on what a hidden layer's activation gets, drawn for all of a batch at once.

use burn::nn::GaussianNoise;
use burn::tensor::{Device, Distribution, Tensor};

/// What is added to each unit of each image of a batch.
#[derive(Debug, Clone)]
pub struct Noise {
    /// Image by image; nothing without noise.
    numbers: Vec<f32>,
    units: usize,
}

impl Noise {
    /// What `noise` adds to the `units` of so many `images`.
    pub fn drawn(noise: &GaussianNoise, [images, units]: [usize; 2], device: &Device) -> Self {
        let numbers = if noise.training.is_enabled() && noise.std > 0.0 {
            let drawn = Tensor::<2>::random([images, units], Distribution::Normal(0.0, noise.std), device);
            drawn.into_data().into_vec().expect("floats are drawn")
        } else {
            vec![]
        };
        Self { numbers, units }
    }

    /// What is added to the units of the batch's `number`-th image: as many numbers, or none.
    #[inline(always)]
    pub fn of(&self, number: usize) -> &[f32] {
        self.numbers.chunks_exact(self.units).nth(number).unwrap_or_default()
    }
}
