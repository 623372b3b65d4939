//! Many images in one PNG.

use png::ColorType;

use super::data_uri;
use crate::data::Images;

/// The software that the PNG names, by which this program recognises its own.
pub const MARK: &str = "mnist-burn images";
/// Each pixel of an image becomes a square of this many pixels on a side.
const ZOOM: usize = 2;
/// White pixels around each image; three times as many after the first column.
const GAP: usize = 2;

/// A PNG of the images, 0 black and 255 white. All columns have equally many images, of the same size.
pub fn png(columns: &[Images]) -> Vec<u8> {
    let [height, width] = columns[0].size().map(|side| side * ZOOM);
    let rows = columns[0].len();
    let total_width = columns.len() * (width + GAP) + 3 * GAP;
    let total_height = rows * (height + GAP) + GAP;
    let mut pixels = vec![255; total_width * total_height];
    for (column, images) in columns.iter().enumerate() {
        let left = column * (width + GAP) + if column == 0 { GAP } else { 3 * GAP };
        for row in 0..rows {
            let image = images.pixels(row);
            for y in 0..height {
                let start = (row * (height + GAP) + GAP + y) * total_width + left;
                for (x, pixel) in pixels[start..start + width].iter_mut().enumerate() {
                    *pixel = image[y / ZOOM * (width / ZOOM) + x / ZOOM];
                }
            }
        }
    }
    data_uri::png(&pixels, [total_height, total_width], |encoder| {
        encoder.set_color(ColorType::Grayscale);
        encoder.add_text_chunk("Software".into(), MARK.into()).expect("a known keyword and plain text");
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_grid_places_images_by_row_and_column_at_twice_their_size() {
        let column = |first: u8| Images::new((first..first + 4).collect(), vec![0, 0], [1, 2], 1);
        let file = png(&[column(10), column(20)]);
        let picture = image::load_from_memory(&file).unwrap().into_luma8();
        assert_eq!(picture.dimensions(), (18, 10));
        let at = |x, y| picture.get_pixel(x, y)[0];
        assert_eq!([at(2, 2), at(3, 3), at(4, 2), at(2, 6), at(5, 7)], [10, 10, 11, 12, 13]);
        assert_eq!([at(12, 2), at(15, 3), at(12, 6), at(15, 7)], [20, 21, 22, 23]);
        assert_eq!([at(0, 0), at(6, 2), at(11, 2), at(16, 2), at(2, 4), at(2, 8)], [255; 6]);
        assert!(String::from_utf8_lossy(&file[..1024.min(file.len())]).contains(MARK));
    }
}
