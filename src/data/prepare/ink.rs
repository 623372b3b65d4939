//! From a picture in colour to ink: how far each pixel's colour is from the paper around it.

use image::imageops::{self, FilterType};
use image::{GrayImage, Luma, Rgb, RgbImage};

use super::ImageError;

/// A picture with longer sides has light that changes from place to place: its paper is looked for around each pixel.
const LOCAL: u32 = 64;
/// The cells along a side at which the paper is looked for, and the distance to which, as a fraction of the side.
const CELLS: u32 = 16;
const REACH: f32 = 0.3;
/// The fraction of the pixels around a place that are darker than the paper, if the ink is dark.
const PAPER: f32 = 0.7;
/// How much ink all along the edge counts against the ink.
const EDGE: f32 = 0.8;
/// The least contrast of ink. Compression and scanners make an empty sheet differ by a few levels.
const LEAST: f32 = 16.0;

/// The ink in `picture`, dark or light, whichever is stronger: 255 is the strongest.
///
/// # Errors
/// If there is none.
pub fn ink(picture: &RgbImage) -> Result<GrayImage, ImageError> {
    let [dark, light] = [true, false].map(|dark| differences(picture, dark));
    let ink = if prominence(&dark, picture.width()) >= prominence(&light, picture.width()) { dark } else { light };
    let strongest = ink.iter().copied().fold(0.0, f32::max);
    if strongest < LEAST {
        return Err(ImageError::Blank);
    }
    let mut levels = ink.iter().map(|ink| Luma([(255.0 * ink / strongest).round() as u8]));
    Ok(GrayImage::from_fn(picture.width(), picture.height(), |_, _| levels.next().unwrap_or(Luma([0]))))
}

/// How much `ink`, `[height, width]`, stands out. Paper surrounds a digit, so ink along the edge counts against it.
fn prominence(ink: &[f32], width: u32) -> f32 {
    let width = width as usize;
    let half = ink.iter().copied().fold(0.0, f32::max) / 2.0;
    let edge = ink.iter().enumerate().filter(|&(at, _)| {
        let x = at % width;
        x == 0 || x + 1 == width || at < width || at + width >= ink.len()
    });
    let (inked, all) = edge.fold((0, 0), |(inked, all), (_, &ink)| (inked + usize::from(ink > half), all + 1));
    let energy: f32 = ink.iter().map(|&ink| ink * ink).sum();
    energy.sqrt() * (1.0 - EDGE * inked as f32 / all as f32).powi(2)
}

/// How much each pixel is darker than the paper, or lighter, over all channels.
fn differences(picture: &RgbImage, dark: bool) -> Vec<f32> {
    let paper = paper(picture, dark);
    // Rows first, as `from_fn` asks for them.
    let pixels = picture.pixels().zip(paper.pixels());
    pixels
        .map(|(pixel, paper)| {
            let difference = |channel: usize| {
                let difference = f32::from(paper[channel]) - f32::from(pixel[channel]);
                if dark { difference.max(0.0) } else { (-difference).max(0.0) }
            };
            (0..3).map(|channel| difference(channel).powi(2)).sum::<f32>().sqrt()
        })
        .collect()
}

/// The paper behind each pixel.
fn paper(picture: &RgbImage, dark: bool) -> RgbImage {
    let (width, height) = picture.dimensions();
    let longest = width.max(height);
    if longest <= LOCAL {
        let on_edge = |x, y| x == 0 || y == 0 || x + 1 == width || y + 1 == height;
        let edge = picture.enumerate_pixels().filter(|&(x, y, _)| on_edge(x, y)).map(|(_, _, pixel)| *pixel);
        return RgbImage::from_pixel(width, height, percentile(&edge.collect::<Vec<_>>(), 0.5));
    }
    let side = |side: u32| (side * LOCAL / longest).max(1);
    let small = imageops::thumbnail(picture, side(width), side(height));
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
    imageops::resize(&cells, width, height, FilterType::Triangle)
}

/// The percentile of each channel.
fn percentile(pixels: &[Rgb<u8>], fraction: f32) -> Rgb<u8> {
    Rgb([0, 1, 2].map(|channel| {
        let mut levels: Vec<u8> = pixels.iter().map(|pixel| pixel[channel]).collect();
        let at = (fraction * (levels.len() - 1) as f32).round() as usize;
        *levels.select_nth_unstable(at).1
    }))
}
