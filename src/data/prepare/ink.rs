//! From a picture in colour to ink: how far each pixel's colour is from the paper around it.

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageBuffer, Luma, Pixel, Rgb, RgbImage};

use super::morphology::to_edge;
use crate::data::error::ImageError;

/// A picture with longer sides has light that changes from place to place: its paper is looked for around each pixel.
const LOCAL: u32 = 64;
/// How far around a place, in the version of that size, the light is averaged.
const AROUND: f32 = 14.0;
/// The longest side of the version in which the paper is looked for, and the width of the widest ink as a fraction of it.
const DETAIL: u32 = 128;
const WIDEST: f32 = 0.3;
/// The depth of a frame at most, as a fraction of the side.
const FRAME: usize = 10;
/// Ink that is narrower than this fraction of the longer side counts so many times more when its polarity is chosen.
const NARROW: f32 = 0.05;
const NARROW_COUNTS: f32 = 1.5;
/// How much ink all along the edge counts against the ink.
const EDGE: f32 = 0.8;
/// Below this level, the largest step between neighbours must be so many times the middle one.
const FAINT: f32 = 40.0;
const STEP: f32 = 8.0;
/// The least contrast of ink. Compression and scanners make an empty sheet differ by a few levels.
const LEAST: f32 = 16.0;

/// The ink in `picture`, dark or light, whichever is stronger: 255 is the strongest. Refused if there is none.
pub fn ink(picture: &RgbImage) -> Result<GrayImage, ImageError> {
    let dark = is_dark(picture);
    let ink = without_frame(differences(picture, &paper(picture, dark), dark), picture.dimensions());
    let strongest = ink.iter().copied().fold(0.0, f32::max);
    let levels = ink.iter().map(|ink| (255.0 * ink / strongest + 0.5) as u8).collect();
    let ink = GrayImage::from_raw(picture.width(), picture.height(), levels);
    ink.filter(|ink| strongest >= LEAST && !is_empty(ink, strongest)).ok_or(ImageError::Blank)
}

/// `ink` without the lines along each edge of a large picture that have ink from end to end: a frame, or another sheet.
fn without_frame(ink: Vec<f32>, (width, height): (u32, u32)) -> Vec<f32> {
    let least = LEAST + 3.0 * *ink.clone().select_nth_unstable_by(ink.len() / 2, f32::total_cmp).1;
    let Some(mut ink) = ImageBuffer::<Luma<f32>, _>::from_raw(width, height, ink) else { return vec![] };
    let edges = if width.max(height) > LOCAL { 4 } else { 0 };
    for _ in 0..edges {
        ink = imageops::rotate90(&ink);
        let (length, lines) = (ink.width() as usize, ink.height() as usize);
        let is_inked = |line: &[f32]| line.iter().filter(|&&ink| ink > least).count() > length * 9 / 10;
        let last = ink.chunks(length).take(lines / FRAME).rposition(is_inked);
        // With its soft edge.
        last.iter().for_each(|last| ink.iter_mut().take(length * (last + 3)).for_each(|ink| *ink = 0.0));
    }
    ink.into_raw()
}

/// Whether faint ink in a large picture is noise or uneven light: in a small version, no step between neighbours stands out.
fn is_empty(ink: &GrayImage, strongest: f32) -> bool {
    let small = reduced(ink, LOCAL);
    let level = |x, y| f32::from(small.get_pixel(x, y)[0]) * strongest / 255.0;
    let step = |(x, y)| (level(x, y) - level(x - 1, y)).abs().max((level(x, y) - level(x, y - 1)).abs());
    let places = (1..small.height()).flat_map(|y| (1..small.width()).map(move |x| (x, y)));
    let mut steps: Vec<f32> = places.map(step).collect();
    steps.sort_unstable_by(f32::total_cmp);
    let (Some(&largest), Some(&middle)) = (steps.last(), steps.get(steps.len() / 2)) else { return false };
    ink.width().max(ink.height()) > LOCAL && largest < FAINT && largest < STEP * middle.max(0.5)
}

/// Whether the ink is darker than the paper around it. Narrow ink counts more: the edge of a shadow is wide.
fn is_dark(picture: &RgbImage) -> bool {
    let small = reduced(picture, LOCAL);
    let [dark, light] = [true, false].map(|dark| {
        let strength = |paper: &RgbImage| prominence(&differences(&small, paper, dark), small.width() as usize);
        if small.dimensions() == picture.dimensions() {
            return strength(&edge(&small));
        }
        strength(&imageops::blur(&small, AROUND)) + NARROW_COUNTS * strength(&closed(&small, NARROW, dark))
    });
    dark >= light
}

fn reduced<P: Pixel<Subpixel = u8> + 'static>(picture: &ImageBuffer<P, Vec<u8>>, to: u32) -> ImageBuffer<P, Vec<u8>> {
    let (width, height) = picture.dimensions();
    let longest = width.max(height).max(to);
    let side = |side: u32| (side * to / longest).max(1);
    if longest == to { picture.clone() } else { imageops::thumbnail(picture, side(width), side(height)) }
}

/// A sheet of the middle colour along the edge.
fn edge(picture: &RgbImage) -> RgbImage {
    let size = [picture.width() as usize, picture.height() as usize];
    let edge = picture.pixels().enumerate().filter(|&(at, _)| to_edge(at, size) == 0).map(|(_, pixel)| *pixel);
    let edge: Vec<Rgb<u8>> = edge.collect();
    let middle = [0, 1, 2].map(|channel| {
        let mut levels: Vec<u8> = edge.iter().map(|pixel| pixel[channel]).collect();
        *levels.select_nth_unstable(edge.len() / 2).1
    });
    RgbImage::from_pixel(picture.width(), picture.height(), Rgb(middle))
}

/// How much `ink`, `[height, width]`, stands out. Paper surrounds a digit, so ink along the edge counts against it.
fn prominence(ink: &[f32], width: usize) -> f32 {
    let half = ink.iter().copied().fold(0.0, f32::max) / 2.0;
    let height = ink.len() / width;
    // A frame is farther out.
    let inset = (width.max(height) / 12).min((width.min(height) - 1) / 2);
    let edge = ink.iter().enumerate().filter(|&(at, _)| to_edge(at, [width, height]) == inset);
    let (inked, all) = edge.fold((0, 0), |(inked, all), (_, &ink)| (inked + usize::from(ink > half), all + 1));
    let energy: f32 = ink.iter().map(|&ink| ink * ink).sum();
    energy.sqrt() * (1.0 - EDGE * inked as f32 / all as f32).powi(2)
}

/// How much each pixel is darker than the paper, or lighter, over all channels.
fn differences(picture: &RgbImage, paper: &RgbImage, dark: bool) -> Vec<f32> {
    let sign = if dark { 1.0 } else { -1.0 };
    let difference = |(pixel, paper): (&Rgb<u8>, &Rgb<u8>)| {
        let channels = pixel.0.into_iter().zip(paper.0);
        let differences = channels.map(|(level, paper)| (sign * (f32::from(paper) - f32::from(level))).max(0.0));
        differences.map(|difference| difference.powi(2)).sum::<f32>().sqrt()
    };
    picture.pixels().zip(paper.pixels()).map(difference).collect()
}

fn paper(picture: &RgbImage, dark: bool) -> RgbImage {
    let (width, height) = picture.dimensions();
    if width.max(height) <= LOCAL {
        return edge(picture);
    }
    let closed = closed(&imageops::blur(&reduced(picture, DETAIL), 1.5), WIDEST, dark);
    imageops::resize(&closed, width, height, FilterType::Triangle)
}

/// Without what is narrower than a fraction of the longer side. The edge of a shadow stays where it is.
fn closed(picture: &RgbImage, narrower: f32, dark: bool) -> RgbImage {
    let reach = (narrower * picture.width().max(picture.height()) as f32 / 2.0).ceil() as usize;
    spread(&spread(picture, reach, dark), reach, !dark)
}

/// Each channel's highest level within `reach` pixels along both axes, or its lowest.
fn spread(picture: &RgbImage, reach: usize, highest: bool) -> RgbImage {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut spread = picture.clone();
    for (length, step) in [(width, 3), (height, 3 * width)] {
        for start in (0..3 * width * height).filter(|at| at / step % length == 0) {
            let line: Vec<u8> = spread.iter().skip(start).step_by(step).take(length).copied().collect();
            for (place, level) in spread.iter_mut().skip(start).step_by(step).take(length).enumerate() {
                let window = line[place.saturating_sub(reach)..(place + reach + 1).min(length)].iter().copied();
                *level = if highest { window.fold(0, u8::max) } else { window.fold(u8::MAX, u8::min) };
            }
        }
    }
    spread
}
