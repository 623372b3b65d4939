//! One's own pictures, PNG or JPEG: a folder whose sub-folders are the classes, with a picture's image in each file.
//!
//! Those to test with are in `test/`, those to train with beside it in `train/`, each with a sub-folder a class. Where there
//! is no `test/`, a fifth of each class is held out for it: those whose bytes have the smallest SHA-256. So the choice
//! depends on nothing but the pictures, is the same for every seed, and a copy of a picture lies on its side.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::images::Images;
use super::prepare::{Limits, prepare};
use crate::checksum;

/// The `[height, width]` that pictures are brought to, in pixels: that of MNIST, so that networks fit both.
const SIZE: [usize; 2] = [28, 28];
/// The share of each class that is held out for the test where there is no `test/`.
const TEST: f64 = 0.2;
/// More unreadable files than this share of all are no accident.
const MOST_BAD: f64 = 0.1;

/// The images of such a folder, which is small enough for memory.
#[derive(Debug, Clone)]
pub struct ImageFolder {
    dir: PathBuf,
    /// To learn from.
    pub train: Images,
    test: Images,
    /// Of the list of the files of each part.
    pub checksums: BTreeMap<String, String>,
    /// Files that can't be read, each with the reason.
    pub warnings: Vec<String>,
}

/// A picture as it was found.
struct Picture {
    /// `<class>/<file>`.
    name: String,
    sha256: String,
    class: u8,
    pixels: Vec<u8>,
}

impl ImageFolder {
    /// Reads and prepares all pictures in `dir`. Files that can't be read are left out, with a warning each.
    ///
    /// # Errors
    /// [`DataError::Read`] if a folder can't be listed; [`DataError::Folders`] if its sub-folders are not 2 to 256 classes,
    /// or those of `test/` others; [`DataError::UnreadableImages`] if more than a tenth of the files can't be read, and
    /// [`DataError::Few`] if a class has no picture to train or to test with.
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
        for (dir, pictures) in [(&root, &train), (if test_dir.is_dir() { &test_dir } else { &root }, &test)] {
            let is_there = |class: usize| pictures.iter().any(|it| usize::from(it.class) == class);
            if let Some(class) = (0..names.len()).find(|&class| !is_there(class)) {
                return Err(DataError::Few { dir: dir.join(&names[class]) });
            }
        }
        let checksums = [("train", list(&train)), ("test", list(&test))].map(|(part, sum)| (part.to_string(), sum));
        let images = |pictures: Vec<Picture>| {
            let labels = pictures.iter().map(|picture| picture.class).collect();
            let pixels = pictures.into_iter().flat_map(|picture| picture.pixels).collect();
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

    /// The test images, which are to be of this size and of so many classes.
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

/// The names of the sub-folders, sorted; hidden ones are none.
fn folders(dir: &Path) -> Result<Vec<String>, DataError> {
    Ok(entries(dir)?.into_iter().filter(|path| path.is_dir()).map(|path| name(&path)).collect())
}

/// What lies in a folder, sorted, but for what is hidden.
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

/// Reads the pictures of each class.
fn read_all(root: &Path, names: &[String], unreadable: &mut Unreadable) -> Result<Vec<Picture>, DataError> {
    let mut pictures = vec![];
    for (class, folder) in (0..=u8::MAX).zip(names) {
        for path in entries(&root.join(folder))?.into_iter().filter(|path| path.is_file()) {
            let prepared = fs::read(&path).map_err(|error| error.to_string()).and_then(|bytes| {
                let pixels = prepare(&bytes, SIZE, Limits::FILE).map_err(|error| error.to_string())?;
                Ok(Picture {
                    name: format!("{folder}/{}", name(&path)),
                    sha256: checksum::of_bytes(&bytes),
                    class,
                    pixels,
                })
            });
            pictures.extend(unreadable.note(&path, prepared));
        }
    }
    Ok(pictures)
}

/// Takes the pictures to test with out of all.
fn hold_out(all: &mut Vec<Picture>) -> Vec<Picture> {
    let mut by_sum: Vec<(u8, String)> = all.iter().map(|it| (it.class, it.sha256.clone())).collect();
    by_sum.sort();
    let held_out: BTreeSet<(u8, String)> = by_sum
        .chunk_by(|one, other| one.0 == other.0)
        // One at least; a class of one is then missing among those to learn from, which is told.
        .flat_map(|class| &class[..((TEST * class.len() as f64).round() as usize).max(1)])
        .cloned()
        .collect();
    all.extract_if(.., |it| held_out.contains(&(it.class, it.sha256.clone()))).collect()
}

/// The SHA-256 of a list of files with theirs, as `sha256sum` prints it.
fn list(pictures: &[Picture]) -> String {
    let lines: String = pictures.iter().map(|picture| format!("{}  {}\n", picture.sha256, picture.name)).collect();
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
    fn note(&mut self, path: &Path, prepared: Result<Picture, String>) -> Option<Picture> {
        self.all += 1;
        prepared.inspect_err(|error| self.warnings.push(format!("{} is left out: {error}", path.display()))).ok()
    }

    fn judge(&self, dir: &Path) -> Result<(), DataError> {
        match self.warnings.len() as f64 > MOST_BAD * self.all as f64 {
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
