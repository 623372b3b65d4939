//! Pictures that the tests draw, prepared.

use std::{io::Cursor, ops::Range};

use image::{ImageBuffer, ImageFormat, Luma, LumaA, Rgb};

use super::*;

const SIZE: [usize; 2] = [28, 28];

/// Whether a digit has ink at a place, both from 0 to 1: a slanted stroke with a foot.
fn is_stroke(x: f32, y: f32) -> bool {
    let stroke = (0.2..0.8).contains(&y) && (x - 0.7 + 0.3 * y).abs() < 0.05;
    stroke || (0.74..0.8).contains(&y) && (0.3..0.7).contains(&x)
}

/// The digit, `side` pixels wide and high, in `ink` on `paper`.
fn drawn(side: u32, ink: [u8; 3], paper: [u8; 3]) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| {
        Rgb(if is_stroke(x as f32 / side as f32, y as f32 / side as f32) { ink } else { paper })
    })
}

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn prepared_file(bytes: &[u8]) -> Result<Prepared, ImageError> {
    prepare(bytes, SIZE, &Look::MNIST, Limits::FILE)
}

fn prepared(picture: impl Into<DynamicImage>) -> Prepared {
    prepared_file(&encoded(picture, ImageFormat::Png)).unwrap()
}

fn reference() -> Vec<u8> {
    prepared(drawn(200, [0; 3], [255; 3])).pixels
}

fn difference(a: &[u8], b: &[u8]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>() / a.len() as f64
}

#[test]
fn picture_that_needs_more_memory_than_allowed_is_refused_before_it_is_decoded() {
    let mut file = vec![];
    DynamicImage::new_rgba16(20, 20).write_to(&mut Cursor::new(&mut file), ImageFormat::Png).unwrap();
    let message = |memory| prepare(&file, SIZE, &Look::MNIST, Limits { side: 20, memory }).unwrap_err().to_string();
    assert!(message(20 * 20 * 8 - 1).contains("Memory limit exceeded"), "{}", message(20 * 20 * 8 - 1));
    assert!(!message(1 << 20).contains("limit"), "{}", message(1 << 20));
}

#[test]
fn image_as_the_training_images_is_not_changed_and_one_off_centre_is() {
    let grey = GrayImage::from_raw(28, 28, reference()).unwrap();
    let colour = DynamicImage::from(grey.clone()).to_rgba8();
    for bytes in [encoded(grey.clone(), ImageFormat::Png), encoded(colour, ImageFormat::Png)] {
        let prepared = prepared_file(&bytes).unwrap();
        assert_eq!((&prepared.pixels, prepared.stages.len()), (grey.as_raw(), 2));
    }
    let mut moved = GrayImage::new(28, 28);
    imageops::replace(&mut moved, &grey, 4, 3);
    let found = prepared(moved);
    assert!(found.stages.len() > 2 && difference(&found.pixels, grey.as_raw()) < 6.0);
}

#[test]
fn colours_sides_formats_and_papers_have_little_effect() {
    for (side, ink, paper) in [
        (200, [255; 3], [0; 3]),
        (90, [20, 20, 160], [240, 240, 200]),
        (731, [250, 240, 90], [30, 60, 40]),
        (200, [20; 3], [110; 3]),
        (400, [250, 240, 120], [255; 3]),
        (1300, [120, 120, 125], [150; 3]),
    ] {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let other = prepared_file(&encoded(drawn(side, ink, paper), format)).unwrap().pixels;
            let found = difference(&reference(), &other);
            assert!(found < 9.0, "{side} {ink:?} {format:?}: {found}");
        }
    }
}

#[test]
fn uneven_light_frames_specks_and_neighbours_are_not_ink() {
    let clean = drawn(300, [40; 3], [220; 3]);
    let changed = |change: &dyn Fn(u32, u32, u8) -> u8| {
        RgbImage::from_fn(300, 300, |x, y| Rgb([change(x, y, clean.get_pixel(x, y)[0]); 3]))
    };
    for (what, picture) in [
        ("gradient", changed(&|x, _, level| if level < 100 { level } else { 230 - (80 * x / 300) as u8 })),
        ("shadow", changed(&|x, y, level| if x + y > 420 { (3 * u16::from(level) / 4) as u8 } else { level })),
        ("frame", changed(&|x, y, level| if x.min(y).min(299 - x.max(y)) < 8 { 30 } else { level })),
        ("speck", changed(&|x, y, level| if x.abs_diff(40) < 3 && y.abs_diff(250) < 3 { 20 } else { level })),
        ("noise", changed(&|x, y, level| level.saturating_add(((x * 7919 + y * 104_729) % 21) as u8))),
    ] {
        let found = difference(&reference(), &prepared(picture).pixels);
        assert!(found < 8.0, "{what}: {found}");
    }
}

#[test]
fn frame_that_the_digit_touches_is_no_part_of_it() {
    let mut picture = imageops::crop_imm(&drawn(300, [40; 3], [220; 3]), 84, 40, 200, 220).to_image();
    let (width, height) = picture.dimensions();
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        if x.min(y).min(width - 1 - x).min(height - 1 - y) < 8 {
            *pixel = Rgb([60; 3]);
        }
    }
    let found = difference(&reference(), &prepared(picture).pixels);
    assert!(found < 8.0, "{found}");
}

#[test]
fn light_that_a_shadow_leaves_within_a_digit_is_not_ink() {
    let picture = RgbImage::from_fn(300, 360, |x, y| {
        let (x, y) = (x as f32, y as f32);
        let level = if ((x - 150.0).hypot(y - 180.0) - 110.0).abs() < 1.0 { 110.0 } else { 230.0 };
        let shadow = ((2.0 * x + y - 420.0) / 100.0).clamp(0.0, 1.0);
        Rgb([(level * (1.0 - 0.45 * shadow)) as u8; 3])
    });
    let found = prepared(picture).pixels;
    let inked = |rows: Range<usize>| found[28 * rows.start..28 * rows.end].iter().filter(|&&ink| ink > 64).count();
    // Two strokes, and nothing between them.
    assert!((2..9).contains(&inked(14..15)) && inked(0..28) > 60, "{found:?}");
}

#[test]
fn thin_strokes_get_as_wide_as_those_of_the_training_images() {
    let thin = RgbImage::from_fn(400, 400, |x, y| {
        Rgb([if (100..300).contains(&y) && x.abs_diff(200 + (y - 100) / 8) < 2 { 0 } else { 255 }; 3])
    });
    let found = prepared(thin).pixels;
    let width = found.chunks(28).map(|row| row.iter().map(|&ink| f64::from(ink) / 255.0).sum()).fold(0.0, f64::max);
    assert!((1.5..3.0).contains(&width), "{width}");
}

#[test]
fn transparent_background_becomes_the_opposite_of_the_ink() {
    for ink in [0, 255] {
        let shape = drawn(200, [255; 3], [0; 3]);
        let see_through = ImageBuffer::from_fn(200, 200, |x, y| LumaA([ink, shape.get_pixel(x, y)[0]]));
        assert!(difference(&prepared(see_through).pixels, &reference()) < 1.0, "ink {ink}");
    }
}

/// The centre of mass of an image of 28 by 28 pixels, light on dark, `[x, y]` in pixels.
fn centre(pixels: &[u8]) -> [f64; 2] {
    let mass: f64 = pixels.iter().map(|&ink| f64::from(ink)).sum();
    let along = |place: fn(usize) -> usize| {
        let moments = pixels.iter().enumerate().map(|(at, &ink)| f64::from(ink) * (place(at) as f64 + 0.5));
        moments.sum::<f64>() / mass
    };
    [along(|at| at % 28), along(|at| at / 28)]
}

#[test]
fn digit_is_twenty_pixels_high_and_its_centre_of_mass_where_mnist_has_it() {
    for side in [280, 300, 417] {
        let pixels = prepared(drawn(side, [0; 3], [255; 3])).pixels;
        let height: f64 = pixels.chunks(28).map(|row| f64::from(*row.iter().max().unwrap()) / 255.0).sum();
        assert!((height - 20.0).abs() < 0.6, "{side}: {height}");
        let [x, y] = centre(&pixels);
        assert!((x - 14.5).abs() < 0.1 && (y - 14.5).abs() < 0.1, "{x} {y}");
    }
}

#[test]
fn digit_gets_the_place_that_it_has_in_most_training_images() {
    let reference = reference();
    let moved = |down: usize| [vec![0; 28 * down], reference[..28 * (28 - down)].to_vec()].concat();
    let images = [moved(0), moved(2), moved(2), moved(2), moved(3)];
    let look = Look::of(&images.each_ref().map(Vec::as_slice), SIZE);
    let bytes = encoded(drawn(300, [0; 3], [255; 3]), ImageFormat::Png);
    let [x, y] = centre(&prepare(&bytes, SIZE, &look, Limits::FILE).unwrap().pixels);
    assert!((x - 14.5).abs() < 0.1 && (y - 16.5).abs() < 0.1, "{x} {y}");
}

#[test]
fn digit_whose_place_is_too_near_an_edge_of_a_wide_image_ends_there() {
    let mut bar = vec![0; 20 * 40];
    (0..20).for_each(|y| bar[40 * y..40 * y + 3].fill(255));
    let look = Look::of(&[bar.as_slice(); 3], [20, 40]);
    let picture = drawn(300, [0; 3], [255; 3]);
    let pixels = prepare(&encoded(picture, ImageFormat::Png), [20, 40], &look, Limits::FILE).unwrap().pixels;
    let inked =
        |columns: Range<usize>| columns.map(|x| (0..20).filter(|y| pixels[40 * y + x] > 128).count()).sum::<usize>();
    assert_eq!(pixels.len(), 20 * 40);
    assert!(inked(0..20) > 30 && inked(20..40) == 0, "{} {}", inked(0..20), inked(20..40));
}

#[test]
fn look_that_an_older_version_recorded_has_its_place_in_the_middle_of_its_range() {
    let mut recorded = serde_json::to_value(Look::MNIST).unwrap();
    recorded.as_object_mut().unwrap().remove("centre").unwrap();
    let [x, y] = serde_json::from_value::<Look>(recorded).unwrap().centre();
    assert!((x - 0.518).abs() < 1e-6 && (y - 0.518).abs() < 1e-6, "{x} {y}");
}

#[test]
fn large_image_is_prepared_without_a_larger_one() {
    let mut look = Look::MNIST;
    look.stroke = 60.0;
    let bytes = encoded(drawn(300, [0; 3], [255; 3]), ImageFormat::Png);
    let prepared = prepare(&bytes, [900, 700], &look, Limits::FILE).unwrap();
    assert_eq!(prepared.pixels.len(), 900 * 700);
    assert!(prepared.stages.iter().all(|(_, picture)| picture.width() <= 1000));
}

#[test]
fn sixteen_bits_of_a_part_of_the_range_are_stretched() {
    let deep = ImageBuffer::from_fn(200, 200, |x, y| {
        Luma([if is_stroke(x as f32 / 200.0, y as f32 / 200.0) { 200u16 } else { 3600 }])
    });
    assert!(difference(&prepared(deep).pixels, &reference()) < 1.0);
}

#[test]
fn jpeg_that_is_cut_off_is_refused() {
    let whole = encoded(drawn(200, [0; 3], [255; 3]), ImageFormat::Jpeg);
    assert!(prepared_file(&whole).is_ok());
    for length in [whole.len() / 2, whole.len() - 2] {
        let error = prepared_file(&whole[..length]).unwrap_err();
        assert!(matches!(error, ImageError::Truncated | ImageError::Undecodable(_)), "{error}");
    }
    let message = prepared_file(&whole[..whole.len() - 2]).unwrap_err().to_string();
    assert!(message.starts_with("the JPEG image is cut off"), "{message}");
}

#[test]
fn pixels_are_prepared_like_a_picture_of_them() {
    for paper in [0, 255] {
        let picture = DynamicImage::from(drawn(28, [255 - paper; 3], [paper; 3])).to_luma8();
        let from_picture = prepared(picture.clone()).pixels;
        assert_eq!(prepare_pixels(picture.into_raw(), SIZE, &Look::MNIST).unwrap().pixels, from_picture);
    }
}

#[test]
fn pixels_that_do_not_fill_the_image_are_counted() {
    for found in [0, 783, 785, 7840] {
        let message = prepare_pixels(vec![0; found], SIZE, &Look::MNIST).unwrap_err().to_string();
        assert_eq!(message, format!("the image has {found} pixels, not 784"));
    }
}

#[test]
fn pixels_from_0_to_1_are_refused_with_the_factor() {
    let pixels = (0..784).map(|at| u8::from(at % 28 == 14)).collect();
    let message = prepare_pixels(pixels, SIZE, &Look::MNIST).unwrap_err().to_string();
    assert!(message.contains("all 0 or 1: multiply them by 255"), "{message}");
}

#[test]
fn request_has_a_lower_size_limit_than_a_file() {
    let large = encoded(drawn(5_000, [0; 3], [255; 3]), ImageFormat::Png);
    assert!(prepared_file(&large).is_ok());
    let refused = prepare(&large, SIZE, &Look::MNIST, Limits::REQUEST);
    assert!(matches!(refused, Err(ImageError::Undecodable(_))));
}

#[test]
fn blank_picture_of_every_size_and_form_is_said_to_be_blank() {
    let is_blank =
        |picture: DynamicImage| matches!(prepared_file(&encoded(picture, ImageFormat::Png)), Err(ImageError::Blank));
    for side in [8, 28, 50, 280, 900] {
        for level in [0, 100, 255] {
            assert!(is_blank(RgbImage::from_pixel(side, side, Rgb([level; 3])).into()), "{side} {level}");
        }
        assert!(is_blank(DynamicImage::new_rgba8(side, side)), "transparent, {side}");
    }
    assert!(is_blank(GrayImage::from_fn(280, 280, |x, _| Luma([230 - (x * 80 / 280) as u8])).into()), "gradient");
    let noise = |x: u32, y: u32| {
        ((x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)).wrapping_mul(3_266_489_917) >> 24) as u8
    };
    assert!(is_blank(GrayImage::from_fn(280, 280, |x, y| Luma([180 + noise(x, y) / 8])).into()), "noise");
    assert!(matches!(prepare_pixels(vec![0; 784], SIZE, &Look::MNIST), Err(ImageError::Blank)));
}

#[test]
fn bytes_that_are_not_a_whole_picture_are_an_error() {
    let whole = encoded(drawn(50, [0; 3], [255; 3]), ImageFormat::Png);
    for bytes in [&b""[..], b"not a picture", &whole[..whole.len() / 2]] {
        assert!(matches!(prepared_file(bytes), Err(ImageError::Undecodable(_))));
    }
}

#[test]
fn picture_that_claims_to_be_enormous_is_refused_before_it_is_decoded() {
    let mut bytes = encoded(drawn(50, [0; 3], [255; 3]), ImageFormat::Png);
    // Width and height follow the 8 bytes of signature and the chunk's 8 of length and name.
    bytes[16..24].copy_from_slice(&[0, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff]);
    assert!(matches!(prepared_file(&bytes), Err(ImageError::Undecodable(_))));
}

#[test]
fn ink_at_the_edge_several_digits_and_low_confidence_are_doubts() {
    let clean = drawn(200, [0; 3], [255; 3]);
    assert!(prepared(clean.clone()).warnings(0.9).is_empty());
    assert_eq!(prepared(clean.clone()).warnings(0.4), [Doubt::LowConfidence]);
    let cut = imageops::crop_imm(&clean, 0, 0, 200, 140).to_image();
    assert_eq!(prepared(cut).warnings(1.0), [Doubt::Edge]);
    let mut two = RgbImage::from_pixel(400, 200, Rgb([255; 3]));
    imageops::replace(&mut two, &clean, 0, 0);
    imageops::replace(&mut two, &clean, 200, 0);
    assert_eq!(prepared(two).warnings(1.0), [Doubt::Several]);
    let blot = RgbImage::from_fn(200, 200, |x, y| {
        Rgb([if x.abs_diff(100).pow(2) + y.abs_diff(100).pow(2) < 600 { 0 } else { 255 }; 3])
    });
    assert_eq!(prepared(blot).warnings(1.0), [Doubt::NoDigit]);
}

/// Images of four classes that fill `side` pixels: `ink` on `paper`.
fn bars(side: usize, ink: u8, paper: u8) -> Vec<Vec<u8>> {
    let quarter = side / 4;
    let middle = |at: usize| at.abs_diff(side / 2) < quarter / 2 + 1;
    let shapes: [&dyn Fn(usize, usize) -> bool; 4] =
        [&|x, _| middle(x), &|x, y| middle(x) || middle(y), &|x, y| x < quarter || y >= side - quarter, &|x, y| {
            x.min(y) < quarter || x.max(y) >= side - quarter
        }];
    let image = |shape: &dyn Fn(usize, usize) -> bool| {
        (0..side * side).map(|at| if shape(at % side, at / side) { ink } else { paper }).collect()
    };
    shapes.iter().map(|shape| image(shape)).collect()
}

#[test]
fn images_of_every_look_pass_unchanged_at_their_size_and_ten_times_as_large() {
    let texture: Vec<Vec<u8>> =
        (1..5).map(|class| (0..784).map(|at| (at * at * class * 37 % 256) as u8).collect()).collect();
    for (side, images) in
        [(28, bars(28, 0, 255)), (28, bars(28, 255, 0)), (8, bars(8, 16, 0)), (28, bars(28, 90, 130)), (28, texture)]
    {
        let look = Look::of(&images.iter().map(Vec::as_slice).collect::<Vec<_>>(), [side; 2]);
        for image in &images {
            let small = GrayImage::from_raw(side as u32, side as u32, image.clone()).unwrap();
            let ten = 10 * side as u32;
            let large = imageops::resize(&small, ten, ten, imageops::FilterType::Nearest);
            for picture in [small, large] {
                let bytes = encoded(picture, ImageFormat::Png);
                assert_eq!(&prepare(&bytes, [side; 2], &look, Limits::FILE).unwrap().pixels, image);
            }
        }
    }
}

#[test]
fn photograph_for_a_network_of_dark_on_light_images_becomes_dark_on_light() {
    let mut small: Vec<Vec<u8>> = vec![];
    for _ in 0..3 {
        small.push(reference().iter().map(|ink| 255 - ink).collect());
    }
    let look = Look::of(&small.iter().map(Vec::as_slice).collect::<Vec<_>>(), SIZE);
    let bytes = encoded(drawn(300, [250; 3], [20; 3]), ImageFormat::Png);
    assert!(difference(&prepare(&bytes, SIZE, &look, Limits::FILE).unwrap().pixels, &small[0]) < 6.0);
}
