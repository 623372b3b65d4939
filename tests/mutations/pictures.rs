//! Pictures to predict, PNG and JPEG.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Luma, Rgb};
use mnist_burn::data::prepare::{Limits, Look, prepare};
use rand::RngExt;

use super::mutator::damage;
use super::{Case, each};

/// [`prepare`] promises to stay below 512 MiB while it decodes a picture. The rest is for its copies in grey.
const JUSTIFIED: usize = 1 << 30;

#[test]
fn damaged_pictures_are_prepared_or_refused() {
    let stroke = |x: u32, y: u32| (4..20).contains(&y) && x.abs_diff(y) < 3;
    let grey = image::GrayImage::from_fn(28, 28, |x, y| Luma([if stroke(x, y) { 250 } else { 0 }]));
    // Large enough that its paper is looked for around each pixel.
    let colour =
        image::RgbImage::from_fn(96, 70, |x, y| Rgb(if stroke(x / 3, y / 3) { [20, 0, 90] } else { [250, 255, 240] }));
    let encoded = |picture: DynamicImage, format| {
        let mut bytes = Cursor::new(vec![]);
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    let pictures = [
        encoded(grey.clone().into(), ImageFormat::Png),
        encoded(colour.clone().into(), ImageFormat::Png),
        encoded(grey.into(), ImageFormat::Jpeg),
        encoded(colour.into(), ImageFormat::Jpeg),
    ];
    each(20_000, |generator| {
        let mut picture = pictures[generator.random_range(0..pictures.len())].clone();
        damage(&mut picture, &pictures[generator.random_range(0..pictures.len())], generator);
        let size = [[28, 28], [1, 784], [5, 4], [1, 1]][generator.random_range(0..4)];
        Case {
            justified: JUSTIFIED,
            // `prepare` gets only the bytes; the command names the file.
            paths: vec!["image".into()],
            read: move || {
                let prepared =
                    prepare(&picture, size, &Look::MNIST, Limits::FILE).map_err(|error| error.to_string())?;
                assert_eq!(prepared.pixels.len(), size[0] * size[1]);
                Ok(())
            },
        }
    });
}
