//! The user's own images, PNG or JPEG: a folder whose sub-folders are the classes, with one image per file.
//!
//! Test images are in `test/` and training images beside it, also in `train/`, each with one sub-folder per class.
//! Without `test/`, a fifth of each class is held out for testing: the files with the smallest SHA-256. So the choice
//! depends only on the images, is the same for every seed, and does not separate copies of an image.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::images::Images;
use super::prepare::{Limits, prepare};
use crate::checksum;

/// The `[height, width]` that images are prepared to, in pixels: that of MNIST, so that networks fit both.
const SIZE: [usize; 2] = [28, 28];
/// The fraction of each class that is held out for testing without `test/`.
const TEST_FRACTION: f64 = 0.2;
/// The largest fraction of unreadable files that may be an accident.
const MOST_UNREADABLE: f64 = 0.1;

/// The images of such a folder, in memory.
#[derive(Debug, Clone)]
pub struct ImageFolder {
    dir: PathBuf,
    /// The training images.
    pub train: Images,
    test: Images,
    /// The SHA-256 of the list of files of each part, `train` and `test`.
    pub checksums: BTreeMap<String, String>,
    /// The files that can't be read, each with the reason.
    pub warnings: Vec<String>,
}

/// An image file.
struct ImageFile {
    /// `<class>/<file>`.
    name: String,
    sha256: String,
    class: u8,
    pixels: Vec<u8>,
}

impl ImageFolder {
    /// Reads and prepares all images in `dir`. Files that can't be read are left out, with a warning for each.
    ///
    /// # Errors
    /// [`DataError::Read`] if a folder can't be listed; [`DataError::Folders`] if there are not 2 to 256 classes, or
    /// `test/` has others; [`DataError::UnreadableImages`] if more than a tenth of the files can't be read;
    /// [`DataError::Few`] if a class has no image for training or testing.
    pub fn read(dir: &Path) -> Result<Self, DataError> {
        let (train_dir, test_dir) = (dir.join("train"), dir.join("test"));
        let root = if train_dir.is_dir() { train_dir } else { dir.into() };
        let names: Vec<String> = folders(&root)?.into_iter().filter(|name| root != dir || name != "test").collect();
        let unusable = |found| DataError::Folders { dir: root.clone(), found, expected: "2 to 256 classes".into() };
        if !(2..=256).contains(&names.len()) {
            return Err(unusable(names));
        }
        let mut unreadable = Unreadable::default();
        let mut train = read_all(&root, &names, &mut unreadable)?;
        let test = if test_dir.is_dir() {
            let found = folders(&test_dir)?;
            if found != names {
                let expected = names.join(", ");
                return Err(DataError::Folders { dir: test_dir, found, expected });
            }
            read_all(&test_dir, &names, &mut unreadable)?
        } else {
            hold_out(&mut train)
        };
        unreadable.judge(dir)?;
        for (dir, files) in [(&root, &train), (if test_dir.is_dir() { &test_dir } else { &root }, &test)] {
            let is_there = |class: usize| files.iter().any(|it| usize::from(it.class) == class);
            if let Some(class) = (0..names.len()).find(|&class| !is_there(class)) {
                return Err(DataError::Few { dir: dir.join(&names[class]) });
            }
        }
        let checksums = [("train", list(&train)), ("test", list(&test))].map(|(part, sum)| (part.to_string(), sum));
        let images = |files: Vec<ImageFile>| {
            let labels = files.iter().map(|file| file.class).collect();
            let pixels = files.into_iter().flat_map(|file| file.pixels).collect();
            Images::new(pixels, labels, SIZE, names.len()).named(&names)
        };
        Ok(Self {
            dir: root.clone(),
            train: images(train),
            test: images(test),
            checksums: checksums.into(),
            warnings: unreadable.warnings,
        })
    }

    /// The test images. They must have this size and number of classes.
    ///
    /// # Errors
    /// [`DataError::Size`] and [`DataError::Folders`] if they are not.
    pub fn test(&self, size: [usize; 2], classes: usize) -> Result<Images, DataError> {
        let path = self.dir.clone();
        if size != SIZE {
            return Err(DataError::Size { path, found: SIZE, expected: size });
        }
        if classes != self.test.classes() {
            let (found, expected) = (self.test.names().into(), format!("{classes} classes"));
            return Err(DataError::Folders { dir: path, found, expected });
        }
        Ok(self.test.clone())
    }
}

/// The names of the sub-folders, sorted, without hidden ones.
fn folders(dir: &Path) -> Result<Vec<String>, DataError> {
    Ok(entries(dir)?.into_iter().filter(|path| path.is_dir()).map(|path| name(&path)).collect())
}

/// The paths in a folder, sorted, without hidden ones.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let unreadable = |source| DataError::Read { path: dir.into(), source };
    let all: Result<Vec<PathBuf>, _> = fs::read_dir(dir).map_err(unreadable)?.map(|entry| Ok(entry?.path())).collect();
    let mut all = all.map_err(unreadable)?;
    all.retain(|path| !name(path).starts_with('.'));
    all.sort();
    Ok(all)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Reads the images of each class.
fn read_all(root: &Path, names: &[String], unreadable: &mut Unreadable) -> Result<Vec<ImageFile>, DataError> {
    let mut files = vec![];
    for (class, folder) in (0..=u8::MAX).zip(names) {
        for path in entries(&root.join(folder))?.into_iter().filter(|path| path.is_file()) {
            let prepared = fs::read(&path).map_err(|error| error.to_string()).and_then(|bytes| {
                let pixels = prepare(&bytes, SIZE, Limits::FILE).map_err(|error| error.to_string())?;
                Ok(ImageFile {
                    name: format!("{folder}/{}", name(&path)),
                    sha256: checksum::of_bytes(&bytes),
                    class,
                    pixels,
                })
            });
            files.extend(unreadable.note(&path, prepared));
        }
    }
    Ok(files)
}

/// Moves the test images out of `all`.
fn hold_out(all: &mut Vec<ImageFile>) -> Vec<ImageFile> {
    let mut by_sum: Vec<(u8, String)> = all.iter().map(|it| (it.class, it.sha256.clone())).collect();
    by_sum.sort();
    let held_out: BTreeSet<(u8, String)> = by_sum
        .chunk_by(|one, other| one.0 == other.0)
        // At least one. A class of one image then has none for training, which `read` reports.
        .flat_map(|class| &class[..((TEST_FRACTION * class.len() as f64).round() as usize).max(1)])
        .cloned()
        .collect();
    all.extract_if(.., |it| held_out.contains(&(it.class, it.sha256.clone()))).collect()
}

/// The SHA-256 of the list of files with their checksums, in the format of `sha256sum`.
fn list(files: &[ImageFile]) -> String {
    let lines: String = files.iter().map(|file| format!("{}  {}\n", file.sha256, file.name)).collect();
    checksum::of_bytes(lines.as_bytes())
}

/// The files that can't be read.
#[derive(Default)]
struct Unreadable {
    warnings: Vec<String>,
    /// The number of all files.
    all: usize,
}

impl Unreadable {
    fn note(&mut self, path: &Path, prepared: Result<ImageFile, String>) -> Option<ImageFile> {
        self.all += 1;
        prepared.inspect_err(|error| self.warnings.push(format!("{}: {error}", path.display()))).ok()
    }

    fn judge(&self, dir: &Path) -> Result<(), DataError> {
        match self.warnings.len() as f64 > MOST_UNREADABLE * self.all as f64 {
            true => {
                let unreadable = self.warnings.clone();
                Err(DataError::UnreadableImages { dir: dir.into(), unreadable, all: self.all })
            }
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
