//! `mnist-burn images`, and the augmentation that it shows.

use std::fs;

use super::{DEVICE, failure, folders, program, stdout, success};

#[test]
fn images_draws_a_row_per_class_with_the_original_and_each_epochs_augmentation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.png");
    let draw = |set: &str| {
        let mut command = program();
        success(command.args(["images", "--set", set, "--output"]).arg(&path)).1
    };
    assert_eq!(draw("data.augment.rotation=180"), "");
    let picture = image::open(&path).unwrap().into_luma8();
    let cell = |row: u32, column: u32| {
        let (x, y) = (column * 58 + if column == 0 { 2 } else { 6 }, row * 58 + 2);
        image::imageops::crop_imm(&picture, x, y, 56, 56).to_image().into_raw()
    };
    assert_eq!(picture.dimensions(), (10 * 58 + 6, 10 * 58 + 2));
    for row in 0..10 {
        let ink = |column| cell(row, column).iter().map(|&pixel| u64::from(pixel)).sum::<u64>() as f64;
        assert!((1..10).all(|column| cell(row, column) != cell(row, column - 1)), "row {row}");
        assert!((1..10).all(|column| (ink(column) / ink(0) - 1.0).abs() < 0.1), "a rotated digit keeps its ink");
    }
    let first = fs::read(&path).unwrap();
    draw("data.augment.rotation=180");
    assert!(fs::read(&path).unwrap() == first, "the seed decides");

    let message = draw("seed=1");
    assert!(message.contains("nothing is augmented: [data.augment] is empty"), "{message}");
    assert_eq!(image::open(&path).unwrap().width(), 58 + 6, "the original images only, in place of the older grid");
}

#[test]
fn images_never_overwrites_another_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.png");
    image::GrayImage::new(3, 3).save(&path).unwrap();
    let mine = fs::read(&path).unwrap();
    let message = failure(program().args(["images", "--output"]).arg(&path));
    assert!(message.contains("exists but is not a grid of images: move it, or name another file with --output"));
    assert!(fs::read(&path).unwrap() == mine);
}

#[test]
fn augmentation_changes_training_images_but_not_validation_and_test_images() {
    let runs = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--runs"]).arg(runs.path());
    for set in ["data.augment.translation=1000", "training.epochs=1", "init.weights=he-normal"] {
        command.args(["--set", set]);
    }
    let report = stdout(&mut command);
    let metrics = fs::read_to_string(folders(runs.path())[0].join("metrics.csv")).unwrap();
    let row: Vec<f64> = metrics.lines().nth(1).unwrap().split(',').map(|cell| cell.parse().unwrap_or(-1.0)).collect();
    // Training images are shifted out of the frame, where the best loss is ln 10. An untrained network does worse than
    // that on images that it sees.
    let [training, validation] = [row[1], row[3]];
    assert!(training < 2.32 && validation > 2.35, "{metrics}");
    let test: f64 = report.split("loss").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    assert!(test > 2.35, "{report}");
}
