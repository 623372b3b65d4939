//! `mnist-burn predict`: classifies image files.

use std::fs;
use std::path::Path;

use image::{GrayImage, ImageFormat};
use mnist_burn::data::idx;
use serde_json::Value;

use super::trained::smoke;
use super::{DEVICE, failure, program, stdout, success};

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
fn run_may_stand_anywhere_among_the_images() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write(0..2, folder.path());
    let answers = [0, 1, 2].map(|place| {
        let mut paths = paths.clone();
        paths.insert(place, smoke().run.clone());
        stdout(program().arg("predict").args(paths).args(["--device", DEVICE]))
    });
    assert!(answers.iter().all(|it| *it == answers[0]), "{answers:?}");
    let message = failure(program().arg("predict").args(&paths).arg("narrow"));
    assert!(message.contains("there is no run narrow"), "{message}");
    let message =
        failure(program().arg("predict").arg("gone").args(&paths).arg(&smoke().run).args(["--device", DEVICE]));
    assert!(message.contains("error: gone: ") && message.contains("1 of 3 images could not be read"), "{message}");
}

#[test]
fn run_without_images_is_an_error() {
    let message = failure(program().arg("predict").arg(&smoke().run).args(["--device", DEVICE]));
    assert!(message.contains("has no image to classify: name PNG, JPEG or IDX files"), "{message}");
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

/// Classifies with the smoke run.
fn predict(arguments: &[&str]) -> String {
    stdout(program().arg("predict").arg(&smoke().run).args(["--device", DEVICE]).args(arguments))
}

#[test]
fn folder_idx_file_and_standard_input_give_the_answers_of_single_files() {
    let folder = tempfile::tempdir().unwrap();
    let files = write(0..3, folder.path());
    fs::create_dir(folder.path().join("more")).unwrap();
    fs::copy(&files[0], folder.path().join("more/last.PNG")).unwrap();
    fs::write(folder.path().join("notes.txt"), "no picture").unwrap();
    let lines = |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let names: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let single: Vec<Value> = serde_json::from_str(&predict(&[&names[..], &["--json"]].concat())).unwrap();
    let all = lines(&predict(&[folder.path().to_str().unwrap(), "--format", "jsonl"]));
    assert_eq!(all[..3], single);
    assert!(all[3]["file"].as_str().unwrap().ends_with("more/last.PNG") && all.len() == 4, "{all:?}");
    assert_eq!(all[3]["class"], single[0]["class"]);

    let idx = lines(&predict(&["data/mnist/t10k-images-idx3-ubyte.gz", "--format", "jsonl"]));
    assert_eq!((idx.len(), &idx[1]["file"]), (10_000, &"data/mnist/t10k-images-idx3-ubyte.gz[1]".into()));
    assert_eq!([&idx[0]["class"], &idx[2]["class"]], [&single[0]["class"], &single[2]["class"]]);

    let piped = stdout(
        program()
            .arg("predict")
            .arg(&smoke().run)
            .args(["-", "--json", "--device", DEVICE])
            .stdin(fs::File::open(&files[1]).unwrap()),
    );
    let piped: Value = serde_json::from_str(&piped).unwrap();
    assert_eq!((&piped[0]["file"], &piped[0]["class"]), (&"-".into(), &single[1]["class"]));

    let other = folder.path().join("other-idx3-ubyte");
    fs::write(&other, [&[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..], &[9; 6]].concat()).unwrap();
    let message = failure(program().arg("predict").arg(&smoke().run).arg(&other).args(["--device", DEVICE]));
    assert!(message.contains("the images are 2x3 pixels"), "{message}");
    let idx = tempfile::tempdir().unwrap();
    fs::write(
        idx.path().join("own-idx3-ubyte"),
        [&[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28][..], &[9; 784]].concat(),
    )
    .unwrap();
    assert_eq!(lines(&predict(&[idx.path().to_str().unwrap(), "--format", "jsonl"])).len(), 1);
    let empty = tempfile::tempdir().unwrap();
    let message = failure(program().arg("predict").arg(empty.path()).args(["--device", DEVICE]));
    assert!(message.contains("has no image to classify"), "{message}");
}

#[test]
fn warnings_of_very_many_images_are_counted_and_not_all_printed() {
    let images = "data/mnist/t10k-images-idx3-ubyte.gz";
    let (lines, notes) = success(program().arg("predict").arg(&smoke().run).arg(images).args(["--device", DEVICE]));
    assert_eq!(lines.lines().count(), 10_000);
    assert!(notes.contains(" images have warnings, of which those of the first 20 are shown"), "{notes}");
    let named = notes.lines().filter(|line| line.contains("idx3-ubyte.gz["));
    let named: std::collections::BTreeSet<_> = named.filter_map(|line| line.split(']').next()).collect();
    assert_eq!(named.len(), 20, "{notes}");
    let (_, counted) = notes.trim_end().rsplit_once("10000 images, ").unwrap();
    assert!(counted.split(' ').next().unwrap().parse::<usize>().unwrap() > 100, "{counted}");
}

#[test]
fn several_pictures_end_with_how_many_have_warnings() {
    let predict = |pictures: &[&str]| {
        let (lines, notes) =
            success(program().arg("predict").arg(&smoke().run).args(["--device", DEVICE]).args(pictures));
        assert_eq!(lines.lines().count(), pictures.len());
        notes
    };
    let two = "tests/drawn/others/two-digits-11.png";
    let notes = predict(&["tests/drawn/digits/7-plain-1.png", two, two]);
    let doubtful = if notes.contains("7-plain-1.png: ") { 3 } else { 2 };
    assert!(notes.ends_with(&format!("3 images, {doubtful} of them with warnings\n")), "{notes}");
    assert!(!predict(&[two]).contains("of them with warnings"));
    let csv = success(program().arg("predict").arg(&smoke().run).args([two, "--format", "csv", "--device", DEVICE])).1;
    assert!(csv.contains("there seem to be several digits"), "the table has no column for it: {csv}");
}

#[test]
fn top_classes_come_in_order_in_every_format() {
    let image = "tests/drawn/digits/7-plain-1.png";
    let all: Value = serde_json::from_str(&predict(&[image, "--json"])).unwrap();
    let mut ranked: Vec<(usize, f64)> =
        all[0]["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).enumerate().collect();
    ranked.sort_by(|one, other| other.1.total_cmp(&one.1));
    let [(first, p), (second, q)] = [ranked[0], ranked[1]];
    let top: Value = serde_json::from_str(&predict(&[image, "--json", "--top", "2"])).unwrap();
    assert_eq!(top[0]["top"], serde_json::json!([[first.to_string(), p], [second.to_string(), q]]));
    assert!(top[0]["probabilities"].is_null());
    let csv = predict(&[image, "--format", "csv", "--top", "2"]);
    assert!(csv.starts_with("file,class,class 1,probability 1,class 2,probability 2\n"), "{csv}");
    let start = |p: f64| p.to_string()[..12].to_string();
    assert!(csv.contains(&format!("\n{image},{first},{first},{}", start(p))), "{csv}");
    assert!(csv.contains(&format!(",{second},{}", start(q))), "{csv}");
    let text = predict(&[image, "--top", "2"]);
    assert_eq!(text, format!("{image}: {first}  ({first}: {:.1} %  {second}: {:.1} %)\n", 100.0 * p, 100.0 * q));
    let csv = predict(&[image, "--format", "csv"]);
    assert!(csv.starts_with("file,class,0,1,2,3,4,5,6,7,8,9\n") && csv.lines().count() == 2, "{csv}");
}

#[test]
fn answers_go_to_a_file_which_is_replaced_only_with_force() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.csv");
    let image = "tests/drawn/digits/7-plain-1.png";
    let arguments = [image, "--format", "csv", "--output", file.to_str().unwrap()];
    assert_eq!(predict(&arguments).trim(), file.to_str().unwrap());
    assert_eq!(fs::read_to_string(&file).unwrap(), predict(&[image, "--format", "csv"]));
    let again = failure(program().arg("predict").arg(&smoke().run).args(["--device", DEVICE]).args(arguments));
    assert!(again.contains("replace it with --force"), "{again}");
    predict(&[&arguments[..], &["--force"]].concat());
}

#[test]
fn ending_of_the_file_decides_the_format_unless_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let image = "tests/drawn/digits/7-plain-1.png";
    for ending in ["json", "jsonl", "csv"] {
        let file = folder.path().join(format!("answers.{ending}"));
        predict(&[image, "--output", file.to_str().unwrap()]);
        assert_eq!(fs::read_to_string(&file).unwrap(), predict(&[image, "--format", ending]));
    }
    let file = folder.path().join("answers");
    predict(&[image, "--output", file.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), predict(&[image]));
}

#[test]
fn answers_come_before_the_next_image_is_read() {
    use std::io::{BufRead, BufReader, Write};
    let mut command = program();
    command.arg("predict").arg(&smoke().run).args(["--format", "jsonl", "--device", DEVICE]);
    let folder = tempfile::tempdir().unwrap();
    command.args(write(0..64, folder.path())).arg("-");
    let mut child = command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.nth(63).is_some(), "64 answers while standard input is open");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&fs::read(folder.path().join("00001.png")).unwrap()).unwrap();
    drop(stdin);
    assert!(lines.next().unwrap().unwrap().contains("\"file\":\"-\""));
    assert!(child.wait().unwrap().success());
}
