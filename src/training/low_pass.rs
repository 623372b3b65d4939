//! A low-pass filter of the first layer's gradient, for private training.
//!
//! Neighbouring pixels are much alike, so weights that are smooth over the image classify nearly as well as any. The noise of
//! DP-SGD, however, is as strong in the weights' high spatial frequencies as in the low ones, and reaches the logits through
//! both. For each unit, the gradient G, an image, becomes
//!
//! ```text
//! P G Q      P = Cᵀ C, and Q the same for the width      C[f, i] = √(s / n) · cos(π f (2 i + 1) / 2n)
//! ```
//!
//! C, `[frequencies, n]`, has the lowest rows of the orthonormal discrete cosine transform (DCT-II) of n pixels: s is 1 for
//! f = 0, else 2. The filter comes after the noise and does not depend on the images, so it costs no privacy.

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
        let (device, [inputs, units], [height, width]) = (gradient.device(), gradient.dims(), self.size);
        let [of_columns, of_rows] = self.size.map(|side| self.projection(side, &device));
        let rows = gradient.reshape([height, width, units]);
        let filtered = of_rows.unsqueeze::<3>().matmul(rows).reshape([height, width * units]);
        of_columns.matmul(filtered).reshape([inputs, units])
    }

    /// The projection on the lowest frequencies of a `side`, `[side, side]`.
    fn projection(&self, side: usize, device: &Device) -> Tensor<2> {
        let n = side as f64;
        let cosine = |f: usize, i: usize| (PI * f as f64 * (2 * i + 1) as f64 / (2.0 * n)).cos();
        let scale = |f: usize| if f == 0 { 1.0 / n } else { 2.0 / n };
        let value = |i, j| (0..self.frequencies.min(side)).map(|f| scale(f) * cosine(f, i) * cosine(f, j)).sum::<f64>();
        let values: Vec<_> = (0..side).flat_map(|i| (0..side).map(move |j| value(i, j) as f32)).collect();
        Tensor::from_data(TensorData::new(values, [side, side]), device)
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
                .assert_approx_eq::<f32>(&expected.into_data(), Default::default());
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
