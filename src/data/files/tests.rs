//! Folders in every state: complete, incomplete, uncompressed, damaged, with the user's own files.

use std::{fs, io::Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use tempfile::TempDir;

use super::*;
use crate::{
    config::Dataset,
    data::silent,
    data::tests::server::{Answer, Server},
};

/// The four IDX files of the data set.
fn located(config: &Data) -> Result<IdxFiles, DataError> {
    match locate(config, &silent)? {
        Files::Idx(files) => Ok(files),
        Files::ImageFolder(_) => panic!("{config:?} is not an image folder"),
    }
}

/// The folder of MNIST in the checkout.
fn mnist() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist")
}

fn copy(name: &str, into: &Path) {
    fs::write(into.join(name), fs::read(mnist().join(name)).unwrap()).unwrap();
}

fn config(dataset: Dataset, dir: &Path, mirrors: &[&str]) -> Data {
    let mirrors = Some(mirrors.iter().map(|&mirror| mirror.into()).collect());
    Data { dataset, dir: Some(dir.into()), mirrors, ..Data::default() }
}

/// Writes IDX files: images of `size`, one for each label, the training files compressed.
fn write_own(dir: &Path, size: [u8; 2], train: &[u8], test: &[u8]) {
    for (part, labels) in [("train", train), ("t10k", test)] {
        let count = labels.len() as u8;
        let pixels = labels.len() * usize::from(size[0]) * usize::from(size[1]);
        let images = [&[0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, size[0], 0, 0, 0, size[1]], &vec![9; pixels][..]].concat();
        let labels = [&[0, 0, 8, 1, 0, 0, 0, count], labels].concat();
        for (name, bytes) in [("images-idx3", images), ("labels-idx1", labels)] {
            let path = dir.join(format!("{part}-{name}-ubyte"));
            match part {
                "train" => gzip(&bytes, &path.with_added_extension("gz")),
                _ => fs::write(path, bytes).unwrap(),
            }
        }
    }
}

fn gzip(bytes: &[u8], path: &Path) {
    let mut encoder = GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap();
}

#[test]
fn bundled_mnist_is_found_from_the_checkout_and_read() {
    let files = located(&Data::default()).unwrap();
    assert_eq!(
        files.paths[0].canonicalize().unwrap(),
        mnist().join("train-images-idx3-ubyte.gz").canonicalize().unwrap()
    );
    assert_eq!(files.checksums.len(), 4);
    assert!(files.checksums["t10k-labels-idx1-ubyte.gz"].starts_with("f7ae60f9"));

    let train = files.read(0, None, 1).unwrap();
    assert_eq!((train.len(), train.size(), train.classes()), (60_000, [28, 28], 10));
    assert_eq!(train.labels()[..5], [5, 0, 4, 1, 9]);
    let test = Files::Idx(files.clone()).test(train.size(), train.classes()).unwrap();
    assert_eq!((test.len(), test.labels()[..5].to_vec()), (10_000, vec![7, 2, 1, 0, 4]));
}

#[test]
fn missing_files_are_downloaded_and_present_ones_are_not() {
    let dir = TempDir::new().unwrap();
    copy("train-images-idx3-ubyte.gz", dir.path());
    let server = Server::start(|name| fs::read(mnist().join(name)).map_or(Answer::NotFound, Answer::File));
    let config = config(Dataset::Mnist, dir.path(), &[&server.address]);
    let files = located(&config).unwrap();
    assert_eq!(server.requests(), 3);
    assert_eq!(files.paths[2], dir.path().join("t10k-images-idx3-ubyte.gz"));
    assert_eq!(located(&config).unwrap(), files);
    assert_eq!(server.requests(), 3);
}

#[test]
fn damaged_file_of_a_published_data_set_is_refused_and_not_deleted() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("train-images-idx3-ubyte.gz");
    fs::write(&path, "abc").unwrap();
    let error = located(&config(Dataset::Mnist, dir.path(), &[])).unwrap_err().to_string();
    let expected = format!(
        "{} is not the published file: its SHA-256 is ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, \
         not 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609; delete it to download it again, or set \
         data.dataset = \"idx\" to use files of your own",
        path.display()
    );
    assert_eq!(error, expected);
    assert!(path.exists());
}

#[test]
fn uncompressed_file_is_used_and_recorded_unless_the_compressed_one_exists() {
    let dir = TempDir::new().unwrap();
    let names = NAMES.map(|name| format!("{name}.gz"));
    names[1..].iter().for_each(|name| copy(name, dir.path()));
    let labels = fs::read(dir.path().join(&names[3])).unwrap();
    let mut unpacked = fs::File::create(dir.path().join(NAMES[3])).unwrap();
    std::io::copy(&mut GzDecoder::new(&labels[..]), &mut unpacked).unwrap();
    let images = mnist().join(&names[0]);
    let mut unpacked = fs::File::create(dir.path().join(NAMES[0])).unwrap();
    std::io::copy(&mut GzDecoder::new(fs::File::open(images).unwrap()), &mut unpacked).unwrap();

    let files = located(&config(Dataset::Mnist, dir.path(), &[])).unwrap();
    assert_eq!(files.paths[0], dir.path().join(NAMES[0]));
    assert_eq!(files.paths[3], dir.path().join(&names[3]));
    assert_eq!(files.checksums[NAMES[0]], checksum::of_file(&files.paths[0]).unwrap());
    assert_eq!(files.read(0, None, 1).unwrap().len(), 60_000);
}

#[test]
fn own_files_are_read_compressed_or_not_with_any_size_and_classes() {
    let dir = TempDir::new().unwrap();
    write_own(dir.path(), [2, 3], &[0, 3, 1], &[2, 2]);
    let files = located(&config(Dataset::Idx, dir.path(), &[])).unwrap();
    let train = files.read(0, None, 1).unwrap();
    assert_eq!((train.len(), train.size(), train.classes()), (3, [2, 3], 4));
    let test = Files::Idx(files.clone()).test(train.size(), train.classes()).unwrap();
    assert_eq!((test.len(), test.classes()), (2, 4));
    let names: Vec<_> = files.checksums.keys().map(String::as_str).collect();
    assert_eq!(names, [NAMES[2], NAMES[3], "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]);
}

#[test]
fn test_images_of_another_size_are_refused() {
    let dir = TempDir::new().unwrap();
    write_own(dir.path(), [2, 3], &[0, 1], &[1]);
    let error = Files::Idx(located(&config(Dataset::Idx, dir.path(), &[])).unwrap()).test([28, 28], 2).unwrap_err();
    let expected = "t10k-images-idx3-ubyte: the images are 2x3 pixels, but the network is for 28x28: \
                    use files of one data set";
    assert!(error.to_string().ends_with(expected), "{error}");
}

#[test]
fn test_label_that_the_training_images_lack_is_refused() {
    let dir = TempDir::new().unwrap();
    write_own(dir.path(), [2, 3], &[0, 1], &[1, 4]);
    let error = Files::Idx(located(&config(Dataset::Idx, dir.path(), &[])).unwrap()).test([2, 3], 2).unwrap_err();
    let expected = "t10k-labels-idx1-ubyte: label 1 (from 0) is 4, but the 2 classes are 0 to 1: correct it";
    assert!(error.to_string().ends_with(expected), "{error}");
}

#[test]
fn chosen_label_that_no_training_image_has_is_refused() {
    let dir = TempDir::new().unwrap();
    write_own(dir.path(), [2, 3], &[0, 3, 4], &[4, 0]);
    let chosen =
        |classes: &[u8]| located(&Data { classes: classes.into(), ..config(Dataset::Idx, dir.path(), &[]) }).unwrap();
    let refusal = |label| chosen(&[0, label]).read(0, None, 1).unwrap_err().to_string();
    assert_eq!(refusal(1), "data.classes: no image has the label 1: remove it");
    assert_eq!(refusal(200), "data.classes: no image has the label 200: remove it");
    // The test images may lack some of the classes, but not all.
    let files = chosen(&[3, 4]);
    assert_eq!(files.read(0, None, 1).unwrap().labels(), [0, 1]);
    let test = Files::Idx(files.clone()).test([2, 3], 2).unwrap();
    assert_eq!((test.labels(), test.names()), (&[1][..], &["3".into(), "4".into()][..]));
    assert!(Files::Idx(chosen(&[2, 3])).test([2, 3], 2).is_err());
}

#[test]
fn own_files_need_a_folder() {
    let error = located(&Data { dataset: Dataset::Idx, ..Data::default() }).unwrap_err();
    assert!(error.to_string().starts_with("data.dir is missing"), "{error}");
}

#[test]
fn own_files_that_are_missing_are_all_listed() {
    let dir = TempDir::new().unwrap();
    write_own(dir.path(), [2, 3], &[0, 1], &[1]);
    for name in NAMES.iter().take(2) {
        fs::remove_file(dir.path().join(format!("{name}.gz"))).unwrap();
    }
    let error = located(&config(Dataset::Idx, dir.path(), &[])).unwrap_err().to_string();
    let expected = format!(
        "no train-images-idx3-ubyte.gz or train-images-idx3-ubyte, no train-labels-idx1-ubyte.gz or \
         train-labels-idx1-ubyte in {}: put the files there, or correct data.dir",
        dir.path().display()
    );
    assert_eq!(error, expected);
}

#[test]
fn folders_and_names_of_other_tools_are_found() {
    let dir = TempDir::new().unwrap();
    let raw = dir.path().join("MNIST/raw");
    fs::create_dir_all(&raw).unwrap();
    write_own(&raw, [2, 3], &[0, 1], &[1]);
    for named in ["", "MNIST", "MNIST/raw"] {
        let files = located(&config(Dataset::Idx, &dir.path().join(named), &[])).unwrap();
        assert_eq!(files.paths[3].canonicalize().unwrap(), raw.join(NAMES[3]).canonicalize().unwrap());
    }
    for name in fs::read_dir(&raw).unwrap().map(|entry| entry.unwrap().path()) {
        let dotted = name.file_name().unwrap().to_string_lossy().replace("-idx", ".idx");
        fs::rename(&name, raw.join(dotted)).unwrap();
    }
    let files = located(&config(Dataset::Idx, dir.path(), &[])).unwrap();
    assert_eq!(files.paths[3].file_name().unwrap(), "t10k-labels.idx1-ubyte");
    assert_eq!(files.read(0, None, 1).unwrap().len(), 2);
}

#[test]
fn published_data_set_is_found_in_its_own_folder_of_torchvision_alone() {
    let dir = TempDir::new().unwrap();
    for set in ["MNIST", "KMNIST"] {
        fs::create_dir_all(dir.path().join(set).join("raw")).unwrap();
    }
    write_own(&dir.path().join("KMNIST/raw"), [28, 28], &[0, 1], &[1]);
    NAMES.iter().for_each(|name| copy(&format!("{name}.gz"), &dir.path().join("MNIST/raw")));
    let files = located(&config(Dataset::Mnist, dir.path(), &[])).unwrap();
    assert_eq!(files.paths[0], dir.path().join("MNIST/raw/train-images-idx3-ubyte.gz"));
    // Nothing is known of the user's own files that would choose one of the two.
    let error = located(&config(Dataset::Idx, dir.path(), &[])).unwrap_err().to_string();
    let (kmnist, mnist) = (dir.path().join("KMNIST/raw"), dir.path().join("MNIST/raw"));
    let choice = format!("several data sets: set data.dir to one of {}, {}", kmnist.display(), mnist.display());
    assert!(error.ends_with(&choice), "{error}");
}

#[test]
fn transposed_files_give_upright_images_for_training_and_test() {
    let dir = TempDir::new().unwrap();
    write_own(dir.path(), [2, 3], &[0, 1], &[1]);
    let files = located(&Data { transpose: true, ..config(Dataset::Idx, dir.path(), &[]) }).unwrap();
    assert_eq!(
        (files.read(0, None, 1).unwrap().size(), Files::Idx(files.clone()).test([3, 2], 2).unwrap().size()),
        ([3, 2], [3, 2])
    );
}

#[test]
fn data_folder_is_the_nearest_one_upwards_with_one_of_the_files() {
    let root = TempDir::new().unwrap();
    let (far, near) = (root.path().join("data/kmnist"), root.path().join("a/b/data/kmnist"));
    let start = root.path().join("a/b/c");
    fs::create_dir_all(&far).unwrap();
    fs::create_dir_all(&near).unwrap();
    fs::create_dir_all(&start).unwrap();
    assert_eq!(nearest(&start, "kmnist"), None);
    fs::write(far.join(NAMES[2]), "").unwrap();
    assert_eq!(nearest(&start, "kmnist"), Some(far));
    fs::write(near.join("t10k-labels-idx1-ubyte.gz"), "").unwrap();
    assert_eq!(nearest(&start, "kmnist"), Some(near));
    assert_eq!(nearest(&start, "mnist"), None);
}
