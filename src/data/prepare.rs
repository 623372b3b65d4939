//! Turns any picture of a digit into an image like those the network was trained on.
//!
//! MNIST's authors scaled each digit to fit 20 by 20 pixels, with its proportions, and put its centre of mass in the
//! middle of 28 by 28 pixels, light on dark (<https://yann.lecun.com/exdb/mnist/>). This module does the same. A
//! picture that already is such an image is not changed.

use std::io::Cursor;

use image::imageops::{self, FilterType};
use image::{DynamicImage, GenericImageView, GrayImage, ImageDecoder, ImageReader, Luma, Rgba};
use thiserror::Error;

/// Why a picture can't be read.
#[derive(Debug, Error)]
pub enum ImageError {
    /// The file is not PNG or JPEG, is damaged, or is too large.
    #[error("not a readable PNG or JPEG image: {0}")]
    Undecodable(#[from] image::ImageError),
    /// The number of pixels is not that of the image.
    #[error("the image has {found} pixels, not {expected}")]
    Count {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// All pixels are nearly equal.
    #[error("the image is blank: no stroke stands out from the background")]
    Blank,
}

/// The limits of a picture. One that exceeds them is refused before it is decoded.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest width and height, in pixels.
    side: u32,
    /// The most memory that decoding may take, in bytes.
    memory: u64,
}

impl Limits {
    /// For the user's own files.
    pub const FILE: Self = Self { side: 10_000, memory: 512 << 20 };
    /// For pictures that are sent to the server: enough for a photo from a phone.
    pub const REQUEST: Self = Self { side: 4_096, memory: 64 << 20 };
}

/// The fraction of the image's side that the digit fills: 20 of 28 pixels.
const FILLED: f32 = 20.0 / 28.0;
/// Differences from the background below this fraction of the strongest one are noise, not ink.
const NOISE: f32 = 0.2;

/// Decodes a picture and prepares it: `size`, `[height, width]`, pixels row by row, 0 for background and 255 for ink.
///
/// # Errors
/// If it can't be decoded within the limits, or is blank.
pub fn prepare(encoded: &[u8], size: [usize; 2], limits: Limits) -> Result<Vec<u8>, ImageError> {
    let mut reader =
        ImageReader::new(Cursor::new(encoded)).with_guessed_format().map_err(image::ImageError::IoError)?;
    let mut largest = image::Limits::default();
    largest.max_image_width = Some(limits.side);
    largest.max_image_height = Some(limits.side);
    largest.max_alloc = Some(limits.memory);
    reader.limits(largest);
    let mut decoder = reader.into_decoder()?;
    // The decoder's own limits do not count the buffer that it decodes into.
    let mut memory = image::Limits::default();
    memory.max_alloc = Some(limits.memory);
    memory.reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    // Cameras save a picture as the sensor was held, with a note on how to turn it.
    picture.apply_orientation(orientation);
    as_trained_on(&picture, size)
}

/// Prepares the grey levels of an image of `size`, given row by row.
///
/// # Errors
/// If there are too few or too many, or the image is blank.
pub fn prepare_pixels(pixels: Vec<u8>, size: [usize; 2]) -> Result<Vec<u8>, ImageError> {
    let ([height, width], found) = (size.map(|side| side as u32), pixels.len());
    match GrayImage::from_raw(width, height, pixels) {
        Some(grey) if found == size[0] * size[1] => as_trained_on(&grey.into(), size),
        _ => Err(ImageError::Count { found, expected: size[0] * size[1] }),
    }
}

fn as_trained_on(picture: &DynamicImage, size: [usize; 2]) -> Result<Vec<u8>, ImageError> {
    let [height, width] = size.map(|side| side as u32);
    if picture.dimensions() == (width, height)
        && let Some(grey) = grey(picture)
        && background(&grey) < 128
    {
        return Ok(grey.into_raw());
    }
    let ink = ink(&flatten(picture))?;
    Ok(centre(&fit(&ink, width, height), width, height).into_raw())
}

/// The picture's grey levels if no pixel has colour or transparency, whatever the pixel format.
fn grey(picture: &DynamicImage) -> Option<GrayImage> {
    let pixels = picture.to_rgba8();
    let is_grey = |pixel: &Rgba<u8>| pixel[0] == pixel[1] && pixel[1] == pixel[2] && pixel[3] == 255;
    pixels
        .pixels()
        .all(is_grey)
        .then(|| GrayImage::from_fn(pixels.width(), pixels.height(), |x, y| Luma([pixels.get_pixel(x, y)[0]])))
}

/// Converts to grey without transparency: dark strokes get a white background, light strokes a black one.
fn flatten(picture: &DynamicImage) -> GrayImage {
    let picture = picture.to_luma_alpha8();
    let (mut light, mut opacity) = (0u64, 0u64);
    for pixel in picture.pixels() {
        light += u64::from(pixel[0]) * u64::from(pixel[1]);
        opacity += u64::from(pixel[1]);
    }
    let behind: u32 = if light < 128 * opacity { 255 } else { 0 };
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [grey, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        Luma([((grey * alpha + behind * (255 - alpha)) / 255) as u8])
    })
}

/// The median of the pixels along the edge.
fn background(grey: &GrayImage) -> u8 {
    let (right, bottom) = (grey.width() - 1, grey.height() - 1);
    let on_edge = |x, y| x == 0 || y == 0 || x == right || y == bottom;
    let mut edge: Vec<u8> = grey.enumerate_pixels().filter(|&(x, y, _)| on_edge(x, y)).map(|(_, _, p)| p[0]).collect();
    edge.sort_unstable();
    edge[edge.len() / 2]
}

/// The cropped strokes, 0 to 255: the differences from the background, darker or lighter, whichever are stronger.
fn ink(grey: &GrayImage) -> Result<GrayImage, ImageError> {
    let background = background(grey);
    let darkest = grey.pixels().map(|pixel| pixel[0]).min().unwrap_or(background);
    let lightest = grey.pixels().map(|pixel| pixel[0]).max().unwrap_or(background);
    let dark_on_light = background - darkest > lightest - background;
    let contrast = f32::from(if dark_on_light { background - darkest } else { lightest - background });
    // Compression and scanners make an empty sheet differ by a few levels.
    if contrast < 16.0 {
        return Err(ImageError::Blank);
    }
    let strength = |level: u8| {
        let (from, to) = if dark_on_light { (level, background) } else { (background, level) };
        f32::from(to.saturating_sub(from)) / contrast
    };
    let ink = |level| if strength(level) < NOISE { 0 } else { (255.0 * strength(level)).round() as u8 };
    let strokes = GrayImage::from_fn(grey.width(), grey.height(), |x, y| Luma([ink(grey.get_pixel(x, y)[0])]));
    let inked = || strokes.enumerate_pixels().filter(|(_, _, pixel)| pixel[0] > 0);
    let (left, right) = inked().fold((u32::MAX, 0), |(low, high), (x, _, _)| (low.min(x), high.max(x)));
    let (top, bottom) = inked().fold((u32::MAX, 0), |(low, high), (_, y, _)| (low.min(y), high.max(y)));
    Ok(imageops::crop_imm(&strokes, left, top, right - left + 1, bottom - top + 1).to_image())
}

/// Scales the digit so that its longer side fills its part of the image. The strongest ink stays at 255.
fn fit(ink: &GrayImage, width: u32, height: u32) -> GrayImage {
    let scale = FILLED * (width as f32 / ink.width() as f32).min(height as f32 / ink.height() as f32);
    let side = |length: u32| ((length as f32 * scale).round() as u32).max(1);
    let mut fitted = imageops::resize(ink, side(ink.width()), side(ink.height()), FilterType::Triangle);
    let strongest = fitted.pixels().map(|pixel| pixel[0]).max().unwrap_or(0).max(1);
    for pixel in fitted.pixels_mut() {
        pixel[0] = (u32::from(pixel[0]) * 255 / u32::from(strongest)) as u8;
    }
    fitted
}

/// Places the digit's centre of mass in the middle, or as near to it as the digit stays inside.
fn centre(digit: &GrayImage, width: u32, height: u32) -> GrayImage {
    let (mut mass, mut across, mut down) = (0.0, 0.0, 0.0);
    for (x, y, pixel) in digit.enumerate_pixels() {
        let weight = f64::from(pixel[0]);
        mass += weight;
        across += weight * (f64::from(x) + 0.5);
        down += weight * (f64::from(y) + 0.5);
    }
    let offset = |whole: u32, part: u32, moment: f64| {
        (f64::from(whole) / 2.0 - moment / mass).round().clamp(0.0, f64::from(whole - part)) as i64
    };
    let mut image = GrayImage::new(width, height);
    let (x, y) = (offset(width, digit.width(), across), offset(height, digit.height(), down));
    imageops::replace(&mut image, digit, x, y);
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, LumaA, Rgb, RgbImage};

    /// A slanted stroke with a foot, `side` pixels wide and high, in `ink` on `paper`.
    fn drawn(side: u32, ink: [u8; 3], paper: [u8; 3]) -> RgbImage {
        RgbImage::from_fn(side, side, |x, y| {
            let (x, y) = (x as f32 / side as f32, y as f32 / side as f32);
            let stroke = (0.2..0.8).contains(&y) && (x - 0.7 + 0.3 * y).abs() < 0.05;
            let foot = (0.74..0.8).contains(&y) && (0.3..0.7).contains(&x);
            Rgb(if stroke || foot { ink } else { paper })
        })
    }

    fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(vec![]);
        picture.into().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn difference(a: &[u8], b: &[u8]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>() / a.len() as f64
    }

    #[test]
    fn picture_that_needs_more_memory_than_allowed_is_refused_before_it_is_decoded() {
        let mut file = vec![];
        let picture = DynamicImage::new_rgba16(20, 20);
        picture.write_to(&mut Cursor::new(&mut file), image::ImageFormat::Png).unwrap();
        let message = |memory| prepare(&file, [28, 28], Limits { side: 20, memory }).unwrap_err().to_string();
        assert!(message(20 * 20 * 8 - 1).contains("Memory limit exceeded"), "{}", message(20 * 20 * 8 - 1));
        assert!(!message(1 << 20).contains("limit"), "{}", message(1 << 20));
    }

    #[test]
    fn prepared_image_is_not_changed() {
        let grey =
            GrayImage::from_fn(28, 28, |x, y| Luma([if (10..18).contains(&x) { (x * y % 256) as u8 } else { 0 }]));
        let colour = DynamicImage::from(grey.clone()).to_rgba8();
        for bytes in [encoded(grey.clone(), ImageFormat::Png), encoded(colour, ImageFormat::Png)] {
            assert_eq!(&prepare(&bytes, [28, 28], Limits::FILE).unwrap(), grey.as_raw());
        }
    }

    #[test]
    fn dark_on_light_and_light_on_dark_pictures_come_out_the_same() {
        let dark = prepare(&encoded(drawn(200, [0; 3], [255; 3]), ImageFormat::Png), [28, 28], Limits::FILE).unwrap();
        let light = prepare(&encoded(drawn(200, [255; 3], [0; 3]), ImageFormat::Png), [28, 28], Limits::FILE).unwrap();
        assert_eq!(dark, light);
    }

    #[test]
    fn size_colour_and_jpeg_have_little_effect() {
        let reference =
            prepare(&encoded(drawn(200, [0; 3], [255; 3]), ImageFormat::Png), [28, 28], Limits::FILE).unwrap();
        for (side, ink, paper) in [(90, [20, 20, 160], [240, 240, 200]), (731, [250, 240, 90], [30, 60, 40])] {
            let other = prepare(&encoded(drawn(side, ink, paper), ImageFormat::Jpeg), [28, 28], Limits::FILE).unwrap();
            assert!(difference(&reference, &other) < 6.0, "{side}: {}", difference(&reference, &other));
        }
    }

    #[test]
    fn dark_ink_on_grey_paper_is_ink() {
        let grey = prepare(&encoded(drawn(200, [20; 3], [110; 3]), ImageFormat::Png), [28, 28], Limits::FILE).unwrap();
        let white = prepare(&encoded(drawn(200, [0; 3], [255; 3]), ImageFormat::Png), [28, 28], Limits::FILE).unwrap();
        assert_eq!(grey, white);
    }

    #[test]
    fn transparent_background_becomes_the_opposite_of_the_ink() {
        let reference =
            prepare(&encoded(drawn(200, [0; 3], [255; 3]), ImageFormat::Png), [28, 28], Limits::FILE).unwrap();
        for ink in [0, 255] {
            let shape = drawn(200, [255; 3], [0; 3]);
            let see_through = image::ImageBuffer::from_fn(200, 200, |x, y| LumaA([ink, shape.get_pixel(x, y)[0]]));
            let prepared = prepare(&encoded(see_through, ImageFormat::Png), [28, 28], Limits::FILE).unwrap();
            assert_eq!(prepared, reference, "ink {ink}");
        }
    }

    #[test]
    fn digit_fills_twenty_pixels_around_its_centre_of_mass() {
        let prepared =
            prepare(&encoded(drawn(300, [0; 3], [255; 3]), ImageFormat::Png), [28, 28], Limits::FILE).unwrap();
        let inked: Vec<(usize, usize, f64)> =
            prepared.iter().enumerate().filter(|&(_, &p)| p > 0).map(|(i, &p)| (i % 28, i / 28, p.into())).collect();
        let rows = inked.iter().map(|p| p.1).max().unwrap() - inked.iter().map(|p| p.1).min().unwrap() + 1;
        assert_eq!(rows, 20);
        let mass: f64 = inked.iter().map(|p| p.2).sum();
        let x = inked.iter().map(|p| p.2 * (p.0 as f64 + 0.5)).sum::<f64>() / mass;
        let y = inked.iter().map(|p| p.2 * (p.1 as f64 + 0.5)).sum::<f64>() / mass;
        assert!((x - 14.0).abs() <= 0.5 && (y - 14.0).abs() <= 0.5, "{x} {y}");
    }

    #[test]
    fn pixels_are_prepared_like_a_picture_of_them() {
        for paper in [0, 255] {
            let picture = DynamicImage::from(drawn(28, [255 - paper; 3], [paper; 3])).to_luma8();
            let prepared = prepare(&encoded(picture.clone(), ImageFormat::Png), [28, 28], Limits::REQUEST).unwrap();
            assert_eq!(prepare_pixels(picture.into_raw(), [28, 28]).unwrap(), prepared);
        }
    }

    #[test]
    fn pixels_that_do_not_fill_the_image_are_counted() {
        for found in [0, 783, 785, 7840] {
            let message = prepare_pixels(vec![0; found], [28, 28]).unwrap_err().to_string();
            assert_eq!(message, format!("the image has {found} pixels, not 784"));
        }
    }

    #[test]
    fn request_has_a_lower_size_limit_than_a_file() {
        let large = encoded(drawn(5_000, [0; 3], [255; 3]), ImageFormat::Png);
        assert!(prepare(&large, [28, 28], Limits::FILE).is_ok());
        assert!(matches!(prepare(&large, [28, 28], Limits::REQUEST), Err(ImageError::Undecodable(_))));
    }

    #[test]
    fn blank_sheet_is_an_error() {
        let sheet = encoded(drawn(50, [200; 3], [200; 3]), ImageFormat::Png);
        assert!(matches!(prepare(&sheet, [28, 28], Limits::FILE), Err(ImageError::Blank)));
    }

    #[test]
    fn bytes_that_are_not_a_whole_picture_are_an_error() {
        let whole = encoded(drawn(50, [0; 3], [255; 3]), ImageFormat::Png);
        for bytes in [&b""[..], b"not a picture", &whole[..whole.len() / 2]] {
            assert!(matches!(prepare(bytes, [28, 28], Limits::FILE), Err(ImageError::Undecodable(_))));
        }
    }

    #[test]
    fn picture_that_claims_to_be_enormous_is_refused_before_it_is_decoded() {
        let mut bytes = encoded(drawn(50, [0; 3], [255; 3]), ImageFormat::Png);
        // Width and height follow the 8 bytes of signature and the chunk's 8 of length and name.
        bytes[16..24].copy_from_slice(&[0, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff]);
        assert!(matches!(prepare(&bytes, [28, 28], Limits::FILE), Err(ImageError::Undecodable(_))));
    }
}
