//! Options of a training, as a user sets them: they have an effect, and a resumed run ends with the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::reproduce::assert_same_results;
use super::stale::tiny;
#[cfg(all(feature = "remote", unix))]
use super::working::{Worker, train};
use super::{DEVICE, failure, program, stdout, success};

/// The folders of two runs. They are removed with it.
struct Runs(TempDir);

impl Runs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Trains `name` for so many epochs with these `--set`.
    fn train(&self, name: &str, epochs: usize, sets: &[&str]) -> PathBuf {
        let run = self.0.path().join(name);
        let mut command = tiny(&run, epochs);
        command.args(["--set", "data.validation=500"]);
        sets.iter().for_each(|set| _ = command.args(["--set", set]));
        success(&mut command);
        run
    }

    /// Fails unless four epochs end with the same bytes as two and then two more.
    fn assert_resumes(&self, sets: &[&str]) {
        let (whole, parts) = (self.train("whole", 4, sets), self.train("parts", 2, sets));
        success(program().arg("resume").arg(&parts).args(["--set", "training.epochs=4"]));
        assert_same_results(&whole, &parts);
    }
}

fn model(run: &Path) -> Vec<u8> {
    fs::read(run.join("last.safetensors")).unwrap()
}

/// What a training with these `--set` is refused with.
fn refusal(sets: &[&str]) -> String {
    let runs = Runs::new();
    let mut command = tiny(&runs.0.path().join("run"), 1);
    sets.iter().for_each(|set| _ = command.args(["--set", set]));
    let message = failure(&mut command);
    assert!(!runs.0.path().join("run").exists(), "a refused training leaves no folder");
    message
}

#[test]
fn plateau_lowers_the_rate_when_the_validation_loss_stops_falling_and_resumes_with_the_same_bytes() {
    let runs = Runs::new();
    // No loss falls by 100: the rate is a tenth in each epoch from the third on.
    let plateau = ["schedule={ kind = 'plateau', patience = 1, min_delta = 100 }"];
    runs.assert_resumes(&plateau);
    let patient = runs.train("patient", 4, &["schedule={ kind = 'plateau', patience = 4, min_delta = 100 }"]);
    let constant = runs.train("constant", 4, &[]);
    assert!(model(&constant) == model(&patient), "four epochs of patience outlast the training");
    let whole = runs.0.path().join("whole");
    assert!(model(&whole) != model(&patient));
    let rows = |run: &Path| fs::read_to_string(run.join("metrics.csv")).unwrap();
    let losses = |run| rows(run).lines().map(|row| row.split(',').nth(1).unwrap().to_string()).collect::<Vec<_>>();
    let (falling, constant) = (losses(&whole), losses(&constant));
    assert_eq!(falling[..3], constant[..3], "the header and two epochs at the full rate");
    assert_ne!(falling[3], constant[3]);
}

#[test]
fn gradient_is_clipped_by_its_global_norm_and_the_run_resumes_with_the_same_bytes() {
    let runs = Runs::new();
    let clipped = ["optimizer={ kind = 'sgd', momentum = 0.9, global_clip_norm = 0.1 }"];
    runs.assert_resumes(&clipped);
    let loose = ["optimizer={ kind = 'sgd', momentum = 0.9, global_clip_norm = 1e9 }"];
    let free = ["optimizer={ kind = 'sgd', momentum = 0.9 }"];
    let (loose, free) = (runs.train("loose", 4, &loose), runs.train("free", 4, &free));
    assert!(model(&loose) == model(&free), "no gradient is so large");
    assert!(model(&runs.0.path().join("whole")) != model(&free));
}

#[test]
fn class_weights_change_the_training_and_the_run_resumes_with_the_same_bytes() {
    let runs = Runs::new();
    let weights = ["training.class_weights=[9, 1, 1, 1, 1, 1, 1, 1, 1, 0.1]"];
    runs.assert_resumes(&weights);
    let ones = ["training.class_weights=[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"];
    let (ones, free) = (runs.train("ones", 4, &ones), runs.train("free", 4, &[]));
    assert!(model(&ones) == model(&free));
    assert!(model(&runs.0.path().join("whole")) != model(&free));
    let balanced = runs.train("balanced", 4, &["training.class_weights=balanced"]);
    assert!(model(&balanced) != model(&free), "MNIST's classes differ a little in size");
}

#[test]
fn class_weights_of_another_number_than_the_classes_are_refused() {
    let message = refusal(&["training.class_weights=[1, 2, 3]"]);
    assert!(message.contains("training.class_weights has 3 numbers for 10 classes"), "{message}");
    assert!(message.contains("give one for each class"), "{message}");
}

#[test]
fn run_of_rmsprop_resumes_with_the_same_bytes() {
    for momentum in ["0.0", "0.9"] {
        let kind = format!("optimizer={{ kind = 'rmsprop', momentum = {momentum}, learning_rate = 1e-3 }}");
        Runs::new().assert_resumes(&[&kind]);
    }
}

/// All of these options.
const TOGETHER: [&str; 4] = [
    "optimizer={ kind = 'rmsprop', momentum = 0.5, global_clip_norm = 0.5 }",
    "schedule={ kind = 'plateau', patience = 1, min_delta = 100 }",
    "training.class_weights=balanced",
    "training.batch_size=64",
];

/// The training losses of a run.
fn losses(run: &Path) -> Vec<f64> {
    let rows = fs::read_to_string(run.join("metrics.csv")).unwrap();
    rows.lines().skip(1).map(|row| row.split(',').nth(1).unwrap().parse().unwrap()).collect()
}

fn assert_close(one: &Path, other: &Path) {
    let (one, other) = (losses(one), losses(other));
    assert!(one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-3), "{one:?} {other:?}");
}

#[test]
fn options_work_together_over_several_devices_and_accumulated_batches() {
    let runs = Runs::new();
    let one = runs.train("one", 3, &[&TOGETHER[..], &["model.dropout=0.0"]].concat());
    let parts = ["model.dropout=0.0", "training.batch_size=16", "training.gradient_accumulation=2"];
    let device = format!("device={DEVICE},{DEVICE}");
    let several = runs.0.path().join("several");
    let mut command = program();
    command.args([
        "train",
        "--config",
        "config/smoke.toml",
        "--set",
        "data.fraction=0.02",
        "--set",
        "data.validation=500",
    ]);
    command.args(["--set", "training.epochs=3", "--set", &device]).arg("--run").arg(&several);
    TOGETHER.iter().chain(&parts).for_each(|set| _ = command.args(["--set", set]));
    success(&mut command);
    assert_close(&one, &several);
}

#[test]
#[cfg(all(feature = "remote", unix))]
fn options_work_together_on_a_workers_device() {
    let worker = Worker::start(&[]);
    let runs = tempfile::tempdir().unwrap();
    let run = |name: &str, device: &str| {
        let run = runs.path().join(name);
        let mut command = train(device, 3, &run);
        let more = ["data.fraction=0.02", "model.dropout=0.0"];
        TOGETHER.iter().chain(&more).for_each(|set| _ = command.args(["--set", set]));
        success(&mut command);
        run
    };
    assert_close(&run("there", &worker.name), &run("here", DEVICE));
}

#[test]
fn frozen_layer_stays_with_these_options_and_the_others_learn() {
    let runs = Runs::new();
    let source = runs.train("source", 1, &[]);
    let from = format!("init={{ from = '{}', freeze = ['hidden.0'], unfreeze_after = 2 }}", source.display());
    runs.assert_resumes(&[&TOGETHER[..], &[&from]].concat());
}

#[test]
fn private_training_takes_given_class_weights_and_clips_the_noisy_gradient() {
    let runs = Runs::new();
    let privacy = ["privacy.noise_multiplier=1", "data.fraction=1", "data.validation=0", "training.batch_size=2000"];
    let options = ["training.class_weights=[1, 2, 1, 1, 1, 1, 1, 1, 1, 1]", "optimizer.global_clip_norm=0.1"];
    runs.train("private", 1, &[&privacy[..], &options].concat());
    let message = refusal(&[&privacy[..], &["training.class_weights=balanced"]].concat());
    assert!(message.contains("breaks the guarantee of [privacy]: the numbers of images of the classes"), "{message}");
}

#[test]
fn sweep_varies_these_keys() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("options.toml");
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/smoke.toml");
    let keys = "'schedule.kind' = ['plateau', 'constant']\n'training.class_weights' = ['balanced', [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]]\n\
                'optimizer.global_clip_norm' = [0.1, 1.0]";
    fs::write(&file, format!("base = '{}'\nseeds = [1]\n[grid]\n{keys}\n", base.display())).unwrap();
    let listed = stdout(program().args(["sweep", "--list"]).arg(&file).arg("--runs").arg(folder.path()));
    assert_eq!(listed.lines().count(), 8, "{listed}");
}

#[test]
fn plateau_without_validation_images_is_refused() {
    let message = refusal(&["schedule.kind=plateau", "data.validation=0"]);
    assert!(message.contains("follows the loss of held-out images: needs data.validation greater than 0"), "{message}");
}
