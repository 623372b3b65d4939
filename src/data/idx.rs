//! The IDX format, plain or gzip: a magic number, the dimensions, then the values.
//!
//! Numbers are big-endian, those of the header have 32 bits. The magic number is `0x0000TTDD`: `TT` the type of the
//! values, `08` for unsigned bytes, and `DD` how many dimensions follow ("the IDX file format" in
//! <https://web.archive.org/web/2023/http://yann.lecun.com/exdb/mnist/>). Values of other types become bytes if nothing
//! is lost. No number in a header is trusted: memory grows beyond a few times the file's size only as bytes arrive.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::{fs::File, path::Path};

use flate2::bufread::MultiGzDecoder;

use super::error::{DataError, IdxError};

#[cfg(test)]
mod tests;

/// How a gzip file starts: RFC 1952, section 2.3.1.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// How an IDX file starts, compressed or not.
pub const STARTS: [[u8; 2]; 2] = [GZIP, [0, 0]];

/// One byte of deflate expands to at most this many: <https://zlib.net/zlib_tech.html>, "maximum compression factor".
const MOST_EXPANSION: u64 = 1032;

/// A byte of compressed images usually expands to at most this many, MNIST's to 4.8. So much memory is reserved at once.
const USUAL_EXPANSION: u64 = 8;

/// The largest array that is read, in bytes: more than two million images of MNIST's size.
const LARGEST: u64 = 2 << 30;

/// A type of values: its code in the magic number, its name, the bytes of a value, and how they become a number.
struct Kind(u32, &'static str, usize, fn(&[u8]) -> f64);

const UNSIGNED_BYTES: u32 = 0x08;
const INTEGERS: u32 = 0x0c;
const FLOATS: [u32; 2] = [0x0d, 0x0e];
const KINDS: [Kind; 6] = [
    Kind(UNSIGNED_BYTES, "unsigned bytes", 1, |it| u8::from_be_bytes(bytes(it)).into()),
    Kind(0x09, "signed bytes", 1, |it| i8::from_be_bytes(bytes(it)).into()),
    Kind(0x0b, "16-bit integers", 2, |it| i16::from_be_bytes(bytes(it)).into()),
    Kind(INTEGERS, "32-bit integers", 4, |it| i32::from_be_bytes(bytes(it)).into()),
    Kind(FLOATS[0], "32-bit floats", 4, |it| f32::from_be_bytes(bytes(it)).into()),
    Kind(FLOATS[1], "64-bit floats", 8, |it| f64::from_be_bytes(bytes(it))),
];

/// A shape `[images, height, width]` and numbers. Labels are read as images of one pixel.
type Array = ([usize; 3], Vec<u8>);

/// Which shape to make of that in a file, with its type.
type Usable = fn(&Kind, &[usize]) -> Result<[usize; 3], IdxError>;

/// The bytes of a value. Every caller has as many as it asks for.
fn bytes<const N: usize>(value: &[u8]) -> [u8; N] {
    value.first_chunk().copied().unwrap_or([0; N])
}

/// Reads images: their shape `[images, height, width]`, without a 0, and their pixels, row by row, 0 to 255. Floats that
/// are all from 0 to 1 are multiplied by 255. Refused if the file can't be opened, or is not a complete one of images.
pub fn images(path: &Path) -> Result<Array, DataError> {
    read(path, true, |_, shape| match *shape {
        [images, height, width] => Ok([images, height, width]),
        // Some tools keep an axis for one colour, last or second.
        [images, height, width, 1] | [images, 1, height, width] => Ok([images, height, width]),
        // Or one for the whole, unless the last one is that of several colours.
        [1, images, height, width] if width > 4 => Ok([images, height, width]),
        _ => Err(IdxError::Shape { expected: "[images, height, width]", found: shape.into() }),
    })
}

/// Reads labels, at least one, or refuses as [`images`]. Of QMNIST's eight integers for an image, the first is the label.
pub fn labels(path: &Path) -> Result<Vec<u8>, DataError> {
    let (_, labels) = read(path, false, |kind, shape| match *shape {
        [labels] | [labels, 1] => Ok([labels, 1, 1]),
        [labels, 8] if kind.0 == INTEGERS => Ok([labels, 1, 1]),
        _ => Err(IdxError::Shape { expected: "[labels]", found: shape.into() }),
    })?;
    Ok(labels)
}

/// Reads a file. With `fractions`, floats may be from 0 to 1.
fn read(path: &Path, fractions: bool, usable: Usable) -> Result<Array, DataError> {
    let read_error = |source| DataError::Read { path: path.into(), source };
    let file = File::open(path).map_err(read_error)?;
    let size = file.metadata().map_err(read_error)?.len();
    let mut file = BufReader::new(file);
    let gzip = file.fill_buf().map_err(read_error)?.starts_with(&GZIP);
    // All members are read as one file, and other bytes are an error, so that nothing can hide behind the first one.
    let array = match gzip {
        true => array(MultiGzDecoder::new(file), [size, size.saturating_mul(MOST_EXPANSION)], usable, fractions),
        false => array(file, [size; 2], usable, fractions),
    };
    array.map_err(|source| DataError::Idx { path: path.into(), source })
}

/// Reads an array's usable shape and its numbers from a file of `size` bytes that expand to at most `most`.
fn array(mut from: impl Read, [size, most]: [u64; 2], usable: Usable, fractions: bool) -> Result<Array, IdxError> {
    let found = number(&mut from)?;
    let kind = KINDS.iter().find(|kind| kind.0 == found >> 8).ok_or(IdxError::Magic { found })?;
    let found = (0..found & 0xff).map(|_| Ok(number(&mut from)? as usize)).collect::<Result<Vec<_>, _>>()?;
    let shape = usable(kind, &found)?;
    if found.contains(&0) {
        return Err(IdxError::Empty { shape: found });
    }
    let announced = found.iter().try_fold(kind.2 as u64, |product, &side| product.checked_mul(side as u64));
    let announced = announced.filter(|&it| it <= most).ok_or(IdxError::Oversized { shape: found, size })?;
    // A valid gzip file can expand a thousandfold.
    if announced > LARGEST {
        return Err(IdxError::TooLarge { announced, most: LARGEST });
    }

    let usual = size.saturating_mul(USUAL_EXPANSION);
    let mut bytes = Vec::with_capacity((announced + 1).min(usual) as usize);
    // One more byte reveals a file that continues, and makes gzip check its checksum at the end.
    from.take(announced + 1).read_to_end(&mut bytes).map_err(IdxError::Unreadable)?;
    match bytes.len() as u64 {
        found if found < announced => Err(IdxError::Truncated { announced, found }),
        found if found > announced => Err(IdxError::Trailing { announced }),
        _ => Ok((shape, whole_numbers(kind, shape.iter().product(), bytes, fractions)?)),
    }
}

/// Whole numbers from 0 to 255; with `fractions`, also floats from 0 to 1, times 255. Of more than `count`, every n-th is used.
fn whole_numbers(kind: &Kind, count: usize, bytes: Vec<u8>, fractions: bool) -> Result<Vec<u8>, IdxError> {
    if kind.0 == UNSIGNED_BYTES {
        return Ok(bytes);
    }
    let values = bytes.chunks_exact(kind.2);
    let interval = values.len() / count;
    let numbers = values.step_by(interval).map(kind.3);
    let fractions = fractions && FLOATS.contains(&kind.0) && numbers.clone().all(|it| (0.0..=1.0).contains(&it));
    let byte = |(index, number): (usize, f64)| {
        let scaled = if fractions { (255.0 * number).round() } else { number };
        let is_byte = (0.0..=255.0).contains(&scaled) && scaled.fract() == 0.0;
        is_byte.then_some(scaled as u8).ok_or(IdxError::Value { kind: kind.1, index, number })
    };
    numbers.enumerate().map(byte).collect()
}

fn number(from: &mut impl Read) -> Result<u32, IdxError> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => IdxError::Header,
        _ => IdxError::Unreadable(error),
    })?;
    Ok(u32::from_be_bytes(bytes))
}
