//! Operations on grey pictures: a threshold, connected regions, wider strokes. The crate `imageproc` has them too, but
//! asks for features of Burn's dependencies, so that all of Burn would be compiled again, and brings linear algebra.

use std::ops::Range;

use image::GrayImage;

/// The level that separates dark and light pixels best: their variance is the largest. After Otsu (1979).
pub fn otsu_level(picture: &GrayImage) -> u8 {
    let mut counts = [0.0f64; 256];
    picture.pixels().for_each(|pixel| counts[usize::from(pixel[0])] += 1.0);
    let part = |levels: Range<usize>| {
        let all: f64 = counts[levels.clone()].iter().sum();
        (all, levels.map(|level| level as f64 * counts[level]).sum::<f64>() / all)
    };
    let variance = |level: u8| {
        let next = usize::from(level) + 1;
        let ((dark, dark_mean), (light, light_mean)) = (part(0..next), part(next..256));
        let difference = dark_mean - light_mean;
        if dark > 0.0 && light > 0.0 { dark * light * difference * difference } else { 0.0 }
    };
    // The lowest of equals.
    (0..=u8::MAX).rev().max_by(|&one, &other| variance(one).total_cmp(&variance(other))).unwrap_or(0)
}

/// The distance of the pixel at `at` from the nearest edge of a picture of `[width, height]`.
pub fn to_edge(at: usize, [width, height]: [usize; 2]) -> usize {
    let (x, y) = (at % width, at / width);
    x.min(y).min(width - 1 - x).min(height - 1 - y)
}

/// The pixels within `reach` of the one at `at` along both axes, in a picture of `[width, height]`.
pub fn around(at: usize, reach: usize, [width, height]: [usize; 2]) -> impl Iterator<Item = usize> {
    let near = |place: usize, side: usize| place.saturating_sub(reach)..(place + reach + 1).min(side);
    let columns = near(at % width, width);
    near(at / width, height).flat_map(move |y| columns.clone().map(move |x| y * width + x))
}

/// Each pixel's region of the connected pixels that are `inside`, `[height, width]`, also diagonally: from 1, or 0 outside.
pub fn regions(inside: &[bool], size: [usize; 2]) -> Vec<usize> {
    let mut regions = vec![0; inside.len()];
    let mut count = 0;
    for start in 0..inside.len() {
        if !inside[start] || regions[start] > 0 {
            continue;
        }
        count += 1;
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            if regions[at] == 0 {
                regions[at] = count;
                open.extend(around(at, 1, size).filter(|&next| inside[next]));
            }
        }
    }
    regions
}

/// The picture with a border of `radius` pixels, and strokes wider by as much: each pixel has the most ink within `radius`.
pub fn widen(picture: &GrayImage, radius: u32) -> GrayImage {
    let width = picture.width() + 2 * radius;
    let mut wide = GrayImage::new(width, picture.height() + 2 * radius);
    // Half the width of a disc at each height.
    let half = |down: u32| (f64::from(radius).powi(2) - f64::from(down.abs_diff(radius)).powi(2)).sqrt() as u32;
    for (x, y, ink) in picture.enumerate_pixels().filter(|(_, _, ink)| ink[0] > 0) {
        for (down, half) in (0..=2 * radius).map(|down| (down, half(down))) {
            let left = ((y + down) * width + x + radius - half) as usize;
            wide.iter_mut().skip(left).take(2 * half as usize + 1).for_each(|level| *level = ink[0].max(*level));
        }
    }
    wide
}
