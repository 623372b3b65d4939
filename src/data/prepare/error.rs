//! Why a picture can't be read, and why the answer for it is doubtful.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

/// Why a picture can't be read.
#[derive(Debug, Error)]
pub enum ImageError {
    /// The file is not PNG or JPEG, is damaged, or is too large.
    #[error("not a readable PNG or JPEG image: {0}")]
    Undecodable(#[from] image::ImageError),
    /// A JPEG file ends before its picture does.
    #[error("the JPEG image is cut off: its end marker is missing; copy or download it again")]
    Truncated,
    /// The number of pixels is not that of the image.
    #[error("the image has {found} pixels, not {expected}")]
    Count { found: usize, expected: usize },
    /// Pixels from 0 to 1 in place of 0 to 255.
    #[error("the pixels are all 0 or 1: multiply them by 255, the strongest ink")]
    Unit,
    /// All pixels are nearly equal.
    #[error("the image is blank: no stroke stands out from the background")]
    Blank,
}

/// A reason to doubt the answer for a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Doubt {
    /// The digit touches the edge of the picture.
    #[serde(rename = "the ink touches the edge: the digit may be cut off")]
    Edge,
    /// Something as heavy as the digit is beside it.
    #[serde(rename = "there seem to be several digits: only the most central one is classified")]
    Several,
    /// The ink does not have the form of a digit.
    #[serde(rename = "this does not look like a digit")]
    NoDigit,
    /// No class is probable.
    #[serde(rename = "the network is not sure")]
    LowConfidence,
}

/// In the same words as in JSON.
impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
