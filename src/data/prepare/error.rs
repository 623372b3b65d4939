//! Why a picture can't be read, and why the answer for it is doubtful.

use serde::Serialize;
use strum::{Display, IntoStaticStr};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, IntoStaticStr, Serialize)]
#[serde(into = "&'static str")]
pub enum Doubt {
    #[strum(serialize = "the ink touches the edge: the digit may be cut off")]
    Edge,
    #[strum(serialize = "there seem to be several digits: only the most central one is classified")]
    Several,
    #[strum(serialize = "this does not look like a digit")]
    NoDigit,
    #[strum(serialize = "the network is not sure")]
    LowConfidence,
}
