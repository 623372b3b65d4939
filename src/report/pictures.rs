//! Pictures as PNG: small ones as data URIs in a page, also of the weights of the first layer, and a grid of many.

use base64::{Engine, prelude::BASE64_STANDARD};
use image::{GrayImage, Luma, imageops};
use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use crate::data::Images;

/// Shades on either side of white. More can't be told apart, and make the file larger.
const SHADES: i16 = 31;
/// The colours of the largest negative and positive weight, blue and orange, which colour-blind people can tell apart.
const NEGATIVE: [u8; 3] = [5, 80, 174];
const POSITIVE: [u8; 3] = [190, 70, 0];
/// The software that a grid names, by which this program recognises its own.
pub const GRID_MARK: &str = "mnist-burn images";
/// Each pixel of an image becomes a square of this many pixels on a side.
const ZOOM: usize = 2;
/// White pixels around each image; three times as many after the first column.
const GAP: usize = 2;
const MOST_UNITS: usize = 256;
/// The most pixels in all their images together.
const MOST_PIXELS: usize = 1 << 18;
/// The quantile of the absolute weights that gets the strongest colour. With the maximum, outliers would pale the others.
const QUANTILE: f64 = 0.995;

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

/// A PNG of the images, 0 black and 255 white. All columns have equally many images, of the same size.
pub fn grid(columns: &[Images]) -> Vec<u8> {
    let [height, width] = columns[0].size().map(|side| side * ZOOM);
    let size = [columns[0].len() * (height + GAP) + GAP, columns.len() * (width + GAP) + 3 * GAP];
    let mut grid = GrayImage::from_pixel(size[1] as u32, size[0] as u32, Luma([255]));
    for (column, images) in columns.iter().enumerate() {
        let left = column * (width + GAP) + if column == 0 { GAP } else { 3 * GAP };
        for row in 0..images.len() {
            let pixel = |x, y| Luma([images.pixels(row)[y as usize / ZOOM * (width / ZOOM) + x as usize / ZOOM]]);
            let image = GrayImage::from_fn(width as u32, height as u32, pixel);
            imageops::replace(&mut grid, &image, left as i64, (row * (height + GAP) + GAP) as i64);
        }
    }
    png(&grid, size, |encoder| {
        encoder.set_color(ColorType::Grayscale);
        encoder.add_text_chunk("Software".into(), GRID_MARK.into()).expect("a known keyword and plain text");
    })
}

/// A PNG of `[height, width]` pixels, with what `configure` sets.
fn png(pixels: &[u8], [height, width]: [usize; 2], configure: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
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

#[derive(Debug, Clone)]
pub struct FirstLayer {
    /// The weights of each unit, as the data URI of an image; not of all of them if they are many or large.
    pub units: Vec<String>,
    pub all: usize,
    /// The absolute weight that gets the strongest colour.
    pub largest: f32,
}

impl FirstLayer {
    /// The layer with these weights, `[units, height · width]`.
    pub fn new(weights: &[f32], size: [usize; 2]) -> Self {
        let inputs = (size[0] * size[1]).max(1);
        let mut sizes: Vec<f32> = weights.iter().map(|weight| weight.abs()).collect();
        sizes.sort_by(f32::total_cmp);
        let rank = (QUANTILE * sizes.len() as f64).ceil() as usize;
        let largest = sizes.get(rank.saturating_sub(1)).copied().unwrap_or(0.0);
        let shown = (MOST_PIXELS / inputs).clamp(1, MOST_UNITS);
        let units = weights.chunks(inputs).take(shown).map(|weights| diverging(weights, size, largest)).collect();
        Self { units, all: weights.len() / inputs, largest }
    }
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

    #[test]
    fn image_grid_places_images_by_row_and_column_at_twice_their_size() {
        let column = |first: u8| Images::new((first..first + 4).collect(), vec![0, 0], [1, 2], 1);
        let file = grid(&[column(10), column(20)]);
        let picture = image::load_from_memory(&file).unwrap().into_luma8();
        assert_eq!(picture.dimensions(), (18, 10));
        let at = |x, y| picture.get_pixel(x, y)[0];
        assert_eq!([at(2, 2), at(3, 3), at(4, 2), at(2, 6), at(5, 7)], [10, 10, 11, 12, 13]);
        assert_eq!([at(12, 2), at(15, 3), at(12, 6), at(15, 7)], [20, 21, 22, 23]);
        assert_eq!([at(0, 0), at(6, 2), at(11, 2), at(16, 2), at(2, 4), at(2, 8)], [255; 6]);
        assert!(String::from_utf8_lossy(&file[..1024.min(file.len())]).contains(GRID_MARK));
    }

    #[test]
    fn units_have_an_image_each_and_outliers_do_not_decide_the_colours() {
        let mut weights = vec![0.5; 250 * 4];
        weights[0] = -90.0;
        let layer = FirstLayer::new(&weights, [2, 2]);
        assert_eq!((layer.units.len(), layer.all, layer.largest), (250, 250, 0.5));
    }

    #[test]
    fn wide_layers_and_large_images_are_cut() {
        assert_eq!(FirstLayer::new(&vec![1.0; 300], [1, 1]).units.len(), MOST_UNITS);
        let large = FirstLayer::new(&vec![1.0; 2 * MOST_PIXELS], [1, MOST_PIXELS]);
        assert_eq!((large.units.len(), large.all), (1, 2));
    }
}
