//! `mnist-burn predict`: classifies image files.

use std::fs;
use std::path::Path;

use image::{GrayImage, ImageFormat};
use mnist_burn::data::idx;
use serde_json::Value;

use super::trained::smoke;
use super::{DEVICE, failure, program, stdout};

/// The test images of MNIST, 784 bytes each.
pub fn test_images() -> Vec<u8> {
    idx::images(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist/t10k-images-idx3-ubyte.gz")).unwrap().1
}

/// Writes the test images of `range` as `NNNNN.png` to `folder`, and returns their paths.
pub fn write(range: std::ops::Range<usize>, folder: &Path) -> Vec<std::path::PathBuf> {
    let pixels = test_images();
    range
        .map(|index| {
            let path = folder.join(format!("{index:05}.png"));
            let image = GrayImage::from_raw(28, 28, pixels[index * 784..][..784].to_vec()).unwrap();
            image.save_with_format(&path, ImageFormat::Png).unwrap();
            path
        })
        .collect()
}

#[test]
fn predict_agrees_with_evaluate_on_all_test_images_as_png() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(0..10_000, folder.path());
    let json = stdout(program().arg("predict").arg(&smoke().run).args(&paths).args(["--json", "--device", DEVICE]));
    let answers: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(answers.len(), 10_000);

    let labels =
        idx::labels(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist/t10k-labels-idx1-ubyte.gz")).unwrap();
    let mut confusion = vec![vec![0u64; 10]; 10];
    for (answer, label) in answers.iter().zip(labels) {
        confusion[usize::from(label)][answer["digit"].as_u64().unwrap() as usize] += 1;
    }
    let evaluation: Value = serde_json::from_slice(&fs::read(smoke().run.join("evaluation.json")).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(confusion).unwrap(), evaluation["confusion"]);
}

#[test]
fn predict_prints_a_line_per_image_with_its_digit_and_the_probabilities() {
    let folder = tempfile::tempdir().unwrap();
    let path = &write(0..1, folder.path())[0];
    let line = stdout(program().arg("predict").arg(&smoke().run).arg(path).args(["--device", DEVICE]));
    assert!(line.starts_with(&format!("{}: 7  (0: ", path.display())), "the first test image is a seven: {line}");
    assert_eq!(line.matches('%').count(), 10, "{line}");
}

#[test]
fn predict_shows_the_image_and_bars_in_colours_with_show() {
    let folder = tempfile::tempdir().unwrap();
    let path = &write(0..1, folder.path())[0];
    let predict = |show: bool, variable: &str| {
        let mut command = program();
        command.arg("predict").arg(&smoke().run).arg(path).args(["--device", DEVICE]).env(variable, "1");
        stdout(command.args(show.then_some("--show")))
    };
    let shown = predict(true, "CLICOLOR_FORCE");
    assert_eq!(shown.lines().next(), Some(format!("{}: 7", path.display()).as_str()));
    assert_eq!((shown.lines().count(), shown.matches('▀').count()), (1 + 14, 28 * 14), "{shown}");
    assert_eq!(shown.matches(" %").count(), 10, "{shown}");
    let plain = predict(false, "NO_COLOR");
    assert!(plain.starts_with(&format!("{}: 7  (0: ", path.display())), "{plain}");
    assert_eq!(predict(true, "NO_COLOR"), plain, "without colours, images are not shown");
    assert_eq!(predict(false, "CLICOLOR_FORCE"), plain, "images are shown with --show only");
}

#[test]
fn probabilities_sum_to_one_and_the_digit_is_the_most_probable() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(0..20, folder.path());
    let json = stdout(program().arg("predict").arg(&smoke().run).args(&paths).args(["--json", "--device", DEVICE]));
    for answer in serde_json::from_str::<Vec<Value>>(&json).unwrap() {
        let probabilities: Vec<f64> =
            answer["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let digit = answer["digit"].as_u64().unwrap() as usize;
        assert!(probabilities.iter().all(|&probability| probability <= probabilities[digit]));
    }
}

#[test]
fn predict_reports_bad_files_and_classifies_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(0..2, folder.path());
    let (bad, missing) = (folder.path().join("bad.png"), folder.path().join("missing.png"));
    fs::write(&bad, "no picture").unwrap();
    let mut command = program();
    command.arg("predict").arg(&smoke().run).args([&good[0], &bad, &missing, &good[1]]).args(["--device", DEVICE]);
    let message = failure(&mut command);
    assert!(message.contains("bad.png: not a readable PNG or JPEG") && message.contains("missing.png: "), "{message}");
    assert!(message.contains("2 of 4 images could not be read"), "{message}");
    let lines = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert_eq!(lines.lines().count(), 2, "{lines}");

    let output = command.arg("--json").output().unwrap();
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), 4);
    assert!(answers[1]["error"].is_string() && answers[1]["digit"].is_null(), "{}", answers[1]);
    assert_eq!(answers[3]["file"], good[1].to_str().unwrap());
}

#[test]
fn predict_classifies_a_large_dark_on_light_photograph() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = test_images();
    let seven = GrayImage::from_raw(28, 28, pixels[..784].to_vec()).unwrap();
    let mut large = image::imageops::resize(&seven, 420, 420, image::imageops::FilterType::CatmullRom);
    image::imageops::invert(&mut large);
    let path = folder.path().join("seven.jpg");
    large.save_with_format(&path, ImageFormat::Jpeg).unwrap();
    let line = stdout(program().arg("predict").arg(&smoke().run).arg(&path).args(["--device", DEVICE]));
    assert!(line.starts_with(&format!("{}: 7  ", path.display())), "{line}");
}

#[test]
fn run_without_images_is_an_error() {
    let message = failure(program().arg("predict").arg(&smoke().run).args(["--device", DEVICE]));
    assert!(message.contains("no image to classify: name PNG or JPEG files after"), "{message}");
}

#[test]
fn predict_without_a_run_uses_the_network_that_comes_with_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(0..20, folder.path());
    let predict = || {
        let mut command = program();
        command.current_dir(folder.path()).arg("predict").args(&paths).args(["--device", DEVICE, "--json"]);
        command
    };
    let output = predict().output().unwrap();
    let notice = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(notice.contains("no run in runs is finished, so the network that comes with the program"), "{notice}");
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let digits: Vec<u64> = answers.iter().map(|answer| answer["digit"].as_u64().unwrap()).collect();
    assert_eq!(digits, [7, 2, 1, 0, 4, 1, 4, 9, 5, 9, 0, 6, 9, 0, 1, 5, 9, 7, 3, 4]);

    let runs = smoke().run.parent().unwrap().to_path_buf();
    let output = predict().arg("--runs").arg(&runs).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("the newest finished one"), "{output:?}");
}

#[test]
fn predict_writes_the_stages_of_each_picture_and_says_its_doubts() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = test_images();
    let seven = GrayImage::from_raw(28, 28, pixels[..784].to_vec()).unwrap();
    let mut large = image::imageops::resize(&seven, 280, 280, image::imageops::FilterType::CatmullRom);
    image::imageops::invert(&mut large);
    let path = folder.path().join("seven.png");
    // Its foot is missing.
    image::imageops::crop_imm(&large, 0, 0, 280, 170).to_image().save(&path).unwrap();
    let stages = folder.path().join("stages");
    let mut command = program();
    command.arg("predict").arg(&smoke().run).arg(&path).arg("--stages").arg(&stages).args(["--device", DEVICE]);
    let output = command.output().unwrap();
    let warning = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(warning.contains("seven.png: the ink touches the edge: the digit may be cut off"), "{warning}");
    let mut written: Vec<String> =
        fs::read_dir(&stages).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    written.sort();
    let names = ["1-picture", "2-ink", "3-digit", "4-stroke", "5-image"].map(|name| format!("1-seven-{name}.png"));
    assert_eq!(written, names);
    assert_eq!(image::image_dimensions(stages.join(&names[4])).unwrap(), (28, 28));
    let json: Value = serde_json::from_str(&stdout(command.arg("--json"))).unwrap();
    assert!(json[0]["warnings"][0].as_str().unwrap().contains("touches the edge"), "{json}");
}
