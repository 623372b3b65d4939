//! Distortions of the training images: each image another one in each epoch, so that none is seen twice.
//!
//! What an image becomes is a function of the seed, the epoch and the image's index alone: how many threads make the
//! batches, or an interruption, changes nothing. A pixel p of the new image has the ink that the old one has at
//!
//! ```text
//! c + M⁻¹·(p - c - t) + u(p)
//! ```
//!
//! with c the middle of the image, M a change of size, then a shear, then a rotation, t a translation and u the [`elastic`]
//! field. Between pixels the ink is bilinear, outside of the image there is none. It is the way of Simard, Steinkraus and
//! Platt 2003 (Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis) and of Cireşan and
//! others 2010 (<https://arxiv.org/abs/1003.0358>).

mod affine;
mod elastic;
#[cfg(test)]
mod tests;

use macerator::AutoArch;
use rand::Rng;

use self::affine::{Affine, Change};
use self::elastic::Elastic;
use super::Images;
use crate::config::Distort;
use crate::random::{Purpose, generator};

/// Distorts images of one size.
#[derive(Debug, Clone)]
pub struct Distortion {
    ranges: Distort,
    elastic: Option<Elastic>,
    seed: u64,
    /// `[height, width]`.
    size: [usize; 2],
}

/// An image in one of the epochs that it is seen in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The image's index.
    pub index: usize,
    /// The epoch, counted from 1: how often the image's data set was begun.
    pub epoch: u64,
}

impl Distortion {
    /// The distortion of images of `size`, `[height, width]`, within `ranges`; none where these are empty.
    pub fn new(ranges: &Distort, seed: u64, size: [usize; 2]) -> Option<Self> {
        let ranges = ranges.clone().resolved();
        let elastic = ranges.elastic_alpha.zip(ranges.elastic_sigma);
        let elastic = elastic.map(|(alpha, sigma)| Elastic::new(alpha, sigma, size));
        (!ranges.is_empty()).then_some(Self { ranges, elastic, seed, size })
    }

    /// The images at `indices` as they are in epoch `epoch`, counted from 1, with their labels.
    ///
    /// # Panics
    /// As [`Distortion::pixels`].
    pub fn apply(&self, images: &Images, indices: &[usize], epoch: u64) -> Images {
        let turns: Vec<_> = indices.iter().map(|&index| Turn { index, epoch }).collect();
        let labels = indices.iter().map(|&index| images.label(index)).collect();
        Images::new(self.pixels(images, &turns), labels, self.size, images.classes())
    }

    /// The images whose turn it is, distorted: `[turns, height, width]`, flat.
    ///
    /// # Panics
    /// If there is no such image, or `images` are of another size than this was made for.
    pub fn pixels(&self, images: &Images, turns: &[Turn]) -> Vec<u8> {
        assert_eq!(images.size(), self.size, "images of the size that the distortion is made for");
        let area = self.size[0] * self.size[1];
        let mut pixels = vec![0; turns.len() * area];
        let mut canvas = Canvas::new(self.size);
        for (&Turn { index, epoch }, distorted) in turns.iter().zip(pixels.chunks_exact_mut(area)) {
            let mut generator = generator(self.seed, Purpose::Distortion { epoch, image: index as u64 });
            let affine = self.change(&mut generator).undone(self.size);
            if let Some(elastic) = &self.elastic {
                canvas.field.iter_mut().for_each(|axis| elastic.fill(&mut generator, axis));
            }
            AutoArch::new().dispatch(|| canvas.distort(images.pixels(index), &affine, distorted));
        }
        pixels
    }

    /// What is drawn for one image. Every range has its draw, used or not: so no range changes what is drawn from another.
    fn change(&self, generator: &mut impl Rng) -> Change {
        let mut within = |range: Option<f64>| range.unwrap_or_default() * f64::from(symmetric(generator));
        let Distort { rotation, scale, shear, translation, .. } = self.ranges;
        Change {
            rotation: within(rotation),
            scale: [within(scale), within(scale)],
            shear: within(shear),
            translation: [within(translation), within(translation)],
        }
    }
}

/// A number of at least -1 and less than 1, each as likely.
fn symmetric(generator: &mut impl Rng) -> f32 {
    generator.next_u32().cast_signed() as f32 / 2.0_f32.powi(31)
}

/// What one image after the other is distorted on.
struct Canvas {
    /// The old image with a background of one pixel around it: `[height + 2, width + 2]`.
    ink: Vec<f32>,
    /// By how many pixels each pixel's origin is moved, along x and along y: each `[height, width]`.
    field: [Vec<f32>; 2],
    size: [usize; 2],
}

impl Canvas {
    fn new(size: [usize; 2]) -> Self {
        let [height, width] = size;
        let field = [(); 2].map(|()| vec![0.0; height * width]);
        Self { ink: vec![0.0; (height + 2) * (width + 2)], field, size }
    }

    #[inline(always)]
    fn distort(&mut self, pixels: &[u8], affine: &Affine, distorted: &mut [u8]) {
        let [height, width] = self.size;
        let rows = self.ink.chunks_exact_mut(width + 2).skip(1);
        for (row, pixels) in rows.zip(pixels.chunks_exact(width)) {
            row[1..].iter_mut().zip(pixels).for_each(|(ink, &pixel)| *ink = pixel.into());
        }
        let Affine { x: [a, b, c], y: [d, e, f] } = *affine;
        let rows = self.field[0].chunks_exact(width).zip(self.field[1].chunks_exact(width));
        for (y, ((field_x, field_y), distorted)) in rows.zip(distorted.chunks_exact_mut(width)).enumerate() {
            let y = y as f32;
            for (x, ((right, down), distorted)) in field_x.iter().zip(field_y).zip(distorted).enumerate() {
                let x = x as f32;
                // Everything outside is the border.
                let from_x = (a * x + b * y + c + right).clamp(-1.0, width as f32) + 1.0;
                let from_y = (d * x + e * y + f + down).clamp(-1.0, height as f32) + 1.0;
                let (column, row) = ((from_x as usize).min(width), (from_y as usize).min(height));
                let (part_x, part_y) = (from_x - column as f32, from_y - row as f32);
                let start = row * (width + 2) + column;
                let above = &self.ink[start..start + 2];
                let below = &self.ink[start + width + 2..start + width + 4];
                let above = above[0] + part_x * (above[1] - above[0]);
                let below = below[0] + part_x * (below[1] - below[0]);
                *distorted = (above + part_y * (below - above) + 0.5) as u8;
            }
        }
    }
}
