//! From ink to the digit: what belongs to it is kept, specks, frames, lines and neighbours are not.

use image::{GrayImage, imageops};

use super::error::{Doubt, ImageError};
use super::morphology::{otsu_level, regions};

/// Pictures with longer sides have noise that is smoothed.
const LARGE: u32 = 128;
/// The part of Otsu's threshold that separates ink from paper. Less than all of it keeps the faint ends of strokes.
const THRESHOLD: f32 = 0.8;
/// The least mass of a part, as a fraction of the heaviest one's: lighter ones are specks.
const SPECK: f64 = 0.02;
/// The least mass inside the picture for which what touches its edge is dropped.
const INSIDE: f64 = 0.15;
/// A part that touches the edge and has most of its mass in a strip along it, this fraction of the side wide, is a frame.
const STRIP: u32 = 14;
/// The longest distance between parts of one digit, as a fraction of the digit's longer side.
const NEAR: f64 = 0.15;
/// The mass of another digit, as a fraction of the digit's.
const OTHER: f64 = 0.4;

/// Connected ink.
#[derive(Debug, Clone, Copy)]
struct Part {
    mass: f64,
    /// The mass near the edge of the picture.
    outer: f64,
    /// The sums of the positions, weighted with the ink.
    moment: [f64; 2],
    /// Left and top, right and bottom, both inside.
    from: [u32; 2],
    to: [u32; 2],
}

/// The digit in `ink`, cut out, and what is doubtful about it.
///
/// # Errors
/// If nothing stands out.
pub fn digit(ink: &GrayImage) -> Result<(GrayImage, Vec<Doubt>), ImageError> {
    let (width, height) = ink.dimensions();
    let is_large = width.max(height) > LARGE;
    let smooth = if is_large { imageops::blur(ink, 1.0) } else { ink.clone() };
    let threshold = (THRESHOLD * f32::from(otsu_level(&smooth))).max(1.0) as u8;
    let inside: Vec<bool> = smooth.pixels().map(|pixel| pixel[0] >= threshold).collect();
    let regions = regions(&inside, width as usize);
    let (kept, doubts) = choose(&parts(&smooth, &regions), [width, height]).ok_or(ImageError::Blank)?;

    // With the soft edges.
    let margin = if is_large { 2 } else { 1 };
    let mut chosen = vec![false; regions.len()];
    for at in (0..regions.len()).filter(|&at| kept[regions[at]]) {
        let (x, y) = (at % width as usize, at / width as usize);
        for y in y.saturating_sub(margin)..=(y + margin).min(height as usize - 1) {
            let row = y * width as usize;
            chosen[row + x.saturating_sub(margin)..=row + (x + margin).min(width as usize - 1)].fill(true);
        }
    }
    let mut levels: Vec<u8> =
        ink.pixels().zip(&regions).filter(|&(_, &region)| kept[region]).map(|(ink, _)| ink[0]).collect();
    let at = (levels.len().checked_sub(1).ok_or(ImageError::Blank)?) * 9 / 10;
    let strong = f32::from(*levels.select_nth_unstable(at).1);
    let floor = 0.3 * f32::from(threshold).min(strong);
    let level = |ink: u8| (255.0 * (f32::from(ink) - floor) / (strong - floor)).clamp(0.0, 255.0).round() as u8;
    let levels = ink.pixels().zip(&chosen).map(|(ink, &chosen)| if chosen { level(ink[0]) } else { 0 }).collect();
    let digit = GrayImage::from_raw(width, height, levels).ok_or(ImageError::Blank)?;
    let inked = || digit.enumerate_pixels().filter(|(_, _, pixel)| pixel[0] > 0);
    let (left, right) = inked().fold((u32::MAX, 0), |(low, high), (x, _, _)| (low.min(x), high.max(x)));
    let (top, bottom) = inked().fold((u32::MAX, 0), |(low, high), (_, y, _)| (low.min(y), high.max(y)));
    Ok((imageops::crop_imm(&digit, left, top, right - left + 1, bottom - top + 1).to_image(), doubts))
}

/// The parts by their regions. That of region 0 is the paper.
fn parts(ink: &GrayImage, regions: &[usize]) -> Vec<Part> {
    let count = regions.iter().copied().max().unwrap_or(0) + 1;
    let mut parts = vec![Part { mass: 0.0, outer: 0.0, moment: [0.0; 2], from: [u32::MAX; 2], to: [0; 2] }; count];
    let (ink_width, ink_height) = ink.dimensions();
    let strip = ink_width.max(ink_height) / STRIP;
    for ((x, y, ink), &region) in ink.enumerate_pixels().zip(regions) {
        let part = &mut parts[region];
        let mass = f64::from(ink[0]);
        part.mass += mass;
        let to_edge = x.min(y).min(ink_width - 1 - x).min(ink_height - 1 - y);
        part.outer += if to_edge < strip { mass } else { 0.0 };
        for (axis, at) in [x, y].into_iter().enumerate() {
            part.moment[axis] += mass * f64::from(at);
            part.from[axis] = part.from[axis].min(at);
            part.to[axis] = part.to[axis].max(at);
        }
    }
    parts
}

/// Which parts are the digit, by region.
fn choose(parts: &[Part], size: [u32; 2]) -> Option<(Vec<bool>, Vec<Doubt>)> {
    let touches = |part: &Part| (0..2).any(|axis| part.from[axis] == 0 || part.to[axis] + 1 == size[axis]);
    let is_frame = |part: &Part| touches(part) && part.outer > 0.7 * part.mass;
    let heaviest = |of: &dyn Fn(&Part) -> bool| {
        parts[1..].iter().filter(|part| of(part)).map(|part| part.mass).fold(0.0, f64::max)
    };
    let drop_frames = heaviest(&|part| !is_frame(part)) > SPECK * heaviest(&|_| true);
    let inside = heaviest(&|part| !touches(part));
    let drop_touching = inside >= INSIDE * heaviest(&|part| !(drop_frames && is_frame(part)));
    let eligible = |label: usize| {
        let part = &parts[label];
        label > 0 && !(drop_frames && is_frame(part)) && !(drop_touching && touches(part))
    };
    let prominence = |part: &Part| {
        let off = |axis: usize| (part.moment[axis] / part.mass / f64::from(size[axis]) - 0.5).powi(2);
        part.mass * (1.0 - (off(0) + off(1)).sqrt())
    };
    let main = (0..parts.len())
        .filter(|&label| eligible(label))
        .max_by(|&a, &b| prominence(&parts[a]).total_cmp(&prominence(&parts[b])))?;
    let mut kept = vec![false; parts.len()];
    kept[main] = true;
    let (mut from, mut to) = (parts[main].from, parts[main].to);
    loop {
        let near = NEAR * f64::from((0..2).map(|axis| to[axis] - from[axis] + 1).max().unwrap_or(1));
        let gap = |part: &Part| {
            let along = |axis: usize| {
                f64::from(part.from[axis].saturating_sub(to[axis]).max(from[axis].saturating_sub(part.to[axis])))
            };
            along(0).hypot(along(1))
        };
        let next = (1..parts.len()).find(|&label| {
            !kept[label]
                && eligible(label)
                && parts[label].mass >= SPECK * parts[main].mass
                && gap(&parts[label]) <= near
        });
        let Some(next) = next else { break };
        kept[next] = true;
        for axis in 0..2 {
            from[axis] = from[axis].min(parts[next].from[axis]);
            to[axis] = to[axis].max(parts[next].to[axis]);
        }
    }
    let mut doubts = vec![];
    if (0..parts.len()).any(|label| kept[label] && touches(&parts[label])) {
        doubts.push(Doubt::Edge);
    }
    if (1..parts.len()).any(|label| !kept[label] && eligible(label) && parts[label].mass >= OTHER * parts[main].mass) {
        doubts.push(Doubt::Several);
    }
    Some((kept, doubts))
}
