//! Turns any picture of a digit into an image like those the network was trained on.
//!
//! MNIST's authors scaled each digit, in proportion, to fit 20 by 20 pixels, and put its centre of mass in the middle of 28 by
//! 28 pixels, light on dark (<https://yann.lecun.com/exdb/mnist/>). In their files, it is half a pixel farther right and down.
//! This module does the same, in stages, for any [`Look`] of training images. A picture that already looks like them is only
//! reduced to their size.
//!
//! | stage | makes |
//! | --- | --- |
//! | `decode` | a picture in colour without transparency, of at most 400 pixels a side |
//! | `ink` | the difference of each pixel from the paper around it, without a frame: 0 is paper, 255 the strongest ink |
//! | `digit` | the ink of the digit alone, without specks, frames and neighbours |
//! | `stroke` | the digit with strokes as wide as the training images have, at up to eight times their size |
//! | `fit` | the image for the network, with the digit's centre of mass at its usual place |

mod decode;
mod digit;
mod ink;
mod look;
mod morphology;

use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, Luma, RgbImage};

pub use self::decode::Limits;
pub use self::look::Look;
use self::look::stroke_width;
use self::morphology::widen;
pub(crate) use crate::data::error::{Doubt, ImageError};

/// A picture made ready for the network.
#[derive(Debug)]
pub struct Prepared {
    /// The image, row by row, as the training images are.
    pub pixels: Vec<u8>,
    doubts: Vec<Doubt>,
    /// What each stage made, in order, with the stage's name.
    pub stages: Vec<(&'static str, DynamicImage)>,
}

impl From<Vec<u8>> for Prepared {
    fn from(pixels: Vec<u8>) -> Self {
        Self { pixels, doubts: vec![], stages: vec![] }
    }
}

impl Prepared {
    /// The reasons to doubt the answer, if the most probable class has this probability.
    pub fn warnings(&self, probability: f64) -> Vec<Doubt> {
        let unsure = (probability < LEAST_PROBABILITY).then_some(Doubt::LowConfidence);
        self.doubts.iter().copied().chain(unsure).collect()
    }
}

/// Decodes a picture and makes it like images of `[height, width]` and this look. Refused if damaged, too large or blank.
pub fn prepare(encoded: &[u8], size: [usize; 2], look: &Look, limits: Limits) -> Result<Prepared, ImageError> {
    as_trained_on(decode::decode(encoded, limits)?, size, look)
}

/// Decodes a picture for training: one of `size` in grey, light on dark, stays as it is, any other becomes like MNIST's.
pub(crate) fn training_image(encoded: &[u8], size: [usize; 2], limits: Limits) -> Result<Vec<u8>, ImageError> {
    let picture = decode::decode(encoded, limits)?;
    let is_of_size = [picture.height() as usize, picture.width() as usize] == size;
    let look = if is_of_size { &Look::LIGHT_ON_DARK } else { &Look::MNIST };
    Ok(as_trained_on(picture, size, look)?.pixels)
}

/// Prepares the grey levels of an image of `size`, row by row. Refused if they are too few, too many, all 0 or 1, or blank.
pub(crate) fn prepare_pixels(pixels: Vec<u8>, size: [usize; 2], look: &Look) -> Result<Prepared, ImageError> {
    let ([height, width], found) = (size.map(|side| side as u32), pixels.len());
    let is_unit = pixels.iter().all(|&pixel| pixel < 2) && pixels.contains(&1);
    match GrayImage::from_raw(width, height, pixels) {
        Some(_) if is_unit && look.ink.max(look.background) > 1 => Err(ImageError::Unit),
        Some(grey) if found == size[0] * size[1] => as_trained_on(DynamicImage::from(grey).into_rgb8(), size, look),
        _ => Err(ImageError::Count { found, expected: size[0] * size[1] }),
    }
}

/// An answer below this is doubtful: so are 90 % of the built-in network's for pictures without digits, `tests/drawn/others`.
const LEAST_PROBABILITY: f64 = 0.87;
/// The width of a digit's strokes, as a fraction of its longer side, at most.
const WIDEST: f32 = 0.35;
/// How many times larger than in the image the strokes are made wider, and the digit is put in its place.
fn detail(size: [usize; 2]) -> u32 {
    (256 / size[0].max(size[1]) as u32).clamp(1, 8)
}

fn as_trained_on(picture: RgbImage, size: [usize; 2], look: &Look) -> Result<Prepared, ImageError> {
    let [height, width] = size.map(|side| side as u32);
    let is_similar = u64::from(picture.width()) * u64::from(height) == u64::from(picture.height()) * u64::from(width)
        && picture.width() >= width
        && picture.pixels().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
    let reduced = (is_similar || look.whole)
        .then(|| imageops::thumbnail(&DynamicImage::from(picture.clone()).into_luma8(), width, height));
    if let Some(grey) = reduced.filter(|grey| look.fits(grey.as_raw(), size)) {
        let stages = vec![("picture", picture.into()), ("image", grey.clone().into())];
        return Ok(Prepared { pixels: grey.into_raw(), doubts: vec![], stages });
    }
    let ink = ink::ink(&picture)?;
    let (digit, mut doubts) = digit::digit(&ink)?;
    let stroke = stroke(&digit, size, look);
    let image = fit(&stroke, size, look);
    if stroke_width(&stroke, stroke.width() as usize) > WIDEST * stroke.width().max(stroke.height()) as f32 {
        doubts.push(Doubt::NoDigit);
    }
    let pixels = look.coloured(image.as_raw());
    let pictures = [picture.into(), ink.into(), digit.into(), stroke.into(), image.into()];
    let stages = ["picture", "ink", "digit", "stroke", "image"].into_iter().zip(pictures).collect();
    Ok(Prepared { pixels, doubts, stages })
}

/// The digit at its size in the image times [`detail`]. Strokes under 80 % of the training images' width get that wide.
fn stroke(digit: &GrayImage, size: [usize; 2], look: &Look) -> GrayImage {
    let detail = detail(size);
    let large = scaled(digit, size.map(|side| detail * side as u32), look);
    let missing = detail as f32 * (0.8 * look.stroke) - stroke_width(&large, large.width() as usize);
    let radius = (missing / 2.0).round().clamp(0.0, 2.0 * detail as f32) as u32;
    if radius == 0 { large } else { widen(&large, radius) }
}

/// The image: the digit at its size, as far as possible with its centre of mass at its place. The strongest ink is 255.
fn fit(stroke: &GrayImage, size: [usize; 2], look: &Look) -> GrayImage {
    let [height, width] = size.map(|side| side as u32);
    let mut large = GrayImage::new(detail(size) * width, detail(size) * height);
    let digit = scaled(stroke, [large.height(), large.width()], look);
    let mass = digit.pixels().map(|ink| f64::from(ink[0])).sum::<f64>();
    let offset = |axis: usize, whole: u32, part: u32| {
        let moments = digit.enumerate_pixels().map(|(x, y, ink)| f64::from(ink[0]) * (f64::from([x, y][axis]) + 0.5));
        let place = f64::from(whole) * f64::from(look.centre()[axis]) - moments.sum::<f64>() / mass;
        place.round().clamp(0.0, f64::from(whole - part)) as i64
    };
    let (x, y) = (offset(0, large.width(), digit.width()), offset(1, large.height(), digit.height()));
    imageops::replace(&mut large, &digit, x, y);
    let mut image = imageops::thumbnail(&large, width, height);
    let strongest = image.pixels().map(|ink| ink[0]).max().unwrap_or(0).max(1);
    image.pixels_mut().for_each(|Luma([level])| *level = (u32::from(*level) * 255 / u32::from(strongest)) as u8);
    image
}

/// The digit scaled to the size that it has in an image of `[height, width]`.
fn scaled(digit: &GrayImage, [height, width]: [u32; 2], look: &Look) -> GrayImage {
    let scale = look.filled * (width as f32 / digit.width() as f32).min(height as f32 / digit.height() as f32);
    let side = |length: u32, most: u32| ((length as f32 * scale).round() as u32).clamp(1, most);
    imageops::resize(digit, side(digit.width(), width), side(digit.height(), height), FilterType::Triangle)
}

#[cfg(test)]
mod tests;
