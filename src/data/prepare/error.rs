//! Why a picture can't be read, and why the answer for it is doubtful.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum ImageError {
    #[error("not a readable PNG or JPEG image: {0}")]
    Undecodable(#[from] image::ImageError),
    #[error("the JPEG image is cut off: its end marker is missing; copy or download it again")]
    Truncated,
    #[error("the image has {found} pixels, not {expected}")]
    Count { found: usize, expected: usize },
    #[error("the pixels are all 0 or 1: multiply them by 255, the strongest ink")]
    Unit,
    #[error("the image is blank: no stroke stands out from the background")]
    Blank,
}

/// A reason to doubt the answer for a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Doubt {
    #[serde(rename = "the ink touches the edge: the digit may be cut off")]
    Edge,
    #[serde(rename = "there seem to be several digits: only the most central one is classified")]
    Several,
    #[serde(rename = "this does not look like a digit")]
    NoDigit,
    #[serde(rename = "the network is not sure")]
    LowConfidence,
}

/// In the same words as in JSON.
impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
