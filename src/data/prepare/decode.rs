//! From a file to a picture in colour.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Rgb, RgbImage, Rgba, RgbaImage};

use crate::data::error::ImageError;

/// The longest side of a picture after decoding. A stroke a hundredth as wide as the picture still has 4 pixels.
const LONGEST: u32 = 400;
/// The least range of 16-bit levels that is stretched to 8 bits: that of cameras with 10 bits.
const LEAST_RANGE: u16 = 1023;

/// The limits of a picture. One that exceeds them is refused before it is decoded.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest width and height, in pixels.
    pub(super) side: u32,
    /// The most memory that decoding may take, in bytes.
    pub(super) memory: u64,
}

impl Limits {
    /// For the user's own files.
    pub const FILE: Self = Self { side: 10_000, memory: 512 << 20 };
    /// For pictures that are sent to the server: enough for a photo from a phone.
    pub const REQUEST: Self = Self { side: 4_096, memory: 64 << 20 };
}

/// Decodes a picture: upright, reduced, without transparency. Refused if it exceeds the limits, is damaged or cut off.
pub fn decode(encoded: &[u8], limits: Limits) -> Result<RgbImage, ImageError> {
    let mut reader =
        ImageReader::new(Cursor::new(encoded)).with_guessed_format().map_err(image::ImageError::IoError)?;
    let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
    let mut largest = image::Limits::default();
    largest.max_image_width = Some(limits.side);
    largest.max_image_height = Some(limits.side);
    largest.max_alloc = Some(limits.memory);
    reader.limits(largest.clone());
    let mut decoder = reader.into_decoder()?;
    // The decoder's own limits do not count the buffer that it decodes into.
    largest.reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation()?;
    let picture = DynamicImage::from_decoder(decoder)?;
    // The decoder fills the missing part of a cut-off file with grey.
    if is_jpeg && !is_whole(encoded) {
        return Err(ImageError::Truncated);
    }
    let is_large = picture.width().max(picture.height()) > LONGEST;
    let mut picture = if is_large { picture.thumbnail(LONGEST, LONGEST) } else { picture };
    // Cameras save a picture as the sensor was held, with a note on how to turn it.
    picture.apply_orientation(orientation);
    Ok(flatten(&eight_bits(picture)))
}

/// Whether a JPEG file has the marker of its end. Walks over its segments, because a preview in one has markers too.
fn is_whole(jpeg: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[first, kind]) = jpeg.get(at..at + 2) {
        let length = || jpeg[at + 2..].first_chunk().map_or(0, |&length| u16::from_be_bytes(length));
        at += match (first, kind) {
            (0xff, 0xd9) => return true,
            // A segment with its length.
            (0xff, 0xc0..=0xcf | 0xda..=0xfe) => 2 + usize::from(length()),
            // Compressed data, in which 0xff is followed by 0 or a restart marker.
            _ => 1,
        }
    }
    false
}

/// The picture with 8 bits a channel. Many files of 16 bits use only a part of their range: it is stretched.
fn eight_bits(picture: DynamicImage) -> RgbaImage {
    if picture.color().bytes_per_pixel() == picture.color().channel_count() {
        return picture.into_rgba8();
    }
    let deep = picture.into_rgba16();
    let levels = || deep.pixels().filter(|pixel| pixel[3] > 0).flat_map(|pixel| &pixel.0[..3]);
    let (low, high) = levels().fold((u16::MAX, 0), |(low, high), &level| (low.min(level), high.max(level)));
    let range = u32::from(high.saturating_sub(low).max(LEAST_RANGE));
    let level = |level: u16| ((u32::from(level.saturating_sub(low)) * 255 + range / 2) / range).min(255) as u8;
    RgbaImage::from_fn(deep.width(), deep.height(), |x, y| {
        let &Rgba([red, green, blue, alpha]) = deep.get_pixel(x, y);
        Rgba([level(red), level(green), level(blue), (alpha >> 8) as u8])
    })
}

/// The picture without transparency: dark strokes get a white background, light strokes a black one.
fn flatten(picture: &RgbaImage) -> RgbImage {
    let (mut light, mut opacity) = (0u64, 0u64);
    for &Rgba([red, green, blue, alpha]) in picture.pixels() {
        light += (u64::from(red) + 2 * u64::from(green) + u64::from(blue)) * u64::from(alpha);
        opacity += 4 * u64::from(alpha);
    }
    let behind: u32 = if light < 128 * opacity { 255 } else { 0 };
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let &Rgba([red, green, blue, alpha]) = picture.get_pixel(x, y);
        let alpha = u32::from(alpha);
        Rgb([red, green, blue].map(|level| ((u32::from(level) * alpha + behind * (255 - alpha)) / 255) as u8))
    })
}
