//! `mnist-burn worker`: workers with clients on the same machine, over loopback.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::NamedTempFile;

use super::resume::DIVERGING;
use super::working::{TOKEN, Worker, client, stranger, train};
use super::{DEVICE, failure, stdout, success};

#[test]
fn worker_lists_its_devices_and_trains_like_this_machine() {
    for arguments in [&[][..], &["--websocket"]] {
        let worker = Worker::start(arguments);
        let listed = stdout(client().args(["devices", &worker.name]));
        assert_eq!(listed.trim(), format!("{} device 1 of 1", worker.name));

        let runs = tempfile::tempdir().unwrap();
        let (there, here) = (runs.path().join("there"), runs.path().join("here"));
        let (_, notes) = success(&mut train(&worker.name, 1, &there));
        assert!(notes.contains(&format!("device: {} (worker)", worker.name)), "{notes}");
        // Metrics are read in intervals, but the line of an epoch has all of them.
        assert!(notes.contains("  validation loss 0.") && !notes.contains("NaN"), "{notes}");
        success(&mut train(DEVICE, 1, &here));
        let accuracy = |run: &Path| {
            let evaluation: Value = serde_json::from_slice(&fs::read(run.join("evaluation.json")).unwrap()).unwrap();
            evaluation["accuracy"].as_f64().unwrap()
        };
        // Rounding differs because layers are not fused there.
        assert!((accuracy(&there) - accuracy(&here)).abs() < 0.02, "{} {}", accuracy(&there), accuracy(&here));
        for file in ["record.json", "config.toml", "metrics.csv"] {
            assert!(!fs::read_to_string(there.join(file)).unwrap().contains(TOKEN), "{file}");
        }
        let printed = worker.stderr_text();
        assert!(printed.contains("connected to device 0") && !printed.contains(TOKEN), "{printed}");
        assert!(!printed.contains("warning"), "{printed}");
    }
}

#[test]
fn token_may_be_in_a_file() {
    let file = NamedTempFile::new().unwrap();
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let worker = Worker::start(&[]);
    let mut command = stranger();
    // An empty variable counts as unset.
    command.env("MNIST_BURN_TOKEN", "").env("MNIST_BURN_TOKEN_FILE", file.path());
    success(command.args(["devices", &worker.name]));
}

#[test]
fn port_in_use_is_an_error_with_the_alternative() {
    for arguments in [&[][..], &["--websocket"]] {
        let worker = Worker::start(arguments);
        let port = worker.host().rsplit_once(':').unwrap().1;
        let message = failure(client().args(["worker", "--device", DEVICE, "--port", port]).args(arguments));
        assert!(message.contains("can't listen on 127.0.0.1") && message.contains("--port 0"), "{message}");
    }
}

#[test]
#[cfg(all(feature = "ndarray", feature = "flex"))]
fn worker_refuses_devices_of_two_backends() {
    let message = failure(client().args(["worker", "--port", "0", "--device", "ndarray,flex"]));
    assert!(message.contains("can't serve these devices: a server's devices must share one backend"), "{message}");
}

#[test]
fn worker_with_an_identity_file_keeps_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("identity");
    let name = || Worker::start(&["--identity", file.to_str().unwrap()]).name.clone();
    let id = |name: &str| name.split_once('@').unwrap().0.to_string();
    assert_eq!(id(&name()), id(&name()));
    fs::write(&file, "too short").unwrap();
    let message = failure(client().args(["worker", "--device", DEVICE, "--identity"]).arg(&file));
    assert!(message.contains("can't use the worker's identity file"), "{message}");
}

#[test]
fn devices_of_one_worker_share_each_update() {
    let worker = Worker::of(&format!("{DEVICE},{DEVICE}"), &[]);
    assert_eq!(worker.line.trim(), format!("device = [{:?}, {:?}]", worker.name, format!("{}/1", worker.name)));
    let runs = tempfile::tempdir().unwrap();
    let devices = format!("{0},{0}/1", worker.name);
    let (_, notes) = success(&mut train(&devices, 1, &runs.path().join("run")));
    assert!(notes.contains("one batch from each of the 2 devices"), "{notes}");
    worker.wait_for("connected to device 1");
}

#[test]
fn training_that_diverges_on_a_worker_is_noticed() {
    let worker = Worker::start(&["--websocket"]);
    let runs = tempfile::tempdir().unwrap();
    // Fewer batches than the interval in which losses are read.
    let mut command = train(&worker.name, 1, &runs.path().join("run"));
    for setting in DIVERGING.into_iter().chain(["training.batch_size=500"]) {
        command.args(["--set", setting]);
    }
    let message = failure(&mut command);
    assert!(message.contains("the training diverged in epoch 1"), "{message}");
}

#[test]
fn two_workers_share_each_update() {
    let workers = [Worker::start(&[]), Worker::start(&[])];
    let runs = tempfile::tempdir().unwrap();
    let devices = format!("{},{}", workers[0].name, workers[1].name);
    let (_, notes) = success(&mut train(&devices, 1, &runs.path().join("run")));
    assert!(notes.contains("one batch from each of the 2 devices"), "{notes}");
}

#[test]
#[ignore = "minutes: nine trainings, six of them through workers"]
fn two_workers_reach_the_validation_error_of_one_device_within_the_spread_over_seeds() {
    let workers = [Worker::start(&[]), Worker::start(&[])];
    let two = format!("{},{}", workers[0].name, workers[1].name);
    let runs = tempfile::tempdir().unwrap();
    // Ten thousand images; two batches of 32 make an update of 64.
    let error = |device: &str, batch: usize, seed: usize| {
        let run = runs.path().join(format!("{batch}-{seed}"));
        let mut command = client();
        command.args(["train", "--no-test", "--device", device, "--run"]).arg(&run);
        for setting in ["model.hidden=[256]", "data.fraction=0.2", "data.validation=10000", "training.epochs=3"] {
            command.args(["--set", setting]);
        }
        success(command.args(["--set", &format!("training.batch_size={batch}"), "--set", &format!("seed={seed}")]));
        let record: Value = serde_json::from_slice(&fs::read(run.join("record.json")).unwrap()).unwrap();
        assert_eq!(record["data"]["training_images"], 10_000);
        let metrics = fs::read_to_string(run.join("metrics.csv")).unwrap();
        let accuracy: f64 = metrics.lines().last().unwrap().split(',').nth(4).unwrap().parse().unwrap();
        100.0 * (1.0 - accuracy)
    };
    let mean = |errors: &[f64]| errors.iter().sum::<f64>() / errors.len() as f64;
    let one: Vec<f64> = (1..=3).map(|seed| error(DEVICE, 64, seed)).collect();
    let both: Vec<f64> = (1..=3).map(|seed| error(&two, 32, seed)).collect();
    let spread = one.iter().map(|error| (error - mean(&one)).powi(2)).sum::<f64>() / (one.len() - 1) as f64;
    println!("validation error of one device {one:.2?} %, of two workers {both:.2?} %");
    assert!((mean(&one) - mean(&both)).abs() <= 2.0 * spread.sqrt().max(0.05), "{one:?} {both:?}");
}
