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

use std::{f64::consts::PI, iter::repeat_n};

use burn::tensor::{Tensor, TensorData};

use crate::model::passes::{Input, squared_norms_of_rows};

/// Products with images that are mostly background are fastest with so many columns: eight vectors of AVX-512.
const COLUMNS: usize = 128;

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
        let (waves, columns) = self.waves();
        let waves = Tensor::<2>::from_data(TensorData::new(waves, [gradient.dims()[0], columns]), &gradient.device());
        waves.clone().matmul(waves.transpose().matmul(gradient))
    }

    /// The squared norms of `images` without their high frequencies.
    pub fn squared_norms(&self, images: &Input) -> Vec<f64> {
        let (waves, columns) = self.waves();
        let mut coefficients = vec![];
        images.times(&waves, columns, &mut coefficients);
        squared_norms_of_rows(&coefficients, columns)
    }

    /// The products of C's rows with D's, which are images: one in each column, `[height · width, columns]`, and
    /// columns of zeros after them. Also returns the number of columns.
    fn waves(&self) -> (Vec<f32>, usize) {
        let [rows, columns] = self.size.map(|side| self.transform(side));
        let count = rows[0].len() * columns[0].len();
        let zeros = count.next_multiple_of(COLUMNS) - count;
        let pixels = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
        let waves = pixels.flat_map(|(row, column)| {
            let products = row.iter().flat_map(|v| column.iter().map(move |u| (v * u) as f32));
            products.chain(repeat_n(0.0, zeros))
        });
        (waves.collect(), count + zeros)
    }

    /// Cᵀ for a side of n pixels: the values of the frequencies at each pixel.
    fn transform(&self, n: usize) -> Vec<Vec<f64>> {
        let scale = |f: usize| (if f == 0 { 1.0 } else { 2.0 } / n as f64).sqrt();
        let value = |f: usize, i: usize| scale(f) * (PI * f as f64 * (2 * i + 1) as f64 / (2 * n) as f64).cos();
        (0..n).map(|i| (0..self.frequencies.min(n)).map(|f| value(f, i)).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

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
        for device in device::list().into_iter().flat_map(|(_, adapters)| adapters).map(|opened| opened.device) {
            let pass = [[0, 0], [3, 0], [0, 3], [3, 3], [1, 2]];
            let vanish = [[4, 0], [0, 4], [5, 8], [3, 4], [4, 3]];
            let filter = LowPass { frequencies: 4, size: [6, 9] };
            let expected = waves(&pass, &device);
            filter
                .filter(expected.clone())
                .into_data()
                .assert_approx_eq::<f32>(&expected.clone().into_data(), Default::default());
            // The images are a gradient's columns.
            let mut images = Input::default();
            images.resize(pass.len(), 54);
            images.values = expected.clone().transpose().into_data().try_to_vec().unwrap();
            let norms = filter.squared_norms(&images);
            let squares: Vec<f64> = expected.square().sum_dim(0).into_data().iter().collect();
            assert!(norms.iter().zip(&squares).all(|(a, b)| (a - b).abs() < 1e-4 * b), "{norms:?}, {squares:?}");
            let nothing = filter.filter(waves(&vanish, &device));
            assert!(nothing.abs().max().into_scalar::<f32>() < 1e-5);
        }
    }

    #[test]
    fn filter_with_as_many_frequencies_as_pixels_changes_nothing() {
        for device in device::list().into_iter().flat_map(|(_, adapters)| adapters).map(|opened| opened.device) {
            let expected = waves(&[[0, 0], [5, 8], [2, 7]], &device);
            for frequencies in [9, 100] {
                let found = LowPass { frequencies, size: [6, 9] }.filter(expected.clone());
                found.into_data().assert_approx_eq::<f32>(&expected.clone().into_data(), Default::default());
            }
        }
    }
}
