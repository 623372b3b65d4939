//! `mnist-burn evaluate`: the same metrics as after the training.

use std::fs;

use super::trained::smoke;
use super::{DEVICE, failure, program, stdout, success};

#[test]
fn saved_model_gives_the_same_evaluation_again() {
    let json = stdout(program().arg("evaluate").arg(&smoke().run).args(["--json", "--device", DEVICE]));
    assert_eq!(json.trim_end(), fs::read_to_string(smoke().run.join("evaluation.json")).unwrap());
}

#[test]
fn evaluate_prints_the_same_text_as_train() {
    let text = stdout(program().arg("evaluate").arg(&smoke().run).args(["--device", DEVICE]));
    assert!(smoke().stdout.starts_with(text.trim_end()), "{text}\n{}", smoke().stdout);
}

#[test]
fn evaluate_prints_the_same_text_in_colours() {
    let evaluate = |variables: &[(&str, &str)]| {
        let mut command = program();
        stdout(command.arg("evaluate").arg(&smoke().run).args(["--device", DEVICE]).envs(variables.iter().copied()))
    };
    let (plain, coloured) = (evaluate(&[]), evaluate(&[("CLICOLOR_FORCE", "1")]));
    assert!(!plain.contains('\x1b') && coloured.contains("\x1b[38;5;16m"), "{coloured}");
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    assert_eq!(evaluate(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), plain);
}

#[test]
#[cfg(not(all(feature = "ndarray", feature = "flex")))]
fn run_of_a_cpu_backend_that_is_not_compiled_in_is_used_on_the_one_that_is() {
    let lacked = if DEVICE == "flex" { "ndarray" } else { "flex" };
    let recorded = |device: &str| {
        let record = fs::read_to_string(smoke().run.join("record.json")).unwrap();
        let ours = format!("\"device\": \"{DEVICE}\"");
        assert!(record.contains(&ours), "{record}");
        with_file("record.json", record.replace(&ours, &format!("\"device\": \"{device}\"")).as_bytes())
    };
    let run = recorded(lacked);
    let run = run.path().to_str().unwrap();
    let image = "tests/drawn/digits/7-plain-1.png";
    for command in [&["evaluate", run][..], &["report", run], &["predict", run, image]] {
        let (_, notes) = success(program().args(command));
        let note = format!("the run was recorded on {lacked}, which is not compiled in, so {DEVICE} is used");
        assert!(notes.contains(&note), "{notes}");
    }
    let evaluated = stdout(program().args(["evaluate", run]));
    assert_eq!(evaluated, stdout(program().arg("evaluate").arg(&smoke().run)));

    let asked = failure(program().args(["evaluate", run, "--device", lacked]));
    assert!(asked.contains(&format!("device `{lacked}` is not compiled in")), "{asked}");
    let gpu = recorded("metal");
    let gpu = failure(program().arg("evaluate").arg(gpu.path()));
    assert!(gpu.contains("device `metal` is not compiled in"), "{gpu}");
}

#[test]
fn folder_that_is_not_a_run_is_an_error_that_names_it() {
    let message = failure(program().args(["show", "config"]));
    assert!(message.contains("config is not a run folder") && message.contains("record.json"), "{message}");
}

#[test]
fn folder_of_images_is_named_with_data() {
    let message = failure(program().args(["evaluate", "tests/drawn/digits"]));
    assert!(message.contains("digits is not a run folder: if it holds images, name it with --data"), "{message}");
}

/// A copy of the run with one file replaced.
pub fn with_file(name: &str, contents: &[u8]) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    smoke().copy_to(copy.path());
    fs::write(copy.path().join(name), contents).unwrap();
    copy
}

#[test]
fn damaged_model_is_an_error_that_names_the_file() {
    let model = fs::read(smoke().run.join("best.safetensors")).unwrap();
    for damaged in [&model[..model.len() / 2], b"", b"not a model at all"] {
        let copy = with_file("best.safetensors", damaged);
        let message = failure(program().arg("evaluate").arg(copy.path()).args(["--device", DEVICE]));
        assert!(message.contains("best.safetensors is not the file that the run wrote: its SHA-256 is"), "{message}");
    }
}

#[test]
fn model_of_another_shape_is_an_error_that_names_the_tensors() {
    let config = fs::read_to_string(smoke().run.join("config.toml")).unwrap();
    let copy = with_file("config.toml", config.replace("hidden = [16]", "hidden = [17, 3]").as_bytes());
    let message = failure(program().arg("evaluate").arg(copy.path()).args(["--device", DEVICE]));
    assert!(message.contains("hidden.0.weight") && message.contains("hidden.1.weight"), "{message}");
}

#[test]
fn damaged_record_is_an_error_that_names_the_file() {
    let copy = with_file("record.json", b"{");
    let message = failure(program().arg("evaluate").arg(copy.path()));
    assert!(message.contains("record.json is damaged"), "{message}");
}

/// A folder with a sub-folder for each of these labels, with some of MNIST's test images as PNG.
fn image_folder(labels: &[u8], images: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mnist = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist");
    let all = mnist_burn::data::idx::labels(&mnist.join("t10k-labels-idx1-ubyte.gz")).unwrap();
    let pixels = super::predict::test_images();
    for label in labels {
        let class = folder.path().join(label.to_string());
        fs::create_dir(&class).unwrap();
        for index in (0..all.len()).filter(|&index| all[index] == *label).take(images) {
            let image = image::GrayImage::from_raw(28, 28, pixels[index * 784..][..784].to_vec()).unwrap();
            image.save(class.join(format!("{index:05}.png"))).unwrap();
        }
    }
    folder
}

#[test]
fn run_of_an_image_folder_is_evaluated_on_all_images_of_another_one_and_on_those_it_held_out_of_its_own() {
    let (runs, own, other) = (tempfile::tempdir().unwrap(), image_folder(&[1, 2], 10), image_folder(&[1, 2], 5));
    let set = format!("data.dir={}", own.path().display());
    let mut train = program();
    train.args(["--config", "config/smoke.toml", "--device", DEVICE, "--no-test", "--epochs", "1", "--set", &set]);
    success(
        train
            .args(["--set", "data.dataset=image-folder", "--set", "data.validation=0"])
            .args(["--runs"])
            .arg(runs.path()),
    );
    let images = |data: &std::path::Path| {
        let runs = runs.path().to_str().unwrap();
        json(&["latest", "--runs", runs, "--data", data.to_str().unwrap()])["images"].as_u64().unwrap()
    };
    assert_eq!((images(own.path()), images(other.path())), (4, 10));
    // In another place, or when images are added, it is its own all the same.
    let moved = tempfile::tempdir().unwrap();
    for class in ["1", "2"] {
        fs::rename(own.path().join(class), moved.path().join(class)).unwrap();
    }
    assert_eq!(images(moved.path()), 4);
    for class in ["1", "2"] {
        fs::rename(moved.path().join(class), own.path().join(class)).unwrap();
        for (number, file) in fs::read_dir(other.path().join(class)).unwrap().enumerate() {
            fs::copy(file.unwrap().path(), own.path().join(class).join(format!("more{number}.png"))).unwrap();
        }
    }
    assert_eq!(images(own.path()), 7, "a fifth of all and a copy, of which some may have trained");
    let evaluate = |data: &std::path::Path| {
        let mut evaluate = program();
        evaluate.args(["evaluate", "latest", "--device", DEVICE, "--runs"]).arg(runs.path()).arg("--data").arg(data);
        evaluate
    };
    let (_, notes) = success(&mut evaluate(own.path()));
    assert!(notes.contains("warning: these images have changed since the training"), "{notes}");
    fs::remove_dir_all(own.path().join("1")).unwrap();
    let message = failure(&mut evaluate(own.path()));
    assert!(message.contains("has the sub-folders 2, but 2 to 256 classes are expected"), "{message}");
}

fn json(arguments: &[&str]) -> serde_json::Value {
    let text = stdout(program().args(["evaluate", "--json", "--device", DEVICE]).args(arguments));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn evaluate_of_other_images_leaves_the_runs_own_evaluation_alone() {
    let run = tempfile::tempdir().unwrap();
    smoke().copy_to(run.path());
    fs::remove_file(run.path().join("evaluation.json")).unwrap();
    let name = run.path().to_str().unwrap();
    // Fewer classes, and one image of each: no class needs images to train on.
    let folder = image_folder(&[7, 2], 1);
    let other = json(&[name, "--data", folder.path().to_str().unwrap()]);
    assert_eq!((&other["images"], &other["confusion"][7].as_array().unwrap().len()), (&2.into(), &10));
    assert_eq!(other["classes"][2]["images"], 1);
    // The same in `test/` without training images beside it.
    let parted = tempfile::tempdir().unwrap();
    fs::create_dir(parted.path().join("test")).unwrap();
    for class in ["2", "7"] {
        fs::rename(folder.path().join(class), parted.path().join("test").join(class)).unwrap();
    }
    assert_eq!(json(&[name, "--data", parted.path().to_str().unwrap()])["confusion"], other["confusion"]);
    for class in ["2", "7"] {
        fs::rename(parted.path().join("test").join(class), folder.path().join(class)).unwrap();
    }
    let kmnist = tempfile::tempdir().unwrap();
    for (part, number) in [("train", 3), ("t10k", 2)] {
        let images =
            [&[0, 0, 8, 3, 0, 0, 0, number, 0, 0, 0, 28, 0, 0, 0, 28], &[9; 28 * 28 * 3][..784 * number as usize]];
        fs::write(kmnist.path().join(format!("{part}-images-idx3-ubyte")), images.concat()).unwrap();
        let labels = [&[0, 0, 8, 1, 0, 0, 0, number], &[5, 0, 1][..number as usize]].concat();
        fs::write(kmnist.path().join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
    assert_eq!(json(&[name, "--data", kmnist.path().to_str().unwrap()])["images"], 2);
    // The files of the test images are enough.
    for part in ["images-idx3", "labels-idx1"] {
        fs::remove_file(kmnist.path().join(format!("train-{part}-ubyte"))).unwrap();
    }
    assert_eq!(json(&[name, "--data", kmnist.path().to_str().unwrap()])["images"], 2);
    assert_eq!(json(&[name, "--split", "validation"])["data"], serde_json::json!({}));
    assert!(!run.path().join("evaluation.json").exists());

    // The run's own images in another place are its own.
    assert_eq!(json(&[name, "--data", "data/mnist"])["images"], 10_000);
    assert_eq!(
        fs::read(run.path().join("evaluation.json")).unwrap(),
        fs::read(smoke().run.join("evaluation.json")).unwrap()
    );

    fs::rename(folder.path().join("7"), folder.path().join("seven")).unwrap();
    let message = failure(program().args(["evaluate", name, "--device", DEVICE, "--data"]).arg(folder.path()));
    assert!(
        message.contains("has the sub-folders 2, seven, but 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 are expected"),
        "{message}"
    );
}

#[test]
fn evaluate_on_the_validation_split_gives_the_error_of_the_best_epoch() {
    let name = smoke().run.to_str().unwrap();
    let evaluation = json(&[name, "--split", "validation"]);
    let runs: serde_json::Value =
        serde_json::from_str(&stdout(program().args(["runs", "--json", "--runs"]).arg(smoke().run.parent().unwrap())))
            .unwrap();
    assert_eq!(evaluation["wrong"], runs[0]["validation_wrong"]);
}

#[test]
fn evaluate_of_a_run_without_validation_images_says_so() {
    let config = fs::read_to_string(smoke().run.join("config.toml")).unwrap();
    let line = config.lines().find(|line| line.starts_with("validation = ")).unwrap();
    let copy = with_file("config.toml", config.replace(line, "validation = 0").as_bytes());
    let message =
        failure(program().arg("evaluate").arg(copy.path()).args(["--device", DEVICE, "--split", "validation"]));
    assert!(message.contains("has no validation images: its data.validation is 0"), "{message}");
}

#[test]
fn evaluate_of_several_runs_is_a_table() {
    let name = smoke().run.to_str().unwrap();
    let table = stdout(program().args(["evaluate", name, name, "--device", DEVICE]));
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows.len() == 3 && rows[1] == rows[2] && rows[1].contains(" 10000 "), "{table}");
    let both = json(&[name, name]);
    assert_eq!((both[0]["run"].as_str(), &both[0]["wrong"]), (Some(name), &both[1]["wrong"]));
    let message = failure(program().args(["evaluate", name, name, "--predictions", "none.csv"]));
    assert!(message.contains("--predictions is for one run: name the runs one after the other"), "{message}");
}

#[test]
fn predictions_of_every_image_agree_with_the_evaluation_in_each_format() {
    let name = smoke().run.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |ending: &str| folder.path().join(format!("predictions.{ending}"));
    let write = |ending: &str, more: &[&str]| {
        let mut command = program();
        command.args(["evaluate", name, "--device", DEVICE, "--predictions"]).arg(file(ending)).args(more);
        command
    };
    for ending in ["csv", "jsonl", "npy"] {
        let (printed, notes) = success(&mut write(ending, &[]));
        assert_eq!(printed.trim(), file(ending).to_str().unwrap());
        assert!(notes.contains("accuracy ") && notes.contains(" of 10000 wrong"), "{notes}");
        assert!(failure(&mut write(ending, &[])).contains("replace it with --force"));
        stdout(&mut write(ending, &["--force"]));
    }
    let wrong = json(&[name])["wrong"].as_u64().unwrap() as usize;
    let csv = fs::read_to_string(file("csv")).unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0].join(" "), "index label prediction 0 1 2 3 4 5 6 7 8 9");
    assert_eq!(rows[1..].iter().filter(|row| row[1] != row[2]).count(), wrong);
    let sum: f64 = rows[10_000][3..].iter().map(|cell| cell.parse::<f64>().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-9 && rows[10_000][0] == "9999", "{:?}", rows[10_000]);

    let lines = fs::read_to_string(file("jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!((last["index"].as_u64(), last["label"].as_str()), (Some(9999), Some(rows[10_000][1])));
    let close = |one: f64, cell: &str| (one - cell.parse::<f64>().unwrap()).abs() < 1e-12;
    assert!(close(last["probabilities"][3].as_f64().unwrap(), rows[10_000][6]), "{last}");

    // A header that ends at a multiple of 64 bytes, then records of 3 integers and 10 floats.
    let npy = fs::read(file("npy")).unwrap();
    let start = 10 + usize::from(u16::from_le_bytes([npy[8], npy[9]]));
    assert_eq!((&npy[..8], start % 64, npy[start - 1]), (&b"\x93NUMPY\x01\x00"[..], 0, b'\n'));
    assert_eq!(npy.len(), start + 10_000 * (3 * 8 + 10 * 8));
    let cell = |number: usize| npy[npy.len() - 104 + 8 * number..][..8].try_into().unwrap();
    assert_eq!([0, 1].map(|number| i64::from_le_bytes(cell(number)).to_string()), [rows[10_000][0], rows[10_000][1]]);
    assert!(close(f64::from_le_bytes(cell(6)), rows[10_000][6]));

    let pictures = image_folder(&[0, 1], 2);
    stdout(write("csv", &["--force", "--data"]).arg(pictures.path()));
    let csv = fs::read_to_string(file("csv")).unwrap();
    assert!(csv.starts_with("file,label,prediction,0,1,") && csv.contains("\n0/00003.png,0,"), "{csv}");
}

#[test]
#[ignore = "needs Python with NumPy: python3 in PATH"]
fn numpy_reads_the_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.npy");
    stdout(program().arg("evaluate").arg(&smoke().run).args(["--device", DEVICE, "--predictions"]).arg(&file));
    let script = "import numpy, sys; a = numpy.load(sys.argv[1]); print(len(a), int((a['label'] != a['prediction']).sum()), \
                  a['probabilities'].shape, bool((a['probabilities'].argmax(1) == a['prediction']).all()))";
    let read = stdout(std::process::Command::new("python3").args(["-c", script]).arg(&file));
    let wrong = &json(&[smoke().run.to_str().unwrap()])["wrong"];
    assert_eq!(read.trim(), format!("10000 {wrong} (10000, 10) True"));
}

#[test]
fn validation_images_of_other_data_are_refused() {
    let other = with_file("record.json", &{
        let record = fs::read_to_string(smoke().run.join("record.json")).unwrap();
        record.replacen("\"t10k-images", "\"s10k-images", 1).into_bytes()
    });
    let mut command = program();
    command.arg("evaluate").arg(other.path()).args(["--device", DEVICE, "--split", "validation"]);
    let message = failure(&mut command);
    assert!(message.contains("so its validation images are not known"), "{message}");
}
