//! From ink to the digit: what belongs to it is kept, specks, frames, lines and neighbours are not.

use image::{GrayImage, imageops};

use super::morphology::{around, otsu_level, regions, to_edge};
use crate::data::error::{Doubt, ImageError};

/// Pictures with longer sides have noise that is smoothed.
const LARGE: u32 = 128;
/// The part of Otsu's threshold that separates ink from paper. Less than all of it keeps the faint ends of strokes.
const THRESHOLD: f32 = 0.8;
/// The least mass of a part, as a fraction of the heaviest one's: lighter ones are specks.
const SPECK: f64 = 0.02;
/// The least mass inside the picture for which what touches its edge is dropped.
const INSIDE: f64 = 0.15;
/// A part that touches the edge and has most of its mass in a strip along it, this fraction of the side wide, is a frame.
const STRIP: usize = 14;
/// The longest distance between parts of one digit, as a fraction of the digit's longer side.
const NEAR: f64 = 0.15;
/// The mass of another digit, as a fraction of the digit's.
const OTHER: f64 = 0.4;

#[derive(Debug, Clone, Copy)]
struct Part {
    mass: f64,
    outer: f64,
    /// The sums of the positions, weighted with the ink.
    moment: [f64; 2],
    /// Left and top, right and bottom, both inside.
    from: [u32; 2],
    to: [u32; 2],
}

impl Part {
    const NONE: Self = Self { mass: 0.0, outer: 0.0, moment: [0.0; 2], from: [u32::MAX; 2], to: [0; 2] };

    fn include(&mut self, from: [u32; 2], to: [u32; 2]) {
        for axis in 0..2 {
            self.from[axis] = self.from[axis].min(from[axis]);
            self.to[axis] = self.to[axis].max(to[axis]);
        }
    }

    fn side(&self) -> f64 {
        f64::from((self.to[0] - self.from[0]).max(self.to[1] - self.from[1]) + 1)
    }

    fn gap(&self, other: &Self) -> f64 {
        let along = |axis: usize| {
            let after = other.from[axis].saturating_sub(self.to[axis]);
            f64::from(after.max(self.from[axis].saturating_sub(other.to[axis])))
        };
        along(0).hypot(along(1))
    }
}

/// The digit in `ink`, cut out, and what is doubtful about it. Refused if nothing stands out.
pub fn digit(ink: &GrayImage) -> Result<(GrayImage, Vec<Doubt>), ImageError> {
    let size = [ink.width() as usize, ink.height() as usize];
    let is_large = ink.width().max(ink.height()) > LARGE;
    let smooth = if is_large { imageops::blur(ink, 1.0) } else { ink.clone() };
    let threshold = (THRESHOLD * f32::from(otsu_level(&smooth))).max(1.0) as u8;
    let inside: Vec<bool> = smooth.pixels().map(|pixel| pixel[0] >= threshold).collect();
    let regions = regions(&inside, size);
    let (kept, doubts) = choose(&parts(&smooth, &regions), [ink.width(), ink.height()]).ok_or(ImageError::Blank)?;

    // With the soft edges.
    let margin = if is_large { 2 } else { 1 };
    let mut chosen = vec![false; regions.len()];
    let in_digit = (0..regions.len()).filter(|&at| kept[regions[at]]);
    in_digit.flat_map(|at| around(at, margin, size)).for_each(|at| chosen[at] = true);
    let mut levels: Vec<u8> = ink.pixels().zip(&regions).filter(|it| kept[*it.1]).map(|it| it.0[0]).collect();
    let at = (levels.len() - 1) * 9 / 10;
    let strong = f32::from(*levels.select_nth_unstable(at).1);
    let floor = 0.3 * f32::from(threshold).min(strong);
    let level = |ink: u8| (255.0 * (f32::from(ink) - floor) / (strong - floor)).clamp(0.0, 255.0).round() as u8;
    let mut digit = ink.clone();
    digit.iter_mut().zip(&chosen).for_each(|(ink, &chosen)| *ink = if chosen { level(*ink) } else { 0 });
    let mut inked = Part::NONE;
    digit.enumerate_pixels().filter(|pixel| pixel.2[0] > 0).for_each(|(x, y, _)| inked.include([x, y], [x, y]));
    let ([left, top], [right, bottom]) = (inked.from, inked.to);
    Ok((imageops::crop_imm(&digit, left, top, right - left + 1, bottom - top + 1).to_image(), doubts))
}

/// The parts by their regions. That of region 0 is the paper.
fn parts(ink: &GrayImage, regions: &[usize]) -> Vec<Part> {
    let mut parts = vec![Part::NONE; regions.iter().copied().max().unwrap_or(0) + 1];
    let size = [ink.width() as usize, ink.height() as usize];
    let strip = size[0].max(size[1]) / STRIP;
    for (at, ((x, y, ink), &region)) in ink.enumerate_pixels().zip(regions).enumerate() {
        let (part, mass) = (&mut parts[region], f64::from(ink[0]));
        part.mass += mass;
        part.outer += if to_edge(at, size) < strip { mass } else { 0.0 };
        part.moment[0] += mass * f64::from(x);
        part.moment[1] += mass * f64::from(y);
        part.include([x, y], [x, y]);
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
    let is_dropped = |part: &Part| drop_frames && is_frame(part) || drop_touching && touches(part);
    let eligible: Vec<usize> = (1..parts.len()).filter(|&region| !is_dropped(&parts[region])).collect();
    let prominence = |part: &Part| {
        let off = |axis: usize| (part.moment[axis] / part.mass / f64::from(size[axis]) - 0.5).powi(2);
        part.mass * (1.0 - (off(0) + off(1)).sqrt())
    };
    let by_prominence = |a: &usize, b: &usize| prominence(&parts[*a]).total_cmp(&prominence(&parts[*b]));
    let main = eligible.iter().copied().max_by(by_prominence)?;
    let mut kept = vec![false; parts.len()];
    kept[main] = true;
    let mut digit = parts[main];
    while let Some(&next) = eligible.iter().find(|&&region| {
        let part = &parts[region];
        !kept[region] && part.mass >= SPECK * digit.mass && digit.gap(part) <= NEAR * digit.side()
    }) {
        kept[next] = true;
        digit.include(parts[next].from, parts[next].to);
    }
    let (of_digit, others): (Vec<usize>, Vec<usize>) = eligible.into_iter().partition(|&region| kept[region]);
    let is_cut = of_digit.iter().any(|&region| touches(&parts[region]));
    let has_others = others.iter().any(|&region| parts[region].mass >= OTHER * digit.mass);
    let doubts = [is_cut.then_some(Doubt::Edge), has_others.then_some(Doubt::Several)];
    Some((kept, doubts.into_iter().flatten().collect()))
}
