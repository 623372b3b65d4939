//! From the digit to the image: strokes of the usual width, the usual size, the usual place.

use image::imageops::{self, FilterType};
use image::{GrayImage, Luma};

use super::look::{Look, stroke_width};
use super::morphology::widen;

/// How many times larger than in the image the strokes are made wider.
const DETAIL: u32 = 8;

/// The digit at its size in the image times [`DETAIL`]. Strokes under 80 % of the training images' width get that wide.
pub fn stroke(digit: &GrayImage, size: [usize; 2], look: &Look) -> GrayImage {
    let large = scaled(digit, size.map(|side| DETAIL * side as u32), look);
    let missing = DETAIL as f32 * (0.8 * look.stroke) - stroke_width(&large, large.width() as usize);
    let radius = (missing / 2.0).round().clamp(0.0, 2.0 * DETAIL as f32) as u32;
    if radius == 0 { large } else { widen(&large, radius) }
}

/// The image: the digit at its size, as far as possible with its centre of mass in the middle. The strongest ink is 255.
pub fn fit(stroke: &GrayImage, size: [usize; 2], look: &Look) -> GrayImage {
    let [height, width] = size.map(|side| side as u32);
    let mut digit = scaled(stroke, [height, width], look);
    let strongest = digit.pixels().map(|pixel| pixel[0]).max().unwrap_or(0).max(1);
    digit.pixels_mut().for_each(|Luma([level])| *level = (u32::from(*level) * 255 / u32::from(strongest)) as u8);

    let mass = digit.pixels().map(|pixel| f64::from(pixel[0])).sum::<f64>();
    let offset = |whole: u32, part: u32, at: fn(u32, u32) -> u32| {
        let moments = digit.enumerate_pixels().map(|(x, y, pixel)| f64::from(pixel[0]) * (f64::from(at(x, y)) + 0.5));
        let centre = moments.sum::<f64>() / mass;
        (f64::from(whole) / 2.0 - centre).round().clamp(0.0, f64::from(whole - part)) as i64
    };
    let (x, y) = (offset(width, digit.width(), |x, _| x), offset(height, digit.height(), |_, y| y));
    let mut image = GrayImage::new(width, height);
    imageops::replace(&mut image, &digit, x, y);
    image
}

/// The digit scaled to the size that it has in an image of `[height, width]`.
fn scaled(digit: &GrayImage, [height, width]: [u32; 2], look: &Look) -> GrayImage {
    let scale = look.filled * (width as f32 / digit.width() as f32).min(height as f32 / digit.height() as f32);
    let side = |length: u32, most: u32| ((length as f32 * scale).round() as u32).clamp(1, most);
    imageops::resize(digit, side(digit.width(), width), side(digit.height(), height), FilterType::Triangle)
}
