//! What can be wrong with the data, and the way out of it.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why the images could not be had. Each message names the file or the key; the cause is kept as the source.
#[derive(Debug, Error)]
pub enum DataError {
    /// `data.dataset = "idx"` without a folder.
    #[error("data.dir is missing: it names the folder of your own images")]
    NoDir,

    /// One's own folder lacks files; nothing is downloaded there.
    #[error("no {} in {dir}: put the files there, or correct data.dir", missing.join(", no "))]
    Missing {
        /// `data.dir`.
        dir: PathBuf,
        /// The files looked for and not found, each with both its names.
        missing: Vec<String>,
    },

    /// A folder's sub-folders are not the classes that they have to be.
    #[error(
        "{dir} has the sub-folders {}, but there have to be {expected}: a sub-folder for each class, with its pictures",
        listed(found)
    )]
    Folders {
        /// The folder.
        dir: PathBuf,
        /// The names of its sub-folders.
        found: Vec<String>,
        /// What there has to be.
        expected: String,
    },

    /// Too many files in a folder of images are not images.
    #[error(
        "{} of {all} files in {dir} are not images, more than one in ten: {}; move them elsewhere",
        unreadable.len(),
        first(unreadable)
    )]
    UnreadableImages {
        /// The folder.
        dir: PathBuf,
        /// The files that can't be read, each with the reason.
        unreadable: Vec<String>,
        /// How many files there are.
        all: usize,
    },

    /// A class has no pictures to learn from, or none to be tested with.
    #[error(
        "{dir} has too few pictures, one to train and one to test with at the least: put more there, or take it away"
    )]
    Few {
        /// The class's folder.
        dir: PathBuf,
    },

    /// A file of a named data set is not the published one.
    #[error(
        "{path} is not the published file: its SHA-256 is {found}, not {expected}; delete it to download it anew, or \
         set data.dataset = \"idx\" to use files of your own"
    )]
    Checksum {
        /// The compressed file.
        path: PathBuf,
        /// The published SHA-256.
        expected: String,
        /// The file's SHA-256.
        found: String,
    },

    /// No mirror gave the file.
    #[error(
        "cannot download {name}{}\nput the file into {dir} by hand, or name another address in data.mirrors",
        list(attempts)
    )]
    Download {
        /// The file's name.
        name: String,
        /// The folder it belongs into.
        dir: PathBuf,
        /// The addresses tried, in order, and what was wrong with each.
        attempts: Vec<Attempt>,
    },

    /// The environment variable for the time-out holds no usable time.
    #[error("{variable}={value} is no time in seconds: give a number above 0 or unset it")]
    Timeout {
        /// The variable's name.
        variable: &'static str,
        /// What it holds.
        value: String,
    },

    /// A file or folder cannot be written.
    #[error("cannot write {path}: give the folder room and write permission, or name another in data.dir")]
    Write {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A file cannot be opened or read.
    #[error("cannot read {path}: check that it is a file and may be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A file's content is not a whole IDX file of the expected kind.
    #[error("{path} is not a usable IDX file: replace it")]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: IdxError,
    },

    /// A pair of files does not belong together.
    #[error("{images} holds {image_count} images, but {labels} holds {label_count} labels: use files of one data set")]
    Counts {
        /// The file of the images.
        images: PathBuf,
        /// How many there are.
        image_count: usize,
        /// The file of the labels.
        labels: PathBuf,
        /// How many there are.
        label_count: usize,
    },

    /// A label names no class.
    #[error("{path}: label {index} (from 0) is {label}, but the {classes} classes are 0 to {}: correct it", classes - 1)]
    Label {
        /// The file of the labels.
        path: PathBuf,
        /// Which label, from 0.
        index: usize,
        /// The label.
        label: u8,
        /// How many classes there are, at least 1.
        classes: usize,
    },

    /// A class was chosen that does not occur.
    #[error("data.classes: no image has the label {label}; there are {classes} classes, from 0")]
    Classes {
        /// The label.
        label: u8,
        /// How many classes there are.
        classes: usize,
    },

    /// Everything would be held out.
    #[error("data.validation = {validation} leaves nothing to train on: there are {images} training images in all")]
    Validation {
        /// `data.validation`.
        validation: usize,
        /// How many images there are.
        images: usize,
    },

    /// Labels can't be kept of so many images.
    #[error(
        "data.labels = {labels} takes a whole number from {least} to {most} here: as many images of each class, at least \
         one, and no more than the smallest class has"
    )]
    Labels {
        /// `data.labels`.
        labels: usize,
        /// One of each class.
        least: usize,
        /// As many of each class as the smallest has, but not all there are.
        most: usize,
    },

    /// The test images are not of the training images' size.
    #[error(
        "{path}: the images are {}x{} pixels, but the network is for {}x{}: use files of one data set",
        found[0], found[1], expected[0], expected[1]
    )]
    Size {
        /// The file of the test images.
        path: PathBuf,
        /// Its images' height and width.
        found: [usize; 2],
        /// The training images' height and width.
        expected: [usize; 2],
    },
}

/// What is wrong with the content of an IDX file.
#[derive(Debug, Error)]
pub enum IdxError {
    /// The first number is another one: another kind of file, or images where labels belong.
    #[error("it starts with 0x{found:08x}, not with 0x{expected:08x} or as gzip does")]
    Magic {
        /// The first number of such a file: its type of number and its dimensions.
        expected: u32,
        /// The first number of this file.
        found: u32,
    },

    /// The file ends before its header does.
    #[error("it ends within its header")]
    Header,

    /// A dimension is 0.
    #[error("its header announces nothing: its dimensions are {shape:?}")]
    Empty {
        /// The dimensions.
        shape: Vec<usize>,
    },

    /// The header announces more than is ever read into memory.
    #[error("its header announces {announced} bytes, and more than {most} are not read into memory")]
    TooLarge {
        /// The bytes announced.
        announced: u64,
        /// The most that are read.
        most: u64,
    },

    /// The header announces more than a file of this size can hold.
    #[error("its header announces dimensions of {shape:?}, more than its {size} bytes can hold")]
    Oversized {
        /// The dimensions.
        shape: Vec<usize>,
        /// The file's size, in bytes.
        size: u64,
    },

    /// The file ends before its announced end.
    #[error("it ends after {found} of the {announced} bytes that its header announces")]
    Truncated {
        /// The bytes of pixels or labels the header announces.
        announced: u64,
        /// The bytes there are.
        found: u64,
    },

    /// The file goes on after its announced end.
    #[error("it goes on after the {announced} bytes that its header announces")]
    Trailing {
        /// The bytes of pixels or labels the header announces.
        announced: u64,
    },

    /// Reading failed on the way: a damaged gzip stream, most often.
    #[error("it cannot be read to its end")]
    Unreadable(#[source] io::Error),
}

/// One address tried in vain.
#[derive(Debug, Error)]
#[error("{url}: {reason}")]
pub struct Attempt {
    /// The address.
    pub url: String,
    /// Why it did not give the file.
    pub reason: MirrorError,
}

/// Why a mirror did not give a file.
#[derive(Debug, Error)]
pub enum MirrorError {
    /// It could not be reached, or answered with an error or brokenly.
    #[error("{0}")]
    Http(Box<ureq::Error>),

    /// It was not reached in time, or stopped sending.
    #[error("silent for too long; MNIST_BURN_TIMEOUT=<seconds> in the environment waits longer")]
    Silent,

    /// It sent something longer or shorter than the published file.
    #[error("sent {} bytes where the file has {expected}", if found > expected { "more" } else { "fewer" })]
    Length {
        /// The published file's size, in bytes.
        expected: u64,
        /// The bytes received.
        found: u64,
    },

    /// It sent something else than the published file.
    #[error("sent a file with SHA-256 {found}, not {expected}")]
    Checksum {
        /// The published SHA-256.
        expected: String,
        /// The SHA-256 of what was sent.
        found: String,
    },
}

impl From<ureq::Error> for MirrorError {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Timeout(_) => Self::Silent,
            other => Self::Http(Box::new(other)),
        }
    }
}

impl From<io::Error> for MirrorError {
    /// What reading an answer's body reports: an error of `ureq` in the clothes of one of the system.
    fn from(error: io::Error) -> Self {
        ureq::Error::from(error).into()
    }
}

/// The first of some files, and how many more there are.
fn first(files: &[String]) -> String {
    const MOST: usize = 3;
    let named = files.iter().take(MOST).cloned().collect::<Vec<_>>().join("; ");
    if files.len() > MOST { format!("{named}; and {} more", files.len() - MOST) } else { named }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "(none)".into() } else { names.join(", ") }
}

fn list(attempts: &[Attempt]) -> String {
    match attempts {
        [] => ": data.mirrors names no address".into(),
        tried => tried.iter().map(|attempt| format!("\n  {attempt}")).collect(),
    }
}
