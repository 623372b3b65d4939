//! From a picture in colour to ink: how far each pixel's colour is from the paper around it.

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageBuffer, Pixel, Rgb, RgbImage};

use super::morphology::to_edge;
use crate::data::error::ImageError;

/// A picture with longer sides has light that changes from place to place: its paper is looked for around each pixel.
const LOCAL: u32 = 64;
/// The cells along a side at which the paper is looked for, and the distance to which, as a fraction of the side.
const CELLS: u32 = 16;
const REACH: f32 = 0.3;
/// The fraction of the pixels around a place that are darker than the paper, if the ink is dark.
const PAPER: f32 = 0.7;
/// The longest side of the version in which the paper is looked for, and the width of the widest ink as a fraction of it.
const DETAIL: u32 = 128;
const WIDEST: f32 = 0.3;
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
    let ink = differences(picture, &paper(picture, dark), dark);
    let strongest = ink.iter().copied().fold(0.0, f32::max);
    let levels = ink.iter().map(|ink| (255.0 * ink / strongest).round() as u8).collect();
    let ink = GrayImage::from_raw(picture.width(), picture.height(), levels);
    ink.filter(|ink| strongest >= LEAST && !is_empty(ink, strongest)).ok_or(ImageError::Blank)
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

/// Whether the ink is darker than the paper, which is looked for around each place, because strokes may enclose much of it.
fn is_dark(picture: &RgbImage) -> bool {
    let small = reduced(picture, LOCAL);
    let [dark, light] = [true, false].map(|dark| {
        let paper = if small.dimensions() == picture.dimensions() { edge(&small) } else { most_around(&small, dark) };
        prominence(&differences(&small, &paper, dark), small.width())
    });
    dark >= light
}

type Picture<P> = ImageBuffer<P, Vec<u8>>;

fn reduced<P: Pixel<Subpixel = u8> + 'static>(picture: &Picture<P>, longest: u32) -> Picture<P> {
    let (width, height) = picture.dimensions();
    let most = width.max(height).max(longest);
    let side = |side: u32| (side * longest / most).max(1);
    if most == longest { picture.clone() } else { imageops::thumbnail(picture, side(width), side(height)) }
}

/// A sheet of the middle colour along the edge.
fn edge(picture: &RgbImage) -> RgbImage {
    let size = [picture.width() as usize, picture.height() as usize];
    let edge = picture.pixels().enumerate().filter(|&(at, _)| to_edge(at, size) == 0).map(|(_, pixel)| *pixel);
    RgbImage::from_pixel(picture.width(), picture.height(), percentile(&edge.collect::<Vec<_>>(), 0.5))
}

/// The colour that is lighter than most around each place, or darker.
fn most_around(small: &RgbImage, dark: bool) -> RgbImage {
    let reach = (REACH * LOCAL as f32) as u32;
    let fraction = if dark { PAPER } else { 1.0 - PAPER };
    let cells = RgbImage::from_fn(CELLS.min(small.width()), CELLS.min(small.height()), |x, y| {
        let around = |cell: u32, side: u32| {
            let middle = (2 * cell + 1) * side / (2 * CELLS.min(side));
            (middle.saturating_sub(reach), (middle + reach + 1).min(side))
        };
        let ((left, right), (top, bottom)) = (around(x, small.width()), around(y, small.height()));
        let window = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
        percentile(&window.map(|(x, y)| *small.get_pixel(x, y)).collect::<Vec<_>>(), fraction)
    });
    imageops::resize(&cells, small.width(), small.height(), FilterType::Triangle)
}

/// How much `ink`, `[height, width]`, stands out. Paper surrounds a digit, so ink along the edge counts against it.
fn prominence(ink: &[f32], width: u32) -> f32 {
    let width = width as usize;
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
    let small = imageops::blur(&reduced(picture, DETAIL), 1.5);
    let reach = (WIDEST * small.width().max(small.height()) as f32 / 2.0).ceil() as usize;
    // What is narrower than the window disappears; the edge of a shadow stays where it is.
    let closed = spread(&spread(&small, reach, dark), reach, !dark);
    imageops::resize(&closed, width, height, FilterType::Triangle)
}

/// Each channel's highest level within `reach` pixels along both axes, or its lowest.
fn spread(picture: &RgbImage, reach: usize, highest: bool) -> RgbImage {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut spread = picture.clone();
    for (length, step) in [(width, 3), (height, 3 * width)] {
        let levels = spread.clone().into_raw();
        for (at, level) in spread.iter_mut().enumerate() {
            let place = at / step % length;
            let (from, to) = (place.saturating_sub(reach), (place + reach).min(length - 1));
            let window = (from..=to).map(|other| levels[at - place * step + other * step]);
            *level = if highest { window.max() } else { window.min() }.unwrap_or(0);
        }
    }
    spread
}

fn percentile(pixels: &[Rgb<u8>], fraction: f32) -> Rgb<u8> {
    Rgb([0, 1, 2].map(|channel| {
        let mut levels: Vec<u8> = pixels.iter().map(|pixel| pixel[channel]).collect();
        let at = (fraction * (levels.len() - 1) as f32).round() as usize;
        *levels.select_nth_unstable(at).1
    }))
}
