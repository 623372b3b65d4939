//! Small images within a page: PNG as data URIs.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use png::{BitDepth, ColorType, Compression, Encoder, Filter};

/// Shades on either side of white. More can't be told apart, and make the file larger.
const SHADES: i16 = 31;
/// The colours of the largest negative and positive weight, blue and orange, which colour-blind people can tell apart.
const NEGATIVE: [u8; 3] = [5, 80, 174];
const POSITIVE: [u8; 3] = [190, 70, 0];

/// A grey image of `[height, width]` pixels, 0 black and 255 white.
pub fn grey(pixels: &[u8], size: [usize; 2]) -> String {
    encode(pixels, size, |encoder| encoder.set_color(ColorType::Grayscale))
}

/// An image of `[height, width]` values: white for 0, stronger colours up to ±`largest`, where they end.
pub fn diverging(values: &[f32], size: [usize; 2], largest: f32) -> String {
    let shade = |value: &f32| {
        let fraction = if largest > 0.0 { (value / largest).clamp(-1.0, 1.0) } else { 0.0 };
        ((fraction * f32::from(SHADES)).round() as i16 + SHADES) as u8
    };
    let color = |shade: i16| {
        let end = if shade < 0 { NEGATIVE } else { POSITIVE };
        let fraction = f64::from(shade.abs()) / f64::from(SHADES);
        end.map(|part| (255.0 + fraction * (f64::from(part) - 255.0)).round() as u8)
    };
    let shades: Vec<u8> = values.iter().map(shade).collect();
    encode(&shades, size, |encoder| {
        encoder.set_color(ColorType::Indexed);
        encoder.set_palette((-SHADES..=SHADES).flat_map(color).collect::<Vec<u8>>());
    })
}

/// A PNG of `[height, width]` pixels, with what `configure` sets.
pub fn png(pixels: &[u8], [height, width]: [usize; 2], configure: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut file = vec![];
    let mut encoder = Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::High);
    configure(&mut encoder);
    let mut writer = encoder.write_header().expect("writing to memory does not fail, and every image has pixels");
    writer.write_image_data(pixels).expect("the number of pixels matches the size");
    writer.finish().expect("writing to memory does not fail");
    file
}

fn encode(pixels: &[u8], size: [usize; 2], configure: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> String {
    let file = png(pixels, size, |encoder| {
        // A filter does not help: these images are too small or too noisy.
        encoder.set_filter(Filter::NoFilter);
        configure(encoder);
    });
    format!("data:image/png;base64,{}", BASE64_STANDARD.encode(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(uri: &str) -> image::RgbImage {
        let file = BASE64_STANDARD.decode(uri.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        image::load_from_memory(&file).unwrap().into_rgb8()
    }

    #[test]
    fn data_uri_decodes_to_the_pixels_of_the_image() {
        let image = decoded(&grey(&[0, 10, 255, 7, 8, 9], [2, 3]));
        assert_eq!((image.dimensions(), image.get_pixel(2, 0).0, image.get_pixel(0, 1).0), ((3, 2), [255; 3], [7; 3]));
    }

    #[test]
    fn weights_are_blue_white_and_orange_around_zero() {
        let image = decoded(&diverging(&[-1.0, 0.0, 1.0, 5.0], [1, 4], 1.0));
        let colors: Vec<[u8; 3]> = image.pixels().map(|pixel| pixel.0).collect();
        assert_eq!(colors, [NEGATIVE, [255; 3], POSITIVE, POSITIVE]);
        assert_eq!(decoded(&diverging(&[0.0], [1, 1], 0.0)).get_pixel(0, 0).0, [255; 3]);
    }
}
