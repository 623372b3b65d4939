//! The data sets known by name: their folders, mirrors and published checksums, which `data/sources.toml` has.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::config::Dataset;

/// The names of the four IDX files, without `.gz`. All data sets use the names that MNIST gave them.
pub const NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

static SOURCES: LazyLock<BTreeMap<String, Source>> =
    LazyLock::new(|| toml::from_str(include_str!("../../data/sources.toml")).expect("a test reads all of the file"));

#[derive(Debug, Deserialize)]
pub struct Source {
    dataset: Dataset,
    /// Its folder in `data/`.
    pub folder: String,
    /// The folder that torchvision makes for it.
    pub torchvision: String,
    pub mirrors: Vec<String>,
    /// In the order of their labels.
    pub classes: Vec<String>,
    /// In the order of [`NAMES`].
    pub files: [Published; 4],
}

/// A compressed file as it was published: its size in bytes, and its SHA-256 as lower-case hexadecimal text.
#[derive(Debug, Deserialize)]
pub struct Published {
    pub size: u64,
    pub sha256: String,
}

impl Source {
    /// The published data set of that name; `None` for the user's own files and image folders.
    pub fn of(dataset: Dataset) -> Option<&'static Source> {
        SOURCES.values().find(|source| source.dataset == dataset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum;

    #[test]
    fn published_checksums_are_64_lower_case_hexadecimal_digits_and_all_different() {
        let mut sums: Vec<_> = SOURCES.values().flat_map(|source| &source.files).map(|file| &file.sha256).collect();
        assert!(sums.iter().all(|sum| sum.len() == 64 && sum.bytes().all(|c| b"0123456789abcdef".contains(&c))));
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), 12);
    }

    #[test]
    fn bundled_mnist_files_are_the_published_ones() {
        for (name, published) in NAMES.iter().zip(&SOURCES["mnist"].files) {
            let path = format!("{}/data/mnist/{name}.gz", env!("CARGO_MANIFEST_DIR"));
            assert_eq!(std::fs::metadata(&path).unwrap().len(), published.size, "{path}");
            assert_eq!(checksum::of_file(path.as_ref()).unwrap(), published.sha256, "{path}");
        }
    }
}
