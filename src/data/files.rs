//! Finds the files of a data set, a folder of images or four IDX files, and downloads missing published ones.

use std::path::{Path, PathBuf};
use std::{collections::BTreeMap, env, fs};

use super::download::{DownloadProgress, NAMES, Published, Source, download, timeout_from_env};
use super::{error::DataError, image_folder::ImageFolder, images::Images};
use crate::checksum;
use crate::config::{Data, Dataset, expand_home};

#[cfg(test)]
mod tests;

/// The files of a data set, all present.
#[derive(Debug, Clone)]
pub enum Files {
    /// Four IDX files.
    Idx(IdxFiles),
    /// A folder of images for each class.
    ImageFolder(ImageFolder),
}

impl Files {
    /// The user's own images in `dir`, for a network that was trained on those of `config`, whose files had the checksums
    /// `trained`: four IDX files, only the two of the test images, or an image folder. Of an image folder without `test/`, all
    /// are test images, but if the network was trained in it, those that were held out.
    pub fn other(dir: &Path, config: &Data, trained: &BTreeMap<String, String>) -> Result<Self, DataError> {
        if folders(dir, |_| true).iter().any(|folder| holds_any(folder)) {
            return Ok(Self::Idx(own(dir, config, true)?));
        }
        let is_here = config.dir.as_ref().is_some_and(|it| dir.canonicalize().ok() == it.canonicalize().ok());
        match (config.dataset == Dataset::ImageFolder).then(|| ImageFolder::read(dir, true)) {
            Some(Ok(own)) if own.checksums.get("train") == trained.get("train") => Ok(Self::ImageFolder(own)),
            Some(own) if is_here => {
                let mut own = own?;
                own.warnings
                    .push("these images have changed since the training, so it may have seen some of them".into());
                Ok(Self::ImageFolder(own))
            }
            _ => Ok(Self::ImageFolder(ImageFolder::read(dir, false)?)),
        }
    }

    /// Reads the training images.
    pub fn train(&self) -> Result<Images, DataError> {
        match self {
            Self::Idx(files) => files.read(0, None, 1),
            Self::ImageFolder(folder) => Ok(folder.train.clone()),
        }
    }

    /// Reads the test images. Those of another `[height, width]` or number of classes than the training images are refused.
    pub fn test(&self, size: [usize; 2], classes: usize) -> Result<Images, DataError> {
        let (images, path) = match self {
            // A class without test images is a matter of a warning.
            Self::Idx(files) => (files.read(2, Some(classes), files.chosen.len())?, &files.paths[2]),
            Self::ImageFolder(folder) => (folder.test.clone(), &folder.dir),
        };
        let (path, found) = (path.clone(), images.size());
        if found != size {
            return Err(DataError::Size { path, found, expected: size });
        }
        if images.classes() != classes {
            let (found, expected) = (images.names().into(), format!("{classes} classes"));
            return Err(DataError::Folders { dir: path, found, expected });
        }
        Ok(images)
    }

    /// Warnings: what was left out, with the reason.
    pub fn warnings(&self) -> &[String] {
        if let Self::ImageFolder(folder) = self { &folder.warnings } else { &[] }
    }

    /// The SHA-256 of each file as it is stored, by file name; of an image folder, that of each part's list of files.
    pub fn checksums(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Idx(files) => &files.checksums,
            Self::ImageFolder(folder) => &folder.checksums,
        }
    }

    /// Those of [`Files::checksums`] that are of the test images.
    pub fn test_checksums(&self) -> BTreeMap<String, String> {
        let mut sums = self.checksums().clone();
        sums.retain(|name, _| name.starts_with("t10k") || name == "test");
        sums
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdxFiles {
    /// In the order of [`NAMES`].
    paths: Vec<PathBuf>,
    checksums: BTreeMap<String, String>,
    /// The names of the classes, if the data set is a published one.
    names: Option<&'static [String]>,
    /// The labels that are used; all of them if this is empty.
    chosen: Vec<u8>,
    /// Whether the images are stored column by column.
    transposed: bool,
}

impl IdxFiles {
    /// The images of the pair of files from `first` that are used, upright, with the names of their classes. Without names,
    /// there are `classes`, or else as many as the labels need. Refused if `most` or more of the chosen labels have no image.
    fn read(&self, first: usize, classes: Option<usize>, most: usize) -> Result<Images, DataError> {
        let classes = self.names.map(<[_]>::len).or(classes.filter(|_| self.chosen.is_empty()));
        let images = Images::read(&self.paths[first], &self.paths[first + 1], classes)?;
        let images = if self.transposed { images.transposed() } else { images };
        let images = if let Some(names) = self.names { images.named(names) } else { images };
        if self.chosen.is_empty() {
            return Ok(images);
        }
        let chosen = images.of(&self.chosen);
        match &chosen.classes_without(0..chosen.len())[..] {
            lacking @ [label, ..] if lacking.len() >= most => Err(DataError::Classes { label: label.clone() }),
            _ => Ok(chosen),
        }
    }

    fn at(paths: Vec<PathBuf>, names: Option<&'static [String]>, config: &Data) -> Result<Self, DataError> {
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let checksums = paths.iter().map(|path| Ok((name(path), sum(path)?))).collect::<Result<_, _>>()?;
        Ok(Self { paths, checksums, names, chosen: config.classes.clone(), transposed: config.transpose })
    }
}

/// Finds the files of the configured data set. Those of a published one are checked against their checksums, and
/// downloaded if missing. The user's own are used as they are; an image folder is read here.
///
/// Without `data.dir`, the folder is `$MNIST_BURN_DATA/<name>`, or else the nearest `data/<name>` that holds one of the files,
/// upwards from the current folder and then from the program's own, or else `data/<name>` in the current folder. Refused if
/// the user's own files are missing, unreadable or ambiguous, or a published one is another or can't be had.
pub fn locate(config: &Data, progress: DownloadProgress) -> Result<Files, DataError> {
    let dir = || config.dir.as_deref().ok_or(DataError::NoDir);
    match config.dataset {
        Dataset::ImageFolder => Ok(Files::ImageFolder(ImageFolder::read(dir()?, true)?)),
        dataset => Ok(Files::Idx(match Source::of(dataset) {
            Some(source) => named(source, config, progress)?,
            None => own(dir()?, config, false)?,
        })),
    }
}

fn named(source: &'static Source, config: &Data, progress: DownloadProgress) -> Result<IdxFiles, DataError> {
    let timeout = timeout_from_env()?;
    let dir = config.dir.clone().unwrap_or_else(|| default_dir(&source.folder));
    if config.dir.is_some() && !dir.exists() {
        return Err(DataError::NoFolder { dir });
    }
    let mirrors = config.mirrors.as_ref().unwrap_or(&source.mirrors);

    let folders = folders(&dir, |name| name == source.torchvision);
    let obtain = |index: usize| {
        let (name, published) = (NAMES[index], &source.files[index]);
        match folders.iter().find_map(|folder| present(folder, name)) {
            Some(path) => verify(path, published),
            None if config.dir.is_some() && ImageFolder::read(&dir, true).is_ok() => {
                Err(DataError::NotIdx { dir: dir.clone() })
            }
            None => download(&format!("{name}.gz"), published, mirrors, &dir, timeout, progress),
        }
    };
    IdxFiles::at((0..NAMES.len()).map(obtain).collect::<Result<_, _>>()?, Some(&source.classes), config)
}

/// With `test_alone`, the files of the test images also stand for those of the training images, if they are missing.
fn own(dir: &Path, config: &Data, test_alone: bool) -> Result<IdxFiles, DataError> {
    let folders = folders(dir, |_| true);
    let holding: Vec<_> = folders.iter().filter(|folder| holds_any(folder)).collect();
    // Of several folders in `dir`, the user has to choose one. Those in `dir` do not count if it holds files itself.
    if let [first, _, ..] = holding[..]
        && first != dir
    {
        let found = holding.iter().map(|folder| folder.display().to_string()).collect();
        return Err(DataError::Several { dir: dir.into(), found });
    }
    let folder = holding.first().map_or(dir, |folder| folder.as_path());
    let needed = NAMES.iter().skip(if test_alone { 2 } else { 0 });
    let missing = needed.filter(|name| present(folder, name).is_none());
    let missing = missing.map(|name| format!("{name}.gz or {name}")).collect();
    let of_test = |part: usize| present(folder, NAMES[2 + part % 2]).filter(|_| test_alone);
    let found = (0..NAMES.len()).map(|it| present(folder, NAMES[it]).or_else(|| of_test(it))).collect::<Option<_>>();
    IdxFiles::at(found.ok_or(DataError::Missing { dir: folder.into(), missing })?, None, config)
}

/// `dir`, `raw` in it, and `raw` in the sub-folders that `is_set` accepts: torchvision makes `<dir>/MNIST/raw`.
fn folders(dir: &Path, is_set: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let sets = entries.filter(|entry| is_set(&entry.file_name().to_string_lossy()));
    let mut sets: Vec<_> = sets.map(|entry| entry.path().join("raw")).collect();
    sets.sort();
    [vec![dir.into(), dir.join("raw")], sets].concat()
}

/// The file of that name if it exists, the compressed one first. Some copies have a dot in place of the second dash.
fn present(dir: &Path, name: &str) -> Option<PathBuf> {
    let dotted = name.replace("-idx", ".idx");
    let names = [name, &dotted].map(|name| [format!("{name}.gz"), name.into()]).concat();
    names.into_iter().map(|name| dir.join(name)).find(|path| path.is_file())
}

fn holds_any(dir: &Path) -> bool {
    NAMES.iter().any(|name| present(dir, name).is_some())
}

/// The path, if the file is the published one. Only compressed files were published: others can't be checked and pass.
fn verify(path: PathBuf, published: &Published) -> Result<PathBuf, DataError> {
    if path.extension().is_none_or(|extension| extension != "gz") {
        return Ok(path);
    }
    match sum(&path)? {
        found if found == published.sha256 => Ok(path),
        found => Err(DataError::Checksum { path, expected: published.sha256.clone(), found }),
    }
}

fn sum(path: &Path) -> Result<String, DataError> {
    checksum::of_file(path).map_err(|source| DataError::Read { path: path.into(), source })
}

fn default_dir(folder: &str) -> PathBuf {
    if let Some(data) = env::var_os("MNIST_BURN_DATA").filter(|data| !data.is_empty()) {
        let data = expand_home(data.as_ref());
        return if data.ends_with(folder) && holds_any(&data) { data } else { data.join(folder) };
    }
    // Either folder may be unknown, for instance if the current folder was deleted. It is then skipped.
    let mut starts = [env::current_dir(), env::current_exe()].into_iter().flatten();
    starts.find_map(|start| nearest(&start, folder)).unwrap_or_else(|| Path::new("data").join(folder))
}

fn nearest(start: &Path, folder: &str) -> Option<PathBuf> {
    start.ancestors().map(|ancestor| ancestor.join("data").join(folder)).find(|dir| holds_any(dir))
}
