//! Augmentation of the training images: each image is changed differently in every epoch, so that none comes twice.
//!
//! An augmented image depends only on the seed, the epoch and the image's index, not on threads or interruptions. A
//! pixel p of the new image has the ink that the old image has at `c + M⁻¹·(p - c - t) + u(p)`, where c is the centre
//! of the image, M a scaling, then a shear, then a rotation, t a translation and u the [`elastic`] field. Ink is
//! interpolated bilinearly, and is 0 outside the image. The method is from Simard, Steinkraus and Platt 2003 (Best
//! Practices for Convolutional Neural Networks Applied to Visual Document Analysis) and Cireşan and others 2010
//! (<https://arxiv.org/abs/1003.0358>). At last, the strokes become those of another [`pen`].

mod elastic;
mod pen;
#[cfg(test)]
mod tests;

use rand::Rng;
use rayon::prelude::*;

use self::elastic::{Elastic, symmetric};
use self::pen::Pen;
use super::images::Images;
use crate::config::Augment;
use crate::random::{Purpose, generator};

/// The fewest images for which another thread pays off.
const FEWEST: usize = 8;

/// Augments images of one size.
#[derive(Debug, Clone)]
pub struct Augmentation {
    ranges: Augment,
    elastic: Option<Elastic>,
    seed: u64,
    /// `[height, width]`.
    size: [usize; 2],
}

/// An image in one of the epochs in which it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub index: usize,
    /// The epoch, counted from 1: how many times the image's data set has been started.
    pub epoch: u64,
}

impl Augmentation {
    /// The augmentation of images of `size`, `[height, width]`, within `ranges`; `None` if no range is set.
    pub fn new(ranges: &Augment, seed: u64, size: [usize; 2]) -> Option<Self> {
        let ranges = ranges.clone().resolved();
        let elastic = ranges.elastic_alpha.zip(ranges.elastic_sigma);
        let elastic = elastic.map(|(alpha, sigma)| Elastic::new(alpha, sigma, size));
        (ranges != Augment::default()).then_some(Self { ranges, elastic, seed, size })
    }

    /// The images at `indices`, augmented for epoch `epoch`, counted from 1, with their labels.
    pub fn apply(&self, images: &Images, indices: &[usize], epoch: u64) -> Images {
        let samples: Vec<_> = indices.iter().map(|&index| Sample { index, epoch }).collect();
        let labels = indices.iter().map(|&index| images.labels()[index]).collect();
        Images::new(self.pixels(images, &samples), labels, self.size, images.classes())
    }

    /// The augmented `[samples, height, width]`, flat. Panics if `images` have another size than this augmentation.
    pub fn pixels(&self, images: &Images, samples: &[Sample]) -> Vec<u8> {
        assert_eq!(images.size(), self.size, "images of the size that the augmentation is made for");
        let area = self.size[0] * self.size[1];
        let mut pixels = vec![0; samples.len() * area];
        // Uses the threads of the matrix products: others would only compete with them.
        samples.par_iter().zip(pixels.par_chunks_exact_mut(area)).with_min_len(FEWEST).for_each_init(
            || Canvas::new(self.size),
            |canvas, (&sample, augmented)| self.augment(images.pixels(sample.index), sample, canvas, augmented),
        );
        pixels
    }

    fn augment(&self, pixels: &[u8], sample: Sample, canvas: &mut Canvas, augmented: &mut [u8]) {
        let purpose = Purpose::Augmentation { epoch: sample.epoch, image: sample.index as u64 };
        let mut generator = generator(self.seed, purpose);
        let affine = self.change(&mut generator).inverse(self.size);
        if let Some(elastic) = &self.elastic {
            canvas.field.iter_mut().for_each(|axis| elastic.fill(&mut generator, axis));
        }
        let pen = self.pen(&mut generator);
        vectorized!({
            canvas.augment(pixels, affine, augmented);
            pen.apply(self.size[1], &mut canvas.ink, augmented);
        });
    }

    /// Draws the transformation of one image. Every range has a draw, so that it does not change the others.
    fn change(&self, generator: &mut impl Rng) -> Change {
        let mut within = |range: Option<f64>| range.unwrap_or_default() * f64::from(symmetric(generator));
        let Augment { rotation, scale, shear, translation, .. } = self.ranges;
        Change {
            rotation: within(rotation),
            scale: [within(scale), within(scale)],
            shear: within(shear),
            translation: [within(translation), within(translation)],
        }
    }

    fn pen(&self, generator: &mut impl Rng) -> Pen {
        let mut within = |range: Option<f64>| range.unwrap_or_default() as f32 * symmetric(generator);
        let Augment { stroke_width, blur, contrast, .. } = self.ranges;
        let width = within(stroke_width);
        // A stroke that gets narrower by its whole width is gone.
        Pen { width: width.max(width / 2.0), blur: within(blur).abs(), contrast: within(contrast) }
    }
}

/// A transformation about the centre of the image. Its steps are applied in the order of the fields.
#[derive(Debug, Default)]
struct Change {
    /// The changes of width and height: the factors minus 1.
    scale: [f64; 2],
    /// The angle by which upright lines lean, in degrees.
    shear: f64,
    /// In degrees, clockwise: from the right towards the bottom.
    rotation: f64,
    /// In pixels, to the right and down.
    translation: [f64; 2],
}

impl Change {
    /// The source of the pixel (x, y) in images of `[height, width]`: its column and row, each `[a, b, c]` for `a·x + b·y + c`.
    fn inverse(&self, size: [usize; 2]) -> [[f32; 3]; 2] {
        let (sin, cos) = self.rotation.to_radians().sin_cos();
        let lean = self.shear.to_radians().tan();
        let [width, height] = self.scale.map(|change| 1.0 + change);
        let x = [(cos + lean * sin) / width, (sin - lean * cos) / width];
        let y = [-sin / height, cos / height];
        let [middle_y, middle_x] = size.map(|side| (side as f64 - 1.0) / 2.0);
        let [to_x, to_y] = [middle_x + self.translation[0], middle_y + self.translation[1]];
        let from = |[x, y]: [f64; 2], middle: f64| [x, y, middle - x * to_x - y * to_y].map(|number| number as f32);
        [from(x, middle_x), from(y, middle_y)]
    }
}

/// The buffers for augmenting one image after the other. All but the ink are `[height, width]`.
struct Canvas {
    size: [usize; 2],
    /// The old image with a border of one background pixel: `[height + 2, width + 2]`.
    ink: Vec<f32>,
    /// The column and the row of each pixel.
    position: [Vec<f32>; 2],
    /// The displacement of each pixel's source, along x and along y, in pixels.
    field: [Vec<f32>; 2],
    /// The index, in the ink, of the upper left one of the four pixels around each pixel's source.
    start: Vec<u32>,
    /// The distance from that pixel to the source, to the right and down, from 0 to 1.
    offset: [Vec<f32>; 2],
    /// The ink of these four pixels: above and below, each left and right.
    corners: [[Vec<f32>; 2]; 2],
}

impl Canvas {
    fn new(size: [usize; 2]) -> Self {
        let [height, width] = size;
        let pair = || [(); 2].map(|()| vec![0.0; height * width]);
        let columns = (0..height * width).map(|at| (at % width) as f32).collect();
        let rows = (0..height * width).map(|at| (at / width) as f32).collect();
        Self {
            size,
            ink: vec![0.0; (height + 2) * (width + 2)],
            position: [columns, rows],
            field: pair(),
            start: vec![0; height * width],
            offset: pair(),
            corners: [pair(), pair()],
        }
    }

    #[inline(always)]
    fn augment(&mut self, pixels: &[u8], [[a, b, c], [d, e, f]]: [[f32; 3]; 2], augmented: &mut [u8]) {
        let [height, width] = self.size;
        let row = width + 2;
        pen::copy(width, pixels, &mut self.ink);
        let positions = self.position[0].iter().zip(&self.position[1]);
        let moves = self.field[0].iter().zip(&self.field[1]);
        let [right, down] = &mut self.offset;
        let found = self.start.iter_mut().zip(right).zip(down);
        let [right_most, lowest] = [width as f32, height as f32];
        for (((x, y), (move_x, move_y)), ((start, right), down)) in positions.zip(moves).zip(found) {
            // A source outside the image falls on the border.
            let from_x = (a * x + b * y + c + move_x).max(-1.0).min(right_most) + 1.0;
            let from_y = (d * x + e * y + f + move_y).max(-1.0).min(lowest) + 1.0;
            let (column, row) = (from_x.floor().min(right_most), from_y.floor().min(lowest));
            *start = (f64::from(row) * (f64::from(right_most) + 2.0) + f64::from(column)) as u32;
            (*right, *down) = (from_x - column, from_y - row);
        }
        // The look-ups, alone in their loop: the others run with vector instructions.
        let [[above_left, above_right], [below_left, below_right]] = &mut self.corners;
        let above = above_left.iter_mut().zip(above_right);
        let below = below_left.iter_mut().zip(below_right);
        for ((&start, above), below) in self.start.iter().zip(above).zip(below) {
            // A side may have more pixels than an f32 can distinguish.
            let start = (start as usize).min(height * row + width);
            let (ink_above, ink_below) = (&self.ink[start..start + 2], &self.ink[start + row..start + row + 2]);
            (*above.0, *above.1) = (ink_above[0], ink_above[1]);
            (*below.0, *below.1) = (ink_below[0], ink_below[1]);
        }
        let [above, below] = self.corners.each_ref().map(|[left, right]| left.iter().zip(right));
        let offsets = self.offset[0].iter().zip(&self.offset[1]);
        for (augmented, ((above, below), (right, down))) in augmented.iter_mut().zip(above.zip(below).zip(offsets)) {
            let [above, below] = [above, below].map(|(left, ink)| left + right * (ink - left));
            *augmented = (above + down * (below - above) + 0.5) as u8;
        }
    }
}
