//! Images and labels.

use std::fs;
use std::io::{Read, Write};

use flate2::bufread::MultiGzDecoder;
use flate2::{Compression, write::GzEncoder};
use mnist_burn::data::Images;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::mutator::damage;
use super::{Case, each, folder, shown};

/// Buffers for reading and decompression, paths and messages.
const BUFFERS: usize = 128 << 10;

/// A growing `Vec` doubles its size, and there are two of them while it moves.
const GROWTH: usize = 4;

#[test]
fn damaged_images_and_labels_are_read_within_their_ranges_or_refused() {
    check(4_000);
}

#[test]
#[ignore = "200,000 files: half a minute"]
fn damaged_images_and_labels_are_read_or_refused_in_two_hundred_thousand_cases() {
    check(200_000);
}

fn check(count: u64) {
    let folder = folder();
    let [image_path, label_path] = ["images", "labels"].map(|name| folder.path().join(name));
    each(count, |generator| {
        let (images, labels) = sound(generator);
        let (image_file, label_file) = match generator.random_range(0..4) {
            // The damage includes wrong numbers of labels and files of the wrong kind.
            0 => (packed(&images, generator), damaged(&labels, &images, generator)),
            1 => (damaged(&images, &labels, generator), damaged(&labels, &images, generator)),
            _ => (damaged(&images, &labels, generator), packed(&labels, generator)),
        };
        fs::write(&image_path, &image_file).unwrap();
        fs::write(&label_path, &label_file).unwrap();
        let classes = generator.random::<bool>().then(|| generator.random_range(1..=10));
        let (image_path, label_path) = (image_path.clone(), label_path.clone());
        Case {
            justified: BUFFERS + GROWTH * (unpacked(&image_file) + unpacked(&label_file)),
            paths: vec![shown(&image_path), shown(&label_path)],
            read: move || {
                let images = Images::read(&image_path, &label_path, classes).map_err(|error| error.to_string())?;
                assert_sound(&images, classes);
                Ok(())
            },
        }
    });
}

/// One to five images of up to 6 by 6 pixels, and their labels.
fn sound(generator: &mut ChaCha8Rng) -> (Vec<u8>, Vec<u8>) {
    let [count, height, width] = [5, 6, 6].map(|most| generator.random_range(1..=most));
    let pixels = (0..count * height * width).map(|_| generator.random::<u8>());
    let images = idx(0x803, &[count, height, width]).into_iter().chain(pixels).collect();
    let labels = (0..count).map(|_| generator.random_range(0..3));
    (images, idx(0x801, &[count]).into_iter().chain(labels).collect())
}

fn idx(magic: u32, shape: &[u32]) -> Vec<u8> {
    [&[magic], shape].concat().iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// The file with damage, uncompressed, or before or after compression.
fn damaged(file: &[u8], donor: &[u8], generator: &mut ChaCha8Rng) -> Vec<u8> {
    let mut file = file.to_vec();
    match generator.random_range(0..3) {
        0 => {
            damage(&mut file, donor, generator);
            file
        }
        1 => {
            damage(&mut file, donor, generator);
            gzip(&file)
        }
        _ => {
            let mut packed = gzip(&file);
            damage(&mut packed, &gzip(donor), generator);
            packed
        }
    }
}

fn packed(file: &[u8], generator: &mut ChaCha8Rng) -> Vec<u8> {
    if generator.random() { gzip(file) } else { file.to_vec() }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The number of bytes in a file, decompressed as far as possible.
fn unpacked(file: &[u8]) -> usize {
    let mut bytes = Vec::new();
    // The bytes before an error count.
    let _ = MultiGzDecoder::new(file).read_to_end(&mut bytes);
    bytes.len().max(file.len())
}

fn assert_sound(images: &Images, classes: Option<usize>) {
    let [height, width] = images.size();
    assert!(images.len() > 0 && height > 0 && width > 0);
    assert_eq!(images.labels().len(), images.len());
    assert!((0..images.len()).all(|index| images.pixels(index).len() == height * width));
    assert!((1..=256).contains(&images.classes()) && classes.is_none_or(|classes| classes == images.classes()));
    assert!(images.labels().iter().all(|&label| usize::from(label) < images.classes()));
}
