//! Elastic deformation: each pixel is displaced a little, and its neighbours by nearly the same.
//!
//! Simard, Steinkraus and Platt draw a number from -1 to 1 for each pixel, smooth the numbers with a Gaussian of σ
//! pixels and weight 1, and multiply by α, once along x and once along y. The field is nearly normal, with variance
//! α²/(12·π·σ²) along each axis, correlation exp(-d²/(4·σ²)) of pixels d apart, and mean displacement α/(√24·σ).
//!
//! A field this smooth needs fewer numbers. Here they stand σ apart, as the heights of Gaussian bumps, and count σ times.
//! Variance and correlation are the same, to a thousandth. Bumps outside the image keep the field from fading at its edges.

use std::f64::consts::TAU;

use rand::Rng;

#[derive(Debug, Clone)]
pub struct Elastic {
    /// The bumps along the image's height, multiplied by α, and along its width.
    down: Vec<Vec<f32>>,
    across: Vec<Vec<f32>>,
}

impl Elastic {
    /// Fields of strength `alpha` and width `sigma` (above 0), both in pixels, for images of `[height, width]`.
    pub fn new(alpha: f64, sigma: f64, [height, width]: [usize; 2]) -> Self {
        let mut down = bumps(height, sigma);
        down.iter_mut().flatten().for_each(|bump| *bump *= alpha as f32);
        Self { down, across: bumps(width, sigma) }
    }

    /// Fills `field`, `[height, width]`, with the displacements along one axis, in pixels: the bumps, each times a number.
    pub fn fill(&self, generator: &mut impl Rng, field: &mut [f32]) {
        let noise: Vec<f32> = (0..self.down.len() * self.across.len()).map(|_| symmetric(generator)).collect();
        let width = self.across[0].len();
        let mut row = vec![0.0; width];
        field.fill(0.0);
        vectorized!({
            for (noise, down) in noise.chunks_exact(self.across.len()).zip(&self.down) {
                row.fill(0.0);
                for (&noise, across) in noise.iter().zip(&self.across) {
                    add(&mut row, noise, across);
                }
                for (field, &down) in field.chunks_exact_mut(width).zip(down) {
                    add(field, down, &row);
                }
            }
        });
    }
}

/// A uniformly distributed number in [-1, 1).
pub fn symmetric(generator: &mut impl Rng) -> f32 {
    generator.next_u32().cast_signed() as f32 / 2.0_f32.powi(31)
}

#[inline(always)]
fn add(sum: &mut [f32], factor: f32, numbers: &[f32]) {
    sum.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += factor * number);
}

/// The heights, at each of `side` pixels, of Gaussians σ apart, up to 3σ outside the image: others add next to nothing.
fn bumps(side: usize, sigma: f64) -> Vec<Vec<f32>> {
    let half = (side as f64 - 1.0) / 2.0;
    let most = (half / sigma).ceil() as i32 + 3;
    let height = |distance: f64| (-0.5 * distance * distance).exp() / (TAU * sigma).sqrt();
    let distances = |number: i32| (0..side).map(move |pixel| (pixel as f64 - half) / sigma - f64::from(number));
    (-most..=most).map(|number| distances(number).map(|distance| height(distance) as f32).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, generator};

    /// The covariance of a field's displacements at two pixels, `[row, column]`.
    fn covariance(elastic: &Elastic, one: [usize; 2], other: [usize; 2]) -> f64 {
        let along = |bumps: &[Vec<f32>], one: usize, other: usize| {
            bumps.iter().map(|bump| f64::from(bump[one]) * f64::from(bump[other])).sum::<f64>()
        };
        along(&elastic.down, one[0], other[0]) * along(&elastic.across, one[1], other[1]) / 3.0
    }

    /// The covariance in Simard's method: a number from -1 to 1 for each pixel, smoothed with a Gaussian of weight 1, no edges.
    fn simards_covariance(alpha: f64, sigma: f64, [down, across]: [f64; 2]) -> f64 {
        let radius = (8.0 * sigma).ceil() as i32;
        let gaussian = |distance: f64| (-0.5 * (distance / sigma).powi(2)).exp();
        let weight: f64 = (-radius..=radius).map(|pixel| gaussian(pixel.into())).sum();
        let along = |apart: f64| {
            let product = |pixel: i32| gaussian(pixel.into()) * gaussian(f64::from(pixel) - apart);
            (-radius..=radius).map(product).sum::<f64>() / (weight * weight)
        };
        alpha * alpha * along(down) * along(across) / 3.0
    }

    #[test]
    fn elastic_field_has_the_covariance_of_smoothed_noise_in_the_middle_and_at_the_edges() {
        for (alpha, sigma) in [(8.0, 1.0), (34.0, 4.0), (36.0, 6.0), (100.0, 11.5)] {
            let elastic = Elastic::new(alpha, sigma, [28, 20]);
            let variance = simards_covariance(alpha, sigma, [0.0, 0.0]);
            let formula = alpha * alpha / (12.0 * std::f64::consts::PI * sigma * sigma);
            assert!((variance / formula - 1.0).abs() < 1e-3, "{variance} is not {formula}");
            for one in [[0, 0], [13, 10], [27, 19], [5, 0]] {
                for other in [[0, 0], [13, 10], [14, 10], [13, 12], [20, 15], [27, 19]] {
                    let apart = [0, 1].map(|axis| one[axis] as f64 - other[axis] as f64);
                    let (found, expected) = (covariance(&elastic, one, other), simards_covariance(alpha, sigma, apart));
                    assert!(
                        (found - expected).abs() < 1e-3 * variance,
                        "{sigma} {one:?} {other:?}: {found}, {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn elastic_field_moves_pixels_by_the_documented_mean() {
        let (alpha, sigma) = (34.0, 4.0);
        let elastic = Elastic::new(alpha, sigma, [28, 28]);
        let mut generator = generator(1, Purpose::Augmentation { epoch: 1, image: 1 });
        let mut moves = vec![];
        for _ in 0..1000 {
            let [right, down] = [(); 2].map(|()| {
                let mut field = vec![0.0; 784];
                elastic.fill(&mut generator, &mut field);
                field
            });
            moves.extend(right.iter().zip(&down).map(|(right, down)| f64::from(right.hypot(*down))));
        }
        let (mean, expected) = (moves.iter().sum::<f64>() / moves.len() as f64, alpha / (24.0_f64.sqrt() * sigma));
        // A field has about 13 independent displacements: the mean of 1,000 has a standard deviation of half a per
        // cent.
        assert!((mean / expected - 1.0).abs() < 0.02, "{mean} is not {expected}");
    }
}
