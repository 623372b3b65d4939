//! The user's own images, PNG or JPEG: a folder whose sub-folders are the classes, with one image per file.
//!
//! Test images are in `test/` (also `Test/`, `testing/` and the like), training images in `train/` or beside it. Without
//! `test/`, a fifth of each class is held out for testing: the files with the smallest SHA-256. So the choice depends only on
//! the images, and does not separate copies of one. What is not used is a warning, except files of the system.

use std::path::{Path, PathBuf};
use std::{collections::BTreeMap, fs, io, mem};

use unicode_normalization::UnicodeNormalization;

use super::error::{DataError, MOST_NAMED};
use super::images::Images;
use super::prepare::{Limits, training_image};
use crate::text::listed;
use crate::{bounded, checksum};

/// The `[height, width]` that images are prepared to, in pixels: that of MNIST, so that networks fit both.
const SIZE: [usize; 2] = [28, 28];
const TEST_FRACTION: f64 = 0.2;
/// The largest fraction of unreadable files that may be an accident.
const MOST_UNREADABLE: f64 = 0.1;
/// The largest image file that is read, in bytes.
pub const LARGEST_FILE: u64 = 128 << 20;

/// The names of the folders of training, test and validation images, in lower case.
const TRAIN: &[&str] = &["train", "training"];
const TEST: &[&str] = &["test", "testing"];
const VALIDATION: &[&str] = &["val", "valid", "validation", "dev"];
/// What systems put into folders, in lower case, besides names that start with a dot.
const SYSTEM: &[&str] = &["thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin"];

#[derive(Debug, Clone)]
pub struct ImageFolder {
    pub dir: PathBuf,
    pub train: Images,
    pub test: Images,
    /// The test images' files, `<class>/<file>`.
    pub test_files: Vec<String>,
    /// The SHA-256 of the list of files of each part, `train` and `test`.
    pub checksums: BTreeMap<String, String>,
    pub warnings: Vec<String>,
}

/// The classes by name, with their sub-folders. Names that differ only in their Unicode form are one class.
type Classes = BTreeMap<String, Vec<PathBuf>>;

struct ImageFile {
    /// `<class>/<file>`.
    name: String,
    sha256: String,
    class: u8,
    pixels: Vec<u8>,
}

impl ImageFolder {
    /// Reads and prepares all images in `dir`. Unless it `trains`, `test/` is enough, and without it all are test images. Refused
    /// if there are not 2 to 256 classes, `test/` has others, over a tenth of the files can't be read, or a class lacks images.
    pub fn read(dir: &Path, trains: bool) -> Result<Self, DataError> {
        let (mut skipped, mut warnings) = (Skipped::default(), vec![]);
        let (root, found, test_dir) = match layout(dir, &mut warnings)? {
            (_, classes, Some(test)) if !trains && classes.is_empty() => (test.clone(), folders(&test)?, None),
            layout => layout,
        };
        let classes = classes(found);
        let names: Vec<String> = classes.keys().cloned().collect();
        if !(2..=256).contains(&names.len()) {
            let expected =
                format!("2 to 256 classes{}", if test_dir.is_some() && root == dir { " beside test" } else { "" });
            return Err(DataError::Folders { dir: root, found: names, expected });
        }
        let mut train = skipped.read_all(&classes)?;
        let test = match &test_dir {
            Some(test_dir) => {
                let classes = self::classes(folders(test_dir)?);
                if !classes.keys().eq(&names) {
                    let (found, expected) = (classes.into_keys().collect(), names.join(", "));
                    return Err(DataError::Folders { dir: test_dir.clone(), found, expected });
                }
                skipped.read_all(&classes)?
            }
            None if trains => {
                let test = hold_out(&mut train);
                let (dir, held, all) = (dir.display(), test.len(), test.len() + train.len());
                warnings
                    .push(format!("{dir} has no test folder: {held} of its {all} images are held out for the test"));
                test
            }
            None => mem::take(&mut train),
        };
        skipped.report(dir, &mut warnings)?;
        let checksums = [("train".into(), list(&train)), ("test".into(), list(&test))].into();
        let images = |files: Vec<ImageFile>| {
            let labels = files.iter().map(|file| file.class).collect();
            let pixels = files.into_iter().flat_map(|file| file.pixels).collect();
            Images::new(pixels, labels, SIZE, names.len()).named(&names)
        };
        let test_files = test.iter().map(|file| file.name.clone()).collect();
        let (train, test) = (images(train), images(test));
        for (dir, images) in [(&root, &train), (test_dir.as_ref().unwrap_or(&root), &test)] {
            if let Some(class) = images.classes_without(0..images.len()).first().filter(|_| trains) {
                return Err(DataError::Few { dir: dir.join(class) });
            }
        }
        Ok(Self { dir: root, train, test, test_files, checksums, warnings })
    }
}

/// The folders in `dir`: that of the training images, its classes, and that of the test images if there is one.
fn layout(dir: &Path, warnings: &mut Vec<String>) -> Result<(PathBuf, Vec<PathBuf>, Option<PathBuf>), DataError> {
    let all = folders(dir)?;
    let has_folders = |path: &Path| folders(path).is_ok_and(|folders| !folders.is_empty());
    let is_named = |path: &Path, names: &[&str]| names.contains(&name(path).to_lowercase().as_str());
    // A class may have such a name, but it has no sub-folders.
    let part = |names: &[&str]| {
        let exact = all.iter().find(|path| name(path) == names[0]);
        exact.or_else(|| all.iter().find(|path| is_named(path, names) && has_folders(path))).cloned()
    };
    let (train, test) = (part(TRAIN), part(TEST));
    let is_unused = |path: &PathBuf| train.is_some() || is_named(path, VALIDATION) && has_folders(path);
    let others = all.iter().filter(|path| [&train, &test].into_iter().flatten().all(|part| part != *path)).cloned();
    let (unused, classes): (Vec<_>, Vec<_>) = others.partition(is_unused);
    let classes = train.as_deref().map_or(Ok(classes), folders)?;
    let root = train.clone().unwrap_or(dir.into());
    for path in unused {
        let reason = match is_named(&path, VALIDATION) {
            true => "data.validation holds out training images; move its images to those in",
            false => "the classes are the sub-folders of",
        };
        warnings.push(format!("{} is not used: {reason} {}", path.display(), root.display()));
    }
    for dir in [Some(dir), train.as_deref(), test.as_deref()].into_iter().flatten() {
        if visible(dir)?.iter().any(|path| is_picture(path)) {
            let dir = dir.display();
            warnings.push(format!("the images in {dir} itself are not used: move them to their class's sub-folder"));
        }
    }
    Ok((root, classes, test))
}

/// Whether the file is called like a PNG or JPEG picture.
pub fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|it| ["png", "jpg", "jpeg"].iter().any(|ending| it.eq_ignore_ascii_case(ending)))
}

fn classes(folders: Vec<PathBuf>) -> Classes {
    let mut classes = Classes::new();
    folders.into_iter().for_each(|path| classes.entry(name(&path).nfc().collect()).or_default().push(path));
    classes
}

/// The sub-folders, sorted, without hidden ones.
fn folders(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    Ok(visible(dir)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// The paths in a folder, sorted, without those that are hidden or the system's.
pub fn visible(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let read = || fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    let mut all = read().map_err(|source| DataError::Read { path: dir.into(), source })?;
    all.retain(|path| !name(path).starts_with('.') && !SYSTEM.contains(&name(path).to_lowercase().as_str()));
    all.sort();
    Ok(all)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn hold_out(all: &mut Vec<ImageFile>) -> Vec<ImageFile> {
    let mut by_sum: Vec<(u8, String)> = all.iter().map(|it| (it.class, it.sha256.clone())).collect();
    by_sum.sort();
    let classes = by_sum.chunk_by(|one, other| one.0 == other.0);
    // At least one. A class of one image then has none for training, which `read` reports.
    let count = |class: &[_]| ((TEST_FRACTION * class.len() as f64).round() as usize).max(1);
    let last: BTreeMap<u8, String> = classes.map(|class| class[count(class) - 1].clone()).collect();
    all.extract_if(.., |it| it.sha256 <= last[&it.class]).collect()
}

/// The SHA-256 of the list of files with their checksums, in the format of `sha256sum`.
fn list(files: &[ImageFile]) -> String {
    let lines: String = files.iter().map(|file| format!("{}  {}\n", file.sha256, file.name)).collect();
    checksum::of_bytes(lines.as_bytes())
}

#[derive(Default)]
struct Skipped {
    /// The files that can't be read, each with the reason.
    files: Vec<String>,
    all: usize,
    /// The folders within classes.
    folders: Vec<String>,
}

impl Skipped {
    fn read_all(&mut self, classes: &Classes) -> Result<Vec<ImageFile>, DataError> {
        let mut files = vec![];
        let classes = (0..).zip(classes.values());
        for (class, folder) in classes.flat_map(|(class, all)| all.iter().map(move |it| (class, it))) {
            for path in visible(folder)? {
                if path.is_dir() {
                    self.folders.push(path.display().to_string());
                    continue;
                }
                self.all += 1;
                match read(&path, class, folder) {
                    Ok(file) => files.push(file),
                    Err(error) => self.files.push(format!("{}: {error}", path.display())),
                }
            }
        }
        Ok(files)
    }

    /// Adds the warnings, or refuses `dir` if too many of its files are not images.
    fn report(self, dir: &Path, warnings: &mut Vec<String>) -> Result<(), DataError> {
        let Self { files, all, folders } = self;
        if files.len() as f64 > MOST_UNREADABLE * all as f64 {
            return Err(DataError::UnreadableImages { dir: dir.into(), unreadable: files, all });
        }
        if !files.is_empty() {
            warnings.push(format!("skipping {} of {all} files: {}", files.len(), listed(&files, MOST_NAMED)));
        }
        if !folders.is_empty() {
            let advice = "move their images into the class's folder";
            warnings.push(format!("skipping folders within classes: {}; {advice}", listed(&folders, MOST_NAMED)));
        }
        Ok(())
    }
}

fn read(path: &Path, class: u8, folder: &Path) -> Result<ImageFile, String> {
    let bytes = bounded::read_regular(path, LARGEST_FILE).map_err(|error| error.to_string())?;
    let pixels = training_image(&bytes, SIZE, Limits::FILE).map_err(|error| error.to_string())?;
    let name = format!("{}/{}", name(folder), name(path));
    Ok(ImageFile { name, sha256: checksum::of_bytes(&bytes), class, pixels })
}

#[cfg(test)]
mod tests;
