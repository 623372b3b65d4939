//! Folders of images, as users have them.

use image::{GrayImage, Luma};
use tempfile::TempDir;

use super::*;
use crate::data::Files;

/// Writes an image of 28 by 28 pixels with a stroke of this height. Images of other heights differ.
fn write(path: &Path, height: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let stroke = |x, y| Luma([if (12..16).contains(&x) && (2..2 + height).contains(&y) { 255 } else { 0 }]);
    GrayImage::from_fn(28, 28, stroke).save(path).unwrap();
}

/// A folder with a number of images of each class.
fn folder(classes: &[(&str, u32)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, count) in classes {
        (1..=*count).for_each(|number| write(&folder.path().join(class).join(format!("{number:02}.png")), number));
    }
    folder
}

fn refusal(dir: &Path) -> String {
    ImageFolder::read(dir, true).unwrap_err().to_string()
}

#[test]
fn sub_folders_are_the_classes_and_a_fifth_of_each_is_held_out() {
    let folder = folder(&[("oak", 10), ("ash", 20)]);
    let pictures = ImageFolder::read(folder.path(), true).unwrap();
    assert_eq!(pictures.train.names(), ["ash", "oak"]);
    let count = |images: &Images, class| images.labels().iter().filter(|&&label| label == class).count();
    let test = &pictures.test;
    assert_eq!([count(&pictures.train, 0), count(&pictures.train, 1)], [16, 8]);
    assert_eq!([count(test, 0), count(test, 1)], [4, 2]);
    // Strokes of 1 to 20 rows are all there, each once.
    let rows = |images: &Images| {
        let rows = |index| images.pixels(index).iter().filter(|&&pixel| pixel > 0).count() / 4;
        (0..images.len()).filter(|&index| images.labels()[index] == 0).map(rows).collect::<Vec<_>>()
    };
    let mut all = [rows(&pictures.train), rows(test)].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=20).collect::<Vec<_>>());
}

#[test]
fn held_out_images_do_not_depend_on_file_names_and_copies_stay_together() {
    let folder = folder(&[("oak", 10), ("ash", 10)]);
    let before = ImageFolder::read(folder.path(), true).unwrap().test;
    let held_out = before.pixels(0).iter().filter(|&&pixel| pixel > 0).count() / 4;
    let picture = folder.path().join("ash").join(format!("{held_out:02}.png"));
    fs::rename(&picture, folder.path().join("ash/00.png")).unwrap();
    assert_eq!(ImageFolder::read(folder.path(), true).unwrap().test, before);
    fs::copy(folder.path().join("ash/00.png"), folder.path().join("ash/copy.png")).unwrap();
    let after = ImageFolder::read(folder.path(), true).unwrap();
    assert!((0..after.train.len()).all(|index| after.train.pixels(index) != before.pixels(0)));
}

#[test]
fn test_folder_is_used_as_it_is() {
    let folder = folder(&[("train/a", 5), ("train/b", 5), ("test/a", 2), ("test/b", 3)]);
    let pictures = ImageFolder::read(folder.path(), true).unwrap();
    assert_eq!((pictures.train.len(), pictures.test.labels()), (10, [0, 0, 1, 1, 1].as_slice()));
    // The classes may also be beside `test/`.
    let beside = self::folder(&[("a", 5), ("b", 5), ("test/a", 2), ("test/b", 3)]);
    assert_eq!(ImageFolder::read(beside.path(), true).unwrap().test, pictures.test);
}

#[test]
fn test_images_alone_are_not_enough_to_train() {
    let folder = folder(&[("test/a", 2), ("test/b", 3)]);
    let message = ImageFolder::read(folder.path(), true).unwrap_err().to_string();
    assert!(message.contains("sub-folders (none), but 2 to 256 classes beside test are expected"), "{message}");
    fs::create_dir(folder.path().join("train")).unwrap();
    let message = ImageFolder::read(folder.path(), true).unwrap_err().to_string();
    assert!(message.contains("train has the sub-folders (none), but 2 to 256 classes are expected"), "{message}");
    fs::remove_dir(folder.path().join("train")).unwrap();
    assert_eq!(ImageFolder::read(folder.path(), false).unwrap().test.len(), 5, "but to evaluate");
}

#[test]
fn images_held_out_for_the_test_are_told() {
    let folder = folder(&[("a", 5), ("b", 5)]);
    let warnings = ImageFolder::read(folder.path(), true).unwrap().warnings;
    assert!(warnings[0].ends_with("has no test folder: 2 of its 10 images are held out for the test"), "{warnings:?}");
    assert!(ImageFolder::read(folder.path(), false).unwrap().warnings.is_empty(), "where nothing is held out");
}

/// The other warnings about a folder, with its path left out.
fn warnings(dir: &Path) -> Vec<String> {
    let mut warnings = ImageFolder::read(dir, true).unwrap().warnings;
    warnings.retain(|warning| !warning.contains("has no test folder"));
    warnings.iter().map(|warning| warning.replace(&format!("{}/", dir.display()), "")).collect()
}

#[test]
fn training_and_test_folders_have_the_names_that_other_tools_give_them() {
    for (train, test) in [("Train", "Test"), ("training", "testing"), ("TRAIN", "test")] {
        let named = |part: &str, class| format!("{part}/{class}");
        let [a, b, c, d] = [named(train, "a"), named(train, "b"), named(test, "a"), named(test, "b")];
        let folder = folder(&[(&a, 5), (&b, 5), (&c, 2), (&d, 3)]);
        let pictures = ImageFolder::read(folder.path(), true).unwrap();
        assert_eq!((pictures.train.len(), pictures.test.len(), pictures.warnings.len()), (10, 5, 0), "{train}");
    }
    // A class may have such a name.
    let classes = folder(&[("valid", 5), ("invalid", 5), ("training", 5)]);
    assert_eq!(ImageFolder::read(classes.path(), true).unwrap().train.names(), ["invalid", "training", "valid"]);
}

#[test]
fn folders_and_images_that_are_not_used_are_said() {
    let folder =
        folder(&[("train/a", 9), ("train/b", 9), ("Val/a", 2), ("Val/b", 2), ("more/a", 2), ("train/b/c/d", 2)]);
    write(&folder.path().join("train/loose.png"), 3);
    write(&folder.path().join("loose.JPG.png"), 3);
    let dir = folder.path().display();
    assert_eq!(
        warnings(folder.path()),
        [
            "Val is not used: data.validation holds out training images; move its images to those in train".to_string(),
            "more is not used: the classes are the sub-folders of train".into(),
            format!("the images in {dir} itself are not used: move them to their class's sub-folder"),
            "the images in train itself are not used: move them to their class's sub-folder".into(),
            "skipping folders within classes: train/b/c; move their images into the class's folder".into(),
        ]
    );
    // Beside the classes, it is no class either.
    let beside = self::folder(&[("a", 5), ("b", 5), ("validation/a", 2), ("validation/b", 2)]);
    assert_eq!(ImageFolder::read(beside.path(), true).unwrap().train.names(), ["a", "b"]);
    assert!(warnings(beside.path())[0].starts_with("validation is not used: data.validation"));
}

#[test]
fn names_that_differ_only_in_their_unicode_form_are_one_class() {
    let (composed, decomposed) = ("carr\u{e9}", "carre\u{301}");
    let (train, test) = (format!("train/{composed}"), format!("test/{decomposed}"));
    let folder = folder(&[(&train, 5), ("train/rond", 5), (&test, 2), ("test/rond", 2)]);
    let pictures = ImageFolder::read(folder.path(), true).unwrap();
    assert_eq!(
        (pictures.train.names(), pictures.test.names()),
        (&[composed.into(), "rond".into()][..], pictures.train.names())
    );
    assert_eq!((pictures.train.len(), pictures.test.len()), (10, 4));
    // Both forms in one folder.
    write(&folder.path().join("train").join(decomposed).join("other.png"), 9);
    assert_eq!(
        ImageFolder::read(folder.path(), true).unwrap().train.labels().iter().filter(|&&label| label == 0).count(),
        6
    );
}

#[test]
fn files_and_folders_of_the_system_are_neither_images_nor_classes() {
    let folder = folder(&[("a", 5), ("b", 5), ("__MACOSX/a", 1), ("@eaDir", 1), ("a/@eaDir", 1)]);
    for name in ["Thumbs.db", "desktop.ini", ".DS_Store"] {
        ["", "a", "b"].iter().for_each(|class| fs::write(folder.path().join(class).join(name), "x").unwrap());
    }
    let pictures = ImageFolder::read(folder.path(), true).unwrap();
    assert_eq!((pictures.train.names(), warnings(folder.path())), (&["a".into(), "b".into()][..], vec![]));
}

#[test]
fn many_unreadable_files_are_one_warning() {
    let folder = folder(&[("a", 28), ("b", 28)]);
    (0..5).for_each(|number| fs::write(folder.path().join(format!("a/note-{number}.txt")), "no picture").unwrap());
    let warnings = warnings(folder.path());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("skipping 5 of 61 files: a/note-0.txt: not a readable PNG"), "{warnings:?}");
    assert!(warnings[0].ends_with("; and 2 more"), "{warnings:?}");
}

#[test]
#[cfg(unix)]
fn devices_and_files_that_are_too_large_are_no_images() {
    let folder = folder(&[("a", 28), ("b", 28)]);
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("a/zero.png")).unwrap();
    let sparse = fs::File::create(folder.path().join("b/large.png")).unwrap();
    sparse.set_len(LARGEST_FILE + 1).unwrap();
    let warnings = warnings(folder.path());
    let expected =
        "skipping 2 of 58 files: a/zero.png: it is not a regular file; b/large.png: it has more than 134217728 bytes";
    assert_eq!(warnings, [expected]);
}

#[test]
fn checksums_change_with_the_files() {
    let folder = folder(&[("a", 5), ("b", 5)]);
    let sums = || ImageFolder::read(folder.path(), true).unwrap().checksums;
    let before = sums();
    assert_eq!(before.keys().collect::<Vec<_>>(), ["test", "train"]);
    assert_eq!(sums(), before);
    write(&folder.path().join("a/99.png"), 25);
    assert_ne!(sums(), before);
}

#[test]
fn unreadable_files_are_left_out_if_few_and_an_error_if_many() {
    let folder = folder(&[("a", 10), ("b", 10)]);
    fs::write(folder.path().join("a/.hidden"), "").unwrap();
    fs::write(folder.path().join("a/notes.txt"), "no picture").unwrap();
    assert_eq!(ImageFolder::read(folder.path(), true).unwrap().train.len(), 16);
    fs::write(folder.path().join("b/cut.png"), "").unwrap();
    fs::write(folder.path().join("b/cut.jpg"), "").unwrap();
    let (dir, refusal) = (folder.path().display(), refusal(folder.path()));
    let start =
        format!("3 of 23 files in {dir} are not images, more than one in ten: {dir}/a/notes.txt: not a readable");
    assert!(refusal.starts_with(&start) && refusal.contains("/b/cut.jpg: "), "{refusal}");
    assert!(refusal.ends_with("; move them elsewhere"), "{refusal}");
}

#[test]
fn folder_without_classes_is_an_error_that_says_what_belongs_there() {
    let folder = folder(&[("only", 3)]);
    let expected = "has the sub-folders only, but 2 to 256 classes are expected: make one sub-folder per class";
    assert!(refusal(folder.path()).contains(expected), "{}", refusal(folder.path()));
    let empty = tempfile::tempdir().unwrap();
    assert!(refusal(empty.path()).contains("has the sub-folders (none)"), "{}", refusal(empty.path()));
    assert!(refusal(Path::new("/nowhere")).starts_with("cannot read /nowhere"));
}

#[test]
fn test_images_of_other_classes_are_refused() {
    let folder = folder(&[("train/a", 3), ("train/b", 3), ("test/a", 1), ("test/c", 1)]);
    assert!(refusal(folder.path()).contains("has the sub-folders a, c, but a, b are expected"));
    let pictures = Files::ImageFolder(ImageFolder::read(self::folder(&[("a", 3), ("b", 3)]).path(), true).unwrap());
    assert!(pictures.test([28, 28], 3).unwrap_err().to_string().contains("but 3 classes are expected"));
    assert!(pictures.test([9, 9], 2).unwrap_err().to_string().contains("28x28 pixels, but the network is for 9x9"));
}

#[test]
fn class_without_training_or_test_images_is_named() {
    for (few, named) in [
        (&[("a", 3), ("b", 3), ("c", 0)][..], "/c has too few images"),
        (&[("a", 3), ("b", 1)], "/b has too few images"),
        (&[("train/a", 3), ("train/b", 3), ("test/a", 1), ("test/b", 0)], "/test/b has too few images"),
    ] {
        let folder = folder(few);
        few.iter().for_each(|(class, _)| fs::create_dir_all(folder.path().join(class)).unwrap());
        assert!(refusal(folder.path()).contains(named), "{}", refusal(folder.path()));
    }
    let two = folder(&[("a", 2), ("b", 9)]);
    assert_eq!(ImageFolder::read(two.path(), true).unwrap().test.len(), 3);
}
