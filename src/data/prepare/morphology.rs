//! Operations on grey pictures: a threshold, connected regions, wider strokes.
//!
//! The crate `imageproc` has them too. It asks for features of crates that Burn uses, so that all of Burn would be compiled
//! again, and brings a library for linear algebra.

use image::{GrayImage, Luma};

/// The level that separates `picture` best into dark and light pixels, after Otsu (1979): the variance between the two is
/// the largest.
pub fn otsu_level(picture: &GrayImage) -> u8 {
    let mut counts = [0.0f64; 256];
    picture.pixels().for_each(|pixel| counts[usize::from(pixel[0])] += 1.0);
    let all: f64 = counts.iter().sum();
    let sum: f64 = (0..256).map(|level| level as f64 * counts[level]).sum();
    let (mut below, mut sum_below) = (0.0, 0.0);
    let mut best = (0.0, 0);
    for level in 0..=u8::MAX {
        below += counts[usize::from(level)];
        sum_below += f64::from(level) * counts[usize::from(level)];
        if below > 0.0 && below < all {
            let difference = sum_below / below - (sum - sum_below) / (all - below);
            let variance = below * (all - below) * difference * difference;
            if variance > best.0 {
                best = (variance, level);
            }
        }
    }
    best.1
}

/// The distance of the pixel at `[x, y]` from the nearest edge of a picture of `size`, `[width, height]`.
pub fn to_edge([x, y]: [usize; 2], [width, height]: [usize; 2]) -> usize {
    x.min(y).min(width - 1 - x).min(height - 1 - y)
}

/// The connected regions of the pixels that are `inside`, `[height, width]`, diagonal neighbours included: each pixel's
/// region, counted from 1, and 0 outside.
pub fn regions(inside: &[bool], width: usize) -> Vec<usize> {
    let mut regions = vec![0; inside.len()];
    let (mut count, mut open) = (0, vec![]);
    for start in 0..inside.len() {
        if !inside[start] || regions[start] > 0 {
            continue;
        }
        count += 1;
        regions[start] = count;
        open.push(start);
        while let Some(at) = open.pop() {
            let (x, y) = (at % width, at / width);
            for y in y.saturating_sub(1)..=(y + 1).min(inside.len() / width - 1) {
                for x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let next = y * width + x;
                    if inside[next] && regions[next] == 0 {
                        regions[next] = count;
                        open.push(next);
                    }
                }
            }
        }
    }
    regions
}

/// The picture with a border of `radius` pixels, and strokes wider by as much on each side: each pixel has the most of the
/// ink within `radius`.
pub fn widen(picture: &GrayImage, radius: u32) -> GrayImage {
    let (width, height) = picture.dimensions();
    let mut wide = GrayImage::new(width + 2 * radius, height + 2 * radius);
    for down in 0..=2 * radius {
        // Half the width of a disc at this height.
        let from_middle = f64::from(down.abs_diff(radius));
        let reach = (f64::from(radius).powi(2) - from_middle * from_middle).sqrt() as u32;
        for (y, row) in picture.rows().enumerate() {
            let levels: Vec<u8> = row.map(|pixel| pixel[0]).collect();
            for x in 0..width + 2 * radius {
                // The pixels of the old row that reach this one.
                let from = x.saturating_sub(radius + reach) as usize;
                let to = ((x + reach + 1).saturating_sub(radius) as usize).min(levels.len());
                if from < to {
                    let most = levels[from..to].iter().copied().max().unwrap_or(0);
                    let Luma([level]) = wide.get_pixel_mut(x, y as u32 + down);
                    *level = most.max(*level);
                }
            }
        }
    }
    wide
}
