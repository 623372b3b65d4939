//! Errors in the data and in a picture, each with what to do about it; and the reasons to doubt the answer for a picture.

use std::{io, path::PathBuf};

use serde::Serialize;
use strum::{Display, IntoStaticStr};
use thiserror::Error;

use crate::text::listed;

pub(super) const MOST_NAMED: usize = 3;

/// Why the images can't be loaded. Each message names the file or the key; the cause is the error's source.
#[derive(Debug, Error)]
pub enum DataError {
    #[error("{dir} holds images in sub-folders and no IDX files: set data.dataset = \"image-folder\"")]
    NotIdx { dir: PathBuf },
    #[error("data.dir is missing: set it to the folder of your images")]
    NoDir,
    #[error("there is no folder {dir}: correct data.dir, or make the folder, and the data set is downloaded into it")]
    NoFolder { dir: PathBuf },
    #[error("no {} in {dir}: put the files there, or correct data.dir", missing.join(", no "))]
    Missing { dir: PathBuf, missing: Vec<String> },
    #[error("{dir} holds several data sets: set data.dir to one of {}", found.join(", "))]
    Several { dir: PathBuf, found: Vec<String> },
    #[error(
        "{dir} has the sub-folders {}, but {expected} are expected: make one sub-folder per class, with its images",
        listed(found, usize::MAX)
    )]
    Folders { dir: PathBuf, found: Vec<String>, expected: String },
    #[error(
        "{} of {all} files in {dir} are not images, more than one in ten: {}; move them elsewhere",
        unreadable.len(),
        listed(unreadable, MOST_NAMED)
    )]
    UnreadableImages { dir: PathBuf, unreadable: Vec<String>, all: usize },
    #[error("{dir} has too few images: a class needs one to train and one to test; add some, or remove the folder")]
    Few { dir: PathBuf },
    #[error(
        "{path} is not the published file: its SHA-256 is {found}, not {expected}; delete it to download it again, or \
         set data.dataset = \"idx\" to use files of your own"
    )]
    Checksum { path: PathBuf, expected: String, found: String },
    #[error(
        "cannot download {name}{}\nput the file into {dir} by hand, name the folder that holds mnist/ in MNIST_BURN_DATA, or another address in data.mirrors",
        list(attempts)
    )]
    Download { name: String, dir: PathBuf, attempts: Vec<(String, MirrorError)> },
    #[error("MNIST_BURN_TIMEOUT={value} is not a time in seconds: set a number above 0, or unset it")]
    Timeout { value: String },
    #[error("cannot write {path}: check the free space and the permissions, or set another folder in data.dir")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read {path}: check that it exists and that you may read it")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not a usable IDX file: replace it")]
    Idx { path: PathBuf, source: IdxError },
    #[error("{images} holds {image_count} images, but {labels} holds {label_count} labels: use files of one data set")]
    Counts { images: PathBuf, image_count: usize, labels: PathBuf, label_count: usize },
    #[error("{path}: label {index} (from 0) is {label}, but the {classes} classes are 0 to {}: correct it", classes - 1)]
    Label { path: PathBuf, index: usize, label: u8, classes: usize },
    #[error("data.classes: no image has the label {label}: remove it")]
    Classes { label: String },
    #[error("data.validation = {validation} leaves nothing to train on: there are {images} training images in all")]
    Validation { validation: usize, images: usize },
    #[error("data.labels = {labels} takes a whole number from {least} to {most} here: as many images of each class")]
    Labels { labels: usize, least: usize, most: usize },
    #[error(
        "{path}: the images are {}x{} pixels, but the network is for {}x{}: use files of one data set",
        found[0], found[1], expected[0], expected[1]
    )]
    Size { path: PathBuf, found: [usize; 2], expected: [usize; 2] },
}

#[derive(Debug, Error)]
pub enum IdxError {
    #[error("it starts with 0x{found:08x}, as no IDX file and no gzip file does")]
    Magic { found: u32 },
    #[error("its dimensions are {found:?}, not {expected}")]
    Shape { expected: &'static str, found: Vec<usize> },
    #[error(
        "it holds {kind}, of which number {index} (from 0) is {number}: convert them to whole numbers from 0 to 255, \
         or images to floats from 0 to 1"
    )]
    Value { kind: &'static str, index: usize, number: f64 },
    #[error("it ends within its header")]
    Header,
    #[error("its header announces an empty array: its dimensions are {shape:?}")]
    Empty { shape: Vec<usize> },
    #[error("its header announces {announced} bytes, but at most {most} are read into memory")]
    TooLarge { announced: u64, most: u64 },
    #[error("its header announces dimensions of {shape:?}, more than its {size} bytes can hold")]
    Oversized { shape: Vec<usize>, size: u64 },
    #[error("it ends after {found} of the {announced} bytes that its header announces")]
    Truncated { announced: u64, found: u64 },
    #[error("it continues after the {announced} bytes that its header announces")]
    Trailing { announced: u64 },
    #[error("it cannot be read to the end")]
    Unreadable(#[source] io::Error),
}

#[derive(Debug, Error)]
pub enum MirrorError {
    #[error("{0}")]
    Http(Box<ureq::Error>),
    /// Neither the program nor the system trusts its certificate.
    #[error("{0}; if it is your network's own, name the file of its certificate in SSL_CERT_FILE")]
    Certificate(io::Error),
    #[error("no answer in time; set MNIST_BURN_TIMEOUT=<seconds> to wait longer")]
    Silent,
    #[error("sent {} bytes than the {expected} of the file", if found > expected { "more" } else { "fewer" })]
    Length { expected: u64, found: u64 },
    #[error("sent a file with SHA-256 {found}, not {expected}")]
    Checksum { expected: String, found: String },
}

impl From<ureq::Error> for MirrorError {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Timeout(_) => Self::Silent,
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => Self::Certificate(error),
            other => Self::Http(Box::new(other)),
        }
    }
}

fn list(attempts: &[(String, MirrorError)]) -> String {
    match attempts {
        [] => ": data.mirrors names no address".into(),
        tried => tried.iter().map(|(address, reason)| format!("\n  {address}: {reason}")).collect(),
    }
}

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
