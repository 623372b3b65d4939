//! Valid files, and files as a full disk, a broken connection or an attacker makes them.

use std::io::{self, Write};
use std::{error::Error, fs};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

use super::*;

/// An IDX file: a magic number, dimensions, then `body`.
fn idx(magic: u32, shape: &[u32], body: &[u8]) -> Vec<u8> {
    let header = [&[magic], shape].concat();
    header.iter().flat_map(|number| number.to_be_bytes()).chain(body.iter().copied()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Reads a file of these bytes with [`images`].
fn read_images(bytes: &[u8]) -> Result<([usize; 3], Vec<u8>), DataError> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("images");
    fs::write(&path, bytes).unwrap();
    images(&path)
}

/// The reason why [`images`] refuses a file of these bytes. The message must name the file.
fn refusal(bytes: &[u8]) -> String {
    let error = read_images(bytes).unwrap_err();
    assert!(error.to_string().ends_with("/images is not a usable IDX file: replace it"), "{error}");
    error.source().unwrap().to_string()
}

#[test]
fn images_are_read_plain_and_compressed_alike() {
    let file = idx(0x803, &[2, 2, 3], b"abcdefghijkl");
    let expected = ([2, 2, 3], b"abcdefghijkl".to_vec());
    assert_eq!(read_images(&file).unwrap(), expected);
    assert_eq!(read_images(&gzip(&file)).unwrap(), expected);
}

#[test]
fn compressed_file_may_have_several_members() {
    let file = idx(0x803, &[2, 2, 3], b"abcdefghijkl");
    let (head, tail) = file.split_at(20);
    assert_eq!(read_images(&[gzip(head), gzip(tail)].concat()).unwrap().1, b"abcdefghijkl");
}

#[test]
fn compressed_file_of_a_hundred_thousand_empty_members_does_not_exhaust_the_stack() {
    let members = gzip(b"").repeat(100_000);
    let file = gzip(&idx(0x803, &[2, 2, 3], b"abcdefghijkl"));
    assert_eq!(read_images(&[members, file].concat()).unwrap().1, b"abcdefghijkl");
}

#[test]
fn labels_are_read() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("labels");
    fs::write(&path, gzip(&idx(0x801, &[3], &[7, 2, 1]))).unwrap();
    assert_eq!(labels(&path).unwrap(), [7, 2, 1]);
}

#[test]
fn bundled_mnist_is_read() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist");
    let (shape, pixels) = images(&dir.join("t10k-images-idx3-ubyte.gz")).unwrap();
    assert_eq!((shape, pixels.len()), ([10_000, 28, 28], 7_840_000));
    assert_eq!(labels(&dir.join("t10k-labels-idx1-ubyte.gz")).unwrap()[..5], [7, 2, 1, 0, 4]);
}

#[test]
fn missing_file_is_named() {
    let error = images(Path::new("/nowhere/images")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /nowhere/images: check that it exists and that you may read it");
}

#[test]
fn labels_in_place_of_images_are_refused() {
    let labels = idx(0x801, &[3], &[7, 2, 1]);
    assert_eq!(refusal(&labels), "its dimensions are [3], not [images, height, width]");
    assert_eq!(refusal(&gzip(&labels)), refusal(&labels));
}

/// The labels in a file of these bytes, or the reason why it is refused.
fn read_labels(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    labels(file.path()).map_err(|error| error.source().unwrap().to_string())
}

/// The bytes of big-endian values.
fn big_endian<T, const N: usize>(values: &[T], bytes: fn(&T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(bytes).collect()
}

#[test]
fn labels_of_every_type_are_read_and_those_that_are_no_bytes_are_refused_with_the_type() {
    let integers = |values: &[i32]| big_endian(values, |value| value.to_be_bytes());
    assert_eq!(read_labels(&idx(0xc01, &[3], &integers(&[7, 0, 255]))).unwrap(), [7, 0, 255]);
    assert_eq!(read_labels(&idx(0x901, &[2], &[7, 127])).unwrap(), [7, 127]);
    assert_eq!(read_labels(&idx(0xb01, &[2], &[0, 7, 0, 200])).unwrap(), [7, 200]);
    let floats = big_endian(&[1.0, 0.0], |value: &f64| value.to_be_bytes());
    assert_eq!(read_labels(&idx(0xe01, &[2], &floats)).unwrap(), [1, 0], "labels are not scaled");
    assert_eq!(
        read_labels(&idx(0xc01, &[3], &integers(&[7, -1, 2]))).unwrap_err(),
        "it holds 32-bit integers, of which number 1 (from 0) is -1: convert them to whole numbers from 0 to 255, or \
         images to floats from 0 to 1"
    );
}

#[test]
fn first_of_the_eight_numbers_of_qmnist_is_the_label() {
    let row = |label: i32| [label, 4, 3_005, 117, 52, 60_123, 0, 0];
    let rows = big_endian(&[row(5), row(0), row(9)].concat(), |value: &i32| value.to_be_bytes());
    assert_eq!(read_labels(&idx(0xc02, &[3, 8], &rows)).unwrap(), [5, 0, 9]);
    assert_eq!(read_labels(&idx(0x802, &[3, 1], &[5, 0, 9])).unwrap(), [5, 0, 9]);
    // One-hot labels.
    let refused = read_labels(&idx(0x802, &[1, 8], &[0, 0, 1, 0, 0, 0, 0, 0])).unwrap_err();
    assert_eq!(refused, "its dimensions are [1, 8], not [labels]");
}

#[test]
fn images_of_floats_and_with_an_axis_of_one_are_read() {
    let floats = |values: &[f32]| big_endian(values, |value| value.to_be_bytes());
    let fractions = floats(&[0.0, 1.0, 0.5, 100.0 / 255.0]);
    assert_eq!(read_images(&idx(0xd03, &[2, 1, 2], &fractions)).unwrap(), ([2, 1, 2], vec![0, 255, 128, 100]));
    assert_eq!(read_images(&idx(0xd03, &[1, 1, 3], &floats(&[0.0, 1.0, 254.0]))).unwrap().1, [0, 1, 254]);
    let refused = refusal(&idx(0xd03, &[1, 1, 3], &floats(&[0.0, 0.5, -0.5])));
    assert!(refused.starts_with("it holds 32-bit floats, of which number 1 (from 0) is 0.5: convert"), "{refused}");
    for shape in [[2, 1, 6, 1], [2, 1, 1, 6], [1, 2, 1, 6]] {
        let (found, pixels) = read_images(&idx(0x804, &shape, b"abcdefghijkl")).unwrap();
        assert_eq!((found[0], found[1] * found[2], pixels.as_slice()), (2, 6, &b"abcdefghijkl"[..]));
    }
    // Colours.
    let refused = refusal(&idx(0x804, &[1, 2, 2, 3], b"abcdefghijkl"));
    assert_eq!(refused, "its dimensions are [1, 2, 2, 3], not [images, height, width]");
}

#[test]
fn html_page_is_refused() {
    assert_eq!(refusal(b"<html>"), "it starts with 0x3c68746d, as no IDX file and no gzip file does");
}

#[test]
fn file_that_ends_within_its_header_is_refused() {
    let file = idx(0x803, &[2, 2, 3], b"");
    for end in 0..file.len() {
        assert_eq!(refusal(&file[..end]), "it ends within its header", "{end} bytes");
        assert_eq!(refusal(&gzip(&file[..end])), "it ends within its header", "{end} bytes");
    }
}

#[test]
fn file_without_images_or_pixels_is_refused() {
    for shape in [[0, 28, 28], [2, 0, 28], [2, 28, 0], [0, u32::MAX, u32::MAX]] {
        let expected = format!("its header announces an empty array: its dimensions are {shape:?}");
        assert_eq!(refusal(&idx(0x803, &shape, b"")), expected);
    }
}

#[test]
fn header_that_announces_more_than_the_file_can_hold_is_refused() {
    let file = idx(0x803, &[60_000, 28, 28], b"abc");
    let expected = "its header announces dimensions of [60000, 28, 28], more than its 19 bytes can hold";
    assert_eq!(refusal(&file), expected);
    assert!(refusal(&gzip(&file)).starts_with("its header announces dimensions of [60000, 28, 28], more than its"));
}

#[test]
fn product_of_dimensions_beyond_64_bits_is_refused() {
    let refusal = refusal(&idx(0x803, &[u32::MAX; 3], b"abc"));
    assert!(refusal.contains("more than its 19 bytes can hold"), "{refusal}");
}

#[test]
fn file_that_ends_within_its_body_is_refused() {
    let body = [0; 100];
    let file = idx(0x803, &[1, 10, 11], &body);
    assert_eq!(refusal(&file), "it ends after 100 of the 110 bytes that its header announces");
    assert_eq!(refusal(&gzip(&file)), refusal(&file));
}

#[test]
fn file_that_continues_after_its_body_is_refused() {
    let file = idx(0x803, &[2, 2, 3], b"abcdefghijklm");
    assert_eq!(refusal(&file), "it continues after the 12 bytes that its header announces");
    assert_eq!(refusal(&gzip(&file)), refusal(&file));
}

#[test]
fn gzip_bomb_is_refused_after_one_byte_more_than_it_announces() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&idx(0x803, &[2, 2, 3], b"")).unwrap();
    io::copy(&mut io::repeat(0).take(100 << 20), &mut bomb).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 200_000);
    assert_eq!(refusal(&bomb), "it continues after the 12 bytes that its header announces");
}

#[test]
fn array_too_large_for_memory_is_refused_before_it_is_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), idx(0x803, &[3 << 20, 32, 32], b"")).unwrap();
    // A sparse file: 3 GiB of zeros that take no space on the disk.
    file.as_file().set_len(16 + (3 << 30)).unwrap();
    let DataError::Idx { source, .. } = images(file.path()).unwrap_err() else { panic!("an error in the file") };
    let message = "its header announces 3221225472 bytes, but at most 2147483648 are read into memory";
    assert_eq!(source.to_string(), message);
}

#[test]
fn compressed_file_cut_short_is_refused() {
    let file = gzip(&idx(0x803, &[1, 10, 10], &(0..100).collect::<Vec<_>>()));
    assert_eq!(refusal(&file[..file.len() - 20]), "it cannot be read to the end");
    assert_eq!(refusal(&file[..file.len() - 1]), "it cannot be read to the end");
}

#[test]
fn compressed_file_with_a_wrong_checksum_is_refused() {
    let mut file = gzip(&idx(0x803, &[1, 10, 10], &[1; 100]));
    let sum = file.len() - 8;
    file[sum] ^= 1;
    assert_eq!(refusal(&file), "it cannot be read to the end");
}

#[test]
fn bytes_after_a_compressed_file_are_refused() {
    let mut file = gzip(&idx(0x803, &[2, 2, 3], b"abcdefghijkl"));
    file.extend(b"and more");
    assert_eq!(refusal(&file), "it cannot be read to the end");
}

#[test]
fn file_that_only_starts_like_gzip_is_refused() {
    assert_eq!(refusal(&[0x1f, 0x8b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), "it cannot be read to the end");
    assert_eq!(refusal(&[0x1f, 0x8b]), "it ends within its header");
}

#[test]
fn truncated_or_changed_file_never_panics() {
    let file = gzip(&idx(0x803, &[3, 2, 2], b"abcdefghijkl"));
    for index in 0..file.len() {
        let mut changed = file.clone();
        changed[index] ^= 0x55;
        // Refused, or read if the byte does not concern the content (a time, an operating system): both are right.
        let _ = read_images(&changed);
        assert!(read_images(&file[..index]).is_err());
    }
}
