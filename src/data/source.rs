//! The data sets known by name: their folders, mirrors and published checksums.

use crate::config::Dataset;

/// The names of the four IDX files, without `.gz`. All data sets use the names that MNIST gave them.
pub const NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

#[derive(Debug)]
pub struct Source {
    /// Its folder in `data/`.
    pub folder: &'static str,
    /// The folder that torchvision makes for it.
    pub torchvision: &'static str,
    pub mirrors: &'static [&'static str],
    /// In the order of their labels.
    pub classes: &'static [&'static str],
    /// In the order of [`NAMES`].
    pub files: [Published; 4],
}

/// A compressed file as it was published: its size in bytes, and its SHA-256 as lower-case hexadecimal text.
#[derive(Debug)]
pub struct Published {
    pub size: u64,
    pub sha256: &'static str,
}

// The sizes and sums are from github.com/tensorflow/datasets (Apache-2.0), `url_checksums/{mnist,fashion_mnist,kmnist}.txt`.

/// LeCun, Cortes and Burges' handwritten digits. Their own page no longer serves the files; these two copies do.
const MNIST: Source = Source {
    folder: "mnist",
    torchvision: "MNIST",
    mirrors: &["https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"],
    classes: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    files: [
        Published { size: 9912422, sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609" },
        Published { size: 28881, sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c" },
        Published { size: 1648877, sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6" },
        Published { size: 4542, sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6" },
    ],
};

/// Xiao, Rasul and Vollgraf's clothing: <https://github.com/zalandoresearch/fashion-mnist>. No HTTPS: the checksums stand in.
const FASHION_MNIST: Source = Source {
    folder: "fashion-mnist",
    torchvision: "FashionMNIST",
    mirrors: &["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
    classes: &["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
    files: [
        Published { size: 26421880, sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84" },
        Published { size: 29515, sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845" },
        Published { size: 4422102, sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073" },
        Published { size: 5148, sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5" },
    ],
};

/// Clanuwat and others' cursive Japanese characters: <https://github.com/rois-codh/kmnist>.
const KMNIST: Source = Source {
    folder: "kmnist",
    torchvision: "KMNIST",
    mirrors: &["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
    classes: &["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
    files: [
        Published { size: 18165135, sha256: "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4" },
        Published { size: 29497, sha256: "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17" },
        Published { size: 3041136, sha256: "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5" },
        Published { size: 5120, sha256: "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c" },
    ],
};

impl Source {
    /// The published data set of that name; `None` for the user's own files and image folders.
    pub fn of(dataset: Dataset) -> Option<&'static Source> {
        match dataset {
            Dataset::Mnist => Some(&MNIST),
            Dataset::FashionMnist => Some(&FASHION_MNIST),
            Dataset::Kmnist => Some(&KMNIST),
            Dataset::Idx | Dataset::ImageFolder => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum;

    #[test]
    fn published_checksums_are_64_lower_case_hexadecimal_digits_and_all_different() {
        let sources = [&MNIST, &FASHION_MNIST, &KMNIST];
        let mut sums: Vec<_> = sources.iter().flat_map(|source| &source.files).map(|file| file.sha256).collect();
        assert!(sums.iter().all(|sum| sum.len() == 64 && sum.bytes().all(|c| b"0123456789abcdef".contains(&c))));
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), 12);
    }

    #[test]
    fn bundled_mnist_files_are_the_published_ones() {
        for (name, published) in NAMES.iter().zip(&MNIST.files) {
            let path = format!("{}/data/mnist/{name}.gz", env!("CARGO_MANIFEST_DIR"));
            assert_eq!(std::fs::metadata(&path).unwrap().len(), published.size, "{path}");
            assert_eq!(checksum::of_file(path.as_ref()).unwrap(), published.sha256, "{path}");
        }
    }
}
