//! `mnist-burn lr-find`: the learning-rate range test.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::{DEVICE, failure, program, stdout};

/// `lr-find` of a small network, with its page in a folder of its own.
fn lr_find(folder: &TempDir, arguments: &[&str]) -> String {
    let mut command = program();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/smoke.toml");
    command.arg("lr-find").arg("--config").arg(config).args(["--device", DEVICE, "--set", "model.hidden=[16]"]);
    stdout(command.args(arguments).current_dir(folder.path()).env("MNIST_BURN_DATA", DATA))
}

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");

#[test]
fn range_test_finds_rates_at_which_the_loss_falls() {
    let folder = tempfile::tempdir().unwrap();
    let json = lr_find(&folder, &["--from", "1e-5", "--to", "10", "--steps", "120", "--json"]);
    let found: Value = serde_json::from_str(&json).unwrap();
    let (steepest, lowest) = (found["steepest"].as_f64().unwrap(), found["lowest"].as_f64().unwrap());
    assert!(1e-5 < steepest && steepest < lowest && lowest < 10.0, "{steepest} {lowest}");
    let (rates, losses) = (found["rates"].as_array().unwrap(), found["losses"].as_array().unwrap());
    assert!(rates.len() == losses.len() && losses.len() == 120, "{}", losses.len());
    assert_eq!(rates[0], 1e-5);
    let least = losses.iter().map(|loss| loss.as_f64().unwrap()).fold(f64::MAX, f64::min);
    assert!(least < 0.8 * losses[0].as_f64().unwrap() && least < losses[119].as_f64().unwrap(), "{losses:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written");
}

#[test]
fn range_test_draws_its_curve_and_says_what_its_rates_are_for() {
    let folder = tempfile::tempdir().unwrap();
    let printed = lr_find(&folder, &["--steps", "40"]);
    assert!(printed.contains("the loss falls fastest at") && printed.contains("the peak of one-cycle"), "{printed}");
    let page = fs::read_to_string(folder.path().join("lr-find.html")).unwrap();
    assert!(page.contains("learning-rate range test") && page.contains("<polyline"), "{page}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is written");
}

#[test]
fn range_test_that_diverges_ends_with_the_losses_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let sgd = ["--set", "optimizer.kind=sgd", "--set", "model.hidden=[512,512,512]", "--set", "model.dropout=0"];
    let rates = ["--from", "1e-3", "--to", "1000", "--steps", "60", "--json"];
    let found: Value = serde_json::from_str(&lr_find(&folder, &[&sgd[..], &rates].concat())).unwrap();
    let losses = found["losses"].as_array().unwrap().len();
    assert!((10..60).contains(&losses) && found["lowest"].is_number(), "{losses}");
    let high = ["--from", "900", "--to", "1000", "--steps", "10"];
    assert!(lr_find(&folder, &[&sgd[..], &high].concat()).contains("the loss never falls: begin with a smaller rate"));
}

#[test]
fn range_test_trains_without_unlabelled_images_too() {
    let folder = tempfile::tempdir().unwrap();
    let labels = ["--set", "data.labels=1000", "--set", "semi_supervised.weight=0", "--set", "training.ema_decay=0.9"];
    let found = lr_find(&folder, &[&labels[..], &["--steps", "10", "--json"]].concat());
    assert_eq!(serde_json::from_str::<Value>(&found).unwrap()["losses"].as_array().unwrap().len(), 10);
}

#[test]
fn range_test_of_accumulated_gradients_has_a_loss_for_each_batch() {
    let folder = tempfile::tempdir().unwrap();
    let json = lr_find(&folder, &["--set", "training.gradient_accumulation=2", "--steps", "10", "--json"]);
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found["losses"].as_array().unwrap().len(), 20);
}

#[test]
fn range_test_of_a_private_training_is_refused() {
    let message = failure(program().args(["lr-find", "--config", "config/private.toml", "--output", "-"]));
    assert!(message.contains("look for a rate on public images"), "{message}");
}

#[test]
fn range_test_refuses_rates_that_are_none() {
    for rate in ["0", "-1", "nan", "1e9", "fast"] {
        let output = program().args(["lr-find", &format!("--from={rate}")]).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("it must be a number above 0, at most 1000"), "{message}");
    }
}
