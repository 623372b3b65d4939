//! A low-pass filter of the first layer's gradient, for private training.
//!
//! Neighbouring pixels are much alike, so weights that are smooth over the image classify nearly as well as any. The noise of
//! DP-SGD, however, is as strong in the weights' high spatial frequencies as in the low ones, and reaches the logits through
//! both. For each unit, the gradient G, an image, becomes
//!
//! ```text
//! Cᵀ (C G Dᵀ) D      C[f, i] = √(s / n) · cos(π f (2 i + 1) / 2n)
//! ```
//!
//! C, `[frequencies, n]`, has the lowest rows of the orthonormal discrete cosine transform (DCT-II) of n pixels: s is 1 for
//! f = 0, else 2. It is for the height, and D for the width. The filter does not depend on the images, so it costs no privacy.
//! Images are clipped by the norm of what it leaves of their gradients.

use std::f64::consts::PI;

use burn::tensor::{Device, Tensor, TensorData};

#[derive(Debug, Clone, Copy)]
pub struct LowPass {
    /// The number of frequencies that are left along each side.
    pub frequencies: usize,
    /// Height and width of the images.
    pub size: [usize; 2],
}

impl LowPass {
    /// The `gradient` of the first layer's weights, `[height · width, units]`, without its high frequencies.
    pub fn filter(&self, gradient: Tensor<2>) -> Tensor<2> {
        let [rows, columns] = self.transforms(&gradient.device());
        let [inputs, units] = gradient.dims();
        let kept = self.coefficients(gradient.transpose());
        rows.transpose().unsqueeze().matmul(kept).matmul(columns.unsqueeze()).reshape([units, inputs]).transpose()
    }

    /// The squared norms of `images`, `[images, height · width]`, without their high frequencies.
    pub fn squared_norms(&self, images: Vec<f32>, device: &Device) -> Vec<f64> {
        let inputs = self.size[0] * self.size[1];
        let count = images.len() / inputs;
        self.coefficients(Tensor::from_data(TensorData::new(images, [count, inputs]), device))
            .square()
            .reshape([count as i32, -1])
            .sum_dim(1)
            .into_data()
            .iter::<f64>()
            .collect()
    }

    /// The coefficients of the frequencies that are left, `[images, frequencies, frequencies]`.
    fn coefficients(&self, images: Tensor<2>) -> Tensor<3> {
        let ([rows, columns], [count, _], [height, width]) =
            (self.transforms(&images.device()), images.dims(), self.size);
        rows.unsqueeze().matmul(images.reshape([count, height, width])).matmul(columns.transpose().unsqueeze())
    }

    /// C for the height and for the width.
    fn transforms(&self, device: &Device) -> [Tensor<2>; 2] {
        self.size.map(|side| {
            let (n, frequencies) = (side as f64, self.frequencies.min(side));
            let scale = |f: usize| if f == 0 { (1.0 / n).sqrt() } else { (2.0 / n).sqrt() };
            let value = |f: usize, i: usize| scale(f) * (PI * f as f64 * (2 * i + 1) as f64 / (2.0 * n)).cos();
            let values = (0..frequencies).flat_map(|f| (0..side).map(move |i| value(f, i) as f32));
            Tensor::from_data(TensorData::new(values.collect::<Vec<_>>(), [frequencies, side]), device)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device;

    /// Images of waves with the frequencies of `waves` along height and width, one for each unit, `[6 · 9, units]`.
    fn waves(waves: &[[usize; 2]], device: &Device) -> Tensor<2> {
        let wave = |f: usize, i: usize, n: usize| (PI * f as f64 * (2 * i + 1) as f64 / (2 * n) as f64).cos();
        let pixels = (0..6).flat_map(|y| (0..9).map(move |x| (y, x)));
        let values = pixels.flat_map(|(y, x)| waves.iter().map(move |[v, u]| (wave(*v, y, 6) * wave(*u, x, 9)) as f32));
        Tensor::from_data(TensorData::new(values.collect::<Vec<_>>(), [54, waves.len()]), device)
    }

    #[test]
    fn waves_of_the_lowest_frequencies_pass_and_all_others_vanish() {
        for device in device::list().into_iter().flat_map(|listed| listed.adapters).map(|opened| opened.device) {
            let pass = [[0, 0], [3, 0], [0, 3], [3, 3], [1, 2]];
            let vanish = [[4, 0], [0, 4], [5, 8], [3, 4], [4, 3]];
            let filter = LowPass { frequencies: 4, size: [6, 9] };
            let expected = waves(&pass, &device);
            filter
                .filter(expected.clone())
                .into_data()
                .assert_approx_eq::<f32>(&expected.clone().into_data(), Default::default());
            // The images are a gradient's columns.
            let norms = filter.squared_norms(expected.clone().transpose().into_data().try_to_vec().unwrap(), &device);
            let squares: Vec<f64> = expected.square().sum_dim(0).into_data().iter().collect();
            assert!(norms.iter().zip(&squares).all(|(a, b)| (a - b).abs() < 1e-4 * b), "{norms:?}, {squares:?}");
            let nothing = filter.filter(waves(&vanish, &device));
            assert!(nothing.abs().max().into_scalar::<f32>() < 1e-5);
        }
    }

    #[test]
    fn filter_with_as_many_frequencies_as_pixels_changes_nothing() {
        for device in device::list().into_iter().flat_map(|listed| listed.adapters).map(|opened| opened.device) {
            let expected = waves(&[[0, 0], [5, 8], [2, 7]], &device);
            for frequencies in [9, 100] {
                let found = LowPass { frequencies, size: [6, 9] }.filter(expected.clone());
                found.into_data().assert_approx_eq::<f32>(&expected.clone().into_data(), Default::default());
            }
        }
    }
}
