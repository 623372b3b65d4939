//! Options of a training, as a user sets them: they have an effect, and a resumed run ends with the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::reproduce::assert_same_results;
use super::stale::tiny;
use super::{failure, program, success};

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
    assert!(message.contains("training.class_weights has 3 numbers, but the images have 10 classes"), "{message}");
    assert!(message.contains("give one for each class"), "{message}");
}

#[test]
fn run_of_rmsprop_resumes_with_the_same_bytes() {
    for momentum in ["0.0", "0.9"] {
        let kind = format!("optimizer={{ kind = 'rmsprop', momentum = {momentum}, learning_rate = 1e-3 }}");
        Runs::new().assert_resumes(&[&kind]);
    }
}

#[test]
fn plateau_without_validation_images_is_refused() {
    let message = refusal(&["schedule.kind=plateau", "data.validation=0"]);
    assert!(message.contains("follows the loss of held-out images: needs data.validation greater than 0"), "{message}");
}
