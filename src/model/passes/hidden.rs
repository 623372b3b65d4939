//! What a hidden layer does after its matrix product, forwards and backwards.
//!
//! With z = xW, σ the activation, v the noise and m dropout's mask (1/(1 - p) with probability 1 - p, else 0), of a unit:
//!
//! ```text
//! a  = scale·(z - center) + shift + strength·v      y  = m·σ(a)
//! da = dy · m·σ'(a)
//! ```
//!
//! | | center | scale | shift | strength |
//! | --- | --- | --- | --- | --- |
//! | without batch normalisation | 0 | 1 | b | 1 |
//! | with it, of the n images of the batch | μ = Σ z/n | γ·r, r = 1/√(Σ (z - μ)²/n + ε) | β | γ |
//! | with it, frozen or after training | the running mean - b | γ/√(running variance + ε) | β | γ |
//!
//! In the second row, the batch's statistics depend on z, so that
//!
//! ```text
//! dβ = Σ da      s = r·Σ da·(z - μ)      dγ = s + Σ da·v      db = 0
//! dz = scale · (da - dβ/n - s·r·(z - μ)/n)
//! ```
//!
//! Otherwise dz = scale·da and db = Σ dz. Ioffe and Szegedy 2015, <https://arxiv.org/abs/1502.03167>. In training, the
//! layer's bias shifts z and its mean alike: it affects the running mean only.

use burn::nn::{BatchNorm, activation::Activation};
use burn::tensor::Tensor;
use rand::Rng;
use rayon::prelude::*;

use super::input::{Input, draw_noise};
use super::matrix::sum_of_rows;
use crate::model::host_tensor::{HostTensor, PARALLEL_GRAIN};
use crate::random::{Purpose, generator};

/// The buffers of a hidden layer. All but `units` are `[images, units]`.
#[derive(Debug, Default)]
pub struct Hidden {
    /// The product of the images and the weights.
    pub z: Vec<f32>,
    /// The outputs, which are the inputs of the next layer.
    pub y: Input,
    /// `m·σ'(a)`.
    slope: Vec<f32>,
    noise: Vec<f32>,
    /// Dropout: four random bytes for each unit, together a `u32`; empty without it.
    draws: Vec<u8>,
    /// Units with a number below this are dropped.
    limit: u32,
    /// The factor of all other units.
    kept: f32,
    units: Units,
}

/// The numbers of each unit in the formula.
#[derive(Debug, Default)]
struct Units {
    center: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    strength: Vec<f32>,
    /// r, if the batch's own statistics count; otherwise empty.
    inverse: Vec<f32>,
}

/// The gradients of b, γ and β, each `[units]`.
pub type Gradients = [Vec<f32>; 3];

impl Hidden {
    /// Draws noise and dropout for layer `number`. Each part has its own place in the stream, whatever the number of threads.
    pub fn draw(&mut self, [noise, dropout]: [f64; 2], seed: u64, number: u64) {
        draw_noise(&mut self.noise, noise, self.z.len(), seed, number + 1);
        self.limit = (dropout * 2f64.powi(32)) as u32;
        self.kept = (1.0 / (1.0 - dropout)) as f32;
        self.draws.resize(if dropout > 0.0 { 4 * self.z.len() } else { 0 }, 0);
        let stream = generator(seed, Purpose::Dropout { layer: number });
        self.draws.par_chunks_mut(4 * PARALLEL_GRAIN).enumerate().for_each(|(part, draws)| {
            let mut stream = stream.clone();
            stream.set_word_pos((part * PARALLEL_GRAIN) as u128);
            stream.fill_bytes(draws);
        });
    }

    /// Computes `y` and the slopes. `training` uses and tracks the batch's statistics. `None` if `norm` is not in host memory.
    pub fn activate(&mut self, b: &[f32], norm: Option<&BatchNorm>, sigma: &Activation, training: bool) -> Option<()> {
        self.units = match norm {
            None => {
                let [zeros, ones] = [0.0, 1.0].map(|number| vec![number; b.len()]);
                Units { center: zeros, scale: ones.clone(), shift: b.to_vec(), strength: ones, inverse: vec![] }
            }
            Some(norm) => {
                let is_of_batch = training && norm.training.is_enabled();
                let [center, variance] = if is_of_batch {
                    of_batch(&self.z, b, norm)
                } else {
                    let mean = vector(norm.running_mean.value())?;
                    [mean.iter().zip(b).map(|(mean, b)| mean - b).collect(), vector(norm.running_var.value())?]
                };
                let [strength, shift] = [vector(norm.gamma.val())?, vector(norm.beta.val())?];
                let epsilon = norm.epsilon as f32;
                let inverse: Vec<f32> = variance.iter().map(|variance| 1.0 / (variance + epsilon).sqrt()).collect();
                let scale = strength.iter().zip(&inverse).map(|(gamma, inverse)| gamma * inverse).collect();
                Units { center, scale, shift, strength, inverse: if is_of_batch { inverse } else { vec![] } }
            }
        };
        self.y.resize(self.z.len() / b.len(), b.len());
        self.slope.resize(self.z.len(), 0.0);
        match sigma {
            // NaN passes through, so that the training stops at it.
            Activation::Relu(_) => self.pass(|a| [if a < 0.0 { 0.0 } else { a }, if a > 0.0 { 1.0 } else { 0.0 }]),
            Activation::Sigmoid(_) => self.pass(|a| {
                let y = 1.0 / (1.0 + (-a).exp());
                [y, y * (1.0 - y)]
            }),
            Activation::Tanh(_) => self.pass(|a| {
                let y = a.tanh();
                [y, 1.0 - y * y]
            }),
            // `a·Φ(a)`, and `Φ(a) + a·φ(a)`.
            Activation::Gelu(_) => self.pass(|a| {
                let below = 0.5 * (1.0 + libm::erff(a * std::f32::consts::FRAC_1_SQRT_2));
                let density = (-0.5 * a * a).exp() / std::f32::consts::TAU.sqrt();
                [a * below, below + a * density]
            }),
            _ => return None,
        }
        Some(())
    }

    /// Computes y and the slopes, on as many threads as help. `activation` gives σ and σ'.
    fn pass(&mut self, activation: impl Fn(f32) -> [f32; 2] + Copy + Sync) {
        let Units { center, scale, shift, strength, .. } = &self.units;
        let (limit, kept, width) = (self.limit, self.kept, scale.len());
        let Self { z, y, slope, noise, draws, .. } = self;
        let images = (PARALLEL_GRAIN / width).max(1);
        let parts = y.values.par_chunks_mut(images * width).zip(slope.par_chunks_mut(images * width));
        parts.zip(z.par_chunks(images * width)).enumerate().for_each(|(part, ((y, slope), z))| {
            vectorized!({
                let rows = y.chunks_exact_mut(width).zip(slope.chunks_exact_mut(width)).zip(z.chunks_exact(width));
                for (image, ((y, slope), z)) in (part * images..).zip(rows) {
                    for ((((y, z), center), scale), shift) in y.iter_mut().zip(z).zip(center).zip(scale).zip(shift) {
                        *y = (z - center) * scale + shift;
                    }
                    let noise = row(noise, width, image).iter().zip(strength);
                    y.iter_mut().zip(noise).for_each(|(y, (v, strength))| *y += strength * v);
                    for (y, slope) in y.iter_mut().zip(slope.iter_mut()) {
                        [*y, *slope] = activation(*y);
                    }
                    let (draws, _) = row(draws, 4 * width, image).as_chunks::<4>();
                    for ((y, slope), &draw) in y.iter_mut().zip(slope).zip(draws) {
                        let factor = if u32::from_le_bytes(draw) < limit { 0.0 } else { kept };
                        *y *= factor;
                        *slope *= factor;
                    }
                }
            });
        });
    }

    /// Overwrites `dy`, the gradients of y, with those of z, and returns those of the vectors.
    pub fn derive(&self, dy: &mut [f32]) -> Gradients {
        vectorized!({
            let Units { center, scale, inverse, .. } = &self.units;
            let width = scale.len();
            let mut beta = vec![0.0; width];
            for (dy, slope) in dy.chunks_exact_mut(width).zip(self.slope.chunks_exact(width)) {
                for ((dy, slope), sum) in dy.iter_mut().zip(slope).zip(&mut beta) {
                    *dy *= slope;
                    *sum += *dy;
                }
            }
            if inverse.is_empty() {
                for dy in dy.chunks_exact_mut(width) {
                    dy.iter_mut().zip(scale).for_each(|(dy, scale)| *dy *= scale);
                }
                let bias = beta.iter().zip(scale).map(|(sum, scale)| sum * scale).collect();
                return [bias, vec![], beta];
            }
            let images = (dy.len() / width) as f32;
            let (mut s, mut of_noise) = (vec![0.0; width], vec![0.0; width]);
            for (image, (da, z)) in dy.chunks_exact(width).zip(self.z.chunks_exact(width)).enumerate() {
                for (((s, da), z), center) in s.iter_mut().zip(da).zip(z).zip(center) {
                    *s += da * (z - center);
                }
                let noise = row(&self.noise, width, image);
                of_noise.iter_mut().zip(da).zip(noise).for_each(|((sum, da), v)| *sum += da * v);
            }
            s.iter_mut().zip(inverse).for_each(|(s, inverse)| *s *= inverse);
            let slope: Vec<f32> = s.iter().zip(inverse).map(|(s, inverse)| s * inverse / images).collect();
            let mean: Vec<f32> = beta.iter().map(|sum| sum / images).collect();
            for (da, z) in dy.chunks_exact_mut(width).zip(self.z.chunks_exact(width)) {
                let of_unit = center.iter().zip(scale).zip(slope.iter().zip(&mean));
                for ((da, z), ((center, scale), (slope, mean))) in da.iter_mut().zip(z).zip(of_unit) {
                    *da = scale * (*da - mean - slope * (z - center));
                }
            }
            let gamma = s.iter().zip(of_noise).map(|(s, of_noise)| s + of_noise).collect();
            [vec![0.0; width], gamma, beta]
        })
    }
}

/// The mean and the variance of z for each unit. The running statistics move towards those of z and the bias, as Burn's do.
fn of_batch(z: &[f32], bias: &[f32], norm: &BatchNorm) -> [Vec<f32>; 2] {
    let width = bias.len();
    let images = (z.len() / width) as f32;
    let mean: Vec<f32> = sum_of_rows(z, width).into_iter().map(|sum| sum / images).collect();
    let mut variance = vec![0.0; width];
    vectorized!({
        for z in z.chunks_exact(width) {
            for ((variance, z), mean) in variance.iter_mut().zip(z).zip(&mean) {
                *variance += (z - mean) * (z - mean);
            }
        }
    });
    variance.iter_mut().for_each(|variance| *variance /= images);
    let shifted: Vec<f32> = mean.iter().zip(bias).map(|(mean, b)| mean + b).collect();
    let BatchNorm { running_mean, running_var, momentum, .. } = norm;
    for (running, batch) in [(running_mean, &shifted), (running_var, &variance)] {
        let value = running.value_sync();
        let batch = Tensor::<1>::from_floats(batch.as_slice(), &value.device());
        running.update((value * (1.0 - momentum) + batch * *momentum).detach());
    }
    [mean, variance]
}

fn vector(tensor: Tensor<1>) -> Option<Vec<f32>> {
    Some(HostTensor::of(tensor)?.as_slice().to_vec())
}

/// The numbers of the batch's `image`-th image, or none.
#[inline(always)]
fn row<T>(numbers: &[T], width: usize, image: usize) -> &[T] {
    numbers.get(image * width..(image + 1) * width).unwrap_or_default()
}
