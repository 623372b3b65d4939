//! The IDX format, plain or gzip: a magic number, the dimensions, then one byte per value.
//!
//! All numbers of the header are 32-bit and big-endian. The magic number is `0x0000TTDD`: `TT` the type of the values,
//! `08` for unsigned bytes, and `DD` how many dimensions follow. See
//! <https://web.archive.org/web/2023/http://yann.lecun.com/exdb/mnist/>, "the IDX file format".
//!
//! The files may come from anywhere, so no number in a header is trusted. A header that announces more than the file
//! can hold, or more than 2 GiB, is refused at once. At most one byte more than announced is read. Beyond a few times
//! the file's size, memory grows only as bytes arrive.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, ErrorKind, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;

use super::error::{DataError, IdxError};

#[cfg(test)]
mod tests;

/// How a gzip file starts: RFC 1952, section 2.3.1.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// One byte of deflate expands to at most this many: <https://zlib.net/zlib_tech.html>, "maximum compression factor".
const MOST_EXPANSION: u64 = 1032;

/// One byte of compressed images usually expands to at most this many: MNIST's to 4.8. That much memory is reserved at
/// once, which avoids copies while the buffer grows.
const USUAL_EXPANSION: u64 = 8;

/// The largest array that is read, in bytes: more than two million images of MNIST's size.
const LARGEST: u64 = 2 << 30;

/// The type of unsigned bytes, in the third byte of the magic number.
const UNSIGNED_BYTES: u32 = 0x0800;

/// Reads images: their shape `[images, height, width]` and their pixels, image by image and row by row, 0 to 255.
///
/// # Errors
/// [`DataError::Read`] if the file cannot be opened, [`DataError::Idx`] if it is not a complete IDX file of images. No
/// dimension is 0.
pub fn images(path: &Path) -> Result<([usize; 3], Vec<u8>), DataError> {
    read(path)
}

/// Reads labels, at least one.
///
/// # Errors
/// As [`images`].
pub fn labels(path: &Path) -> Result<Vec<u8>, DataError> {
    let ([_], labels) = read(path)?;
    Ok(labels)
}

/// Reads an array of bytes in `D` dimensions: its shape and its bytes.
fn read<const D: usize>(path: &Path) -> Result<([usize; D], Vec<u8>), DataError> {
    let read_error = |source| DataError::Read { path: path.into(), source };
    let file = File::open(path).map_err(read_error)?;
    let size = file.metadata().map_err(read_error)?.len();
    let mut file = BufReader::new(file);
    let gzip = file.fill_buf().map_err(read_error)?.starts_with(&GZIP);
    let array = if gzip {
        // All members are read as one file, and other bytes are an error, so that nothing can hide behind the first
        // one.
        decode(MultiGzDecoder::new(file), size, size.saturating_mul(MOST_EXPANSION))
    } else {
        decode(file, size, size)
    };
    array.map_err(|source| DataError::Idx { path: path.into(), source })
}

/// Reads the array from a file of `size` bytes that hold at most `most` after decompression.
fn decode<const D: usize>(mut from: impl Read, size: u64, most: u64) -> Result<([usize; D], Vec<u8>), IdxError> {
    let expected = UNSIGNED_BYTES | D as u32;
    let found = number(&mut from)?;
    if found != expected {
        return Err(IdxError::Magic { expected, found });
    }
    let mut shape = [0; D];
    for dimension in &mut shape {
        *dimension = number(&mut from)? as usize;
    }
    if shape.contains(&0) {
        return Err(IdxError::Empty { shape: shape.into() });
    }
    let announced = shape
        .iter()
        .try_fold(1, |product: u64, &dimension| product.checked_mul(dimension as u64))
        .filter(|&announced| announced <= most)
        .ok_or(IdxError::Oversized { shape: shape.into(), size })?;
    // A valid gzip file can expand a thousandfold.
    if announced > LARGEST {
        return Err(IdxError::TooLarge { announced, most: LARGEST });
    }

    let mut bytes = Vec::with_capacity(announced.saturating_add(1).min(size.saturating_mul(USUAL_EXPANSION)) as usize);
    // One more byte reveals a file that continues, and makes gzip check its checksum at the end.
    from.take(announced.saturating_add(1)).read_to_end(&mut bytes).map_err(IdxError::Unreadable)?;
    match bytes.len() as u64 {
        found if found < announced => Err(IdxError::Truncated { announced, found }),
        found if found > announced => Err(IdxError::Trailing { announced }),
        _ => Ok((shape, bytes)),
    }
}

/// Reads a number of the header.
fn number(from: &mut impl Read) -> Result<u32, IdxError> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes).map_err(header_error)?;
    Ok(u32::from_be_bytes(bytes))
}

fn header_error(error: io::Error) -> IdxError {
    match error.kind() {
        ErrorKind::UnexpectedEof => IdxError::Header,
        _ => IdxError::Unreadable(error),
    }
}
