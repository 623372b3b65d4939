//! Run folders with damaged results: `metrics.csv` and `evaluation.json`, as lists, comparisons and reports read them.

use std::fs;

use mnist_burn::config::Experiment;
use mnist_burn::evaluation::Evaluation;
use mnist_burn::report::comparison;
use mnist_burn::run::{Epoch, EvaluationRecord, Record, RunFolder, Summary};
use serde_json::json;

use super::mutator::{damage, damage_json};
use super::{Case, each, folder, shown};

/// Memory for the files, and for two pages of a few epochs.
const JUSTIFIED: usize = 2 << 20;

#[test]
fn damaged_evaluations_are_used_or_refused_or_do_not_count() {
    check(2_000, |evaluation, _, generator| match rand::RngExt::random_range(generator, 0..2) {
        0 => damage(evaluation, b"{\"images\": 4, \"wrong\": 1}", generator),
        _ => {
            let mut json = serde_json::from_slice(evaluation).unwrap();
            damage_json(&mut json, generator);
            *evaluation = json.to_string().into_bytes();
        }
    });
}

#[test]
fn damaged_metrics_are_used_or_refused_and_make_no_rows() {
    check(2_000, |_, metrics, generator| {
        let donor = metrics.clone();
        damage(metrics, &donor, generator);
    });
}

/// A run of three epochs with an evaluation, in `run`.
fn write_sound(run: &RunFolder) {
    let model = "c0ffee".repeat(10) + "cafe";
    let record: Record = serde_json::from_value(json!({
        "version": "0", "commit": null, "device": "flex", "adapter": "CPU", "seed": 1, "started": 0.0,
        "data": {
            "height": 2, "width": 3, "classes": 2, "training_images": 9, "validation_images": 4,
            "scaling": { "mean": 0.0, "deviation": 1.0 }, "sha256": { "t10k": "f00d" }
        },
        "parameters": 59, "models": { "best.safetensors": [model] }, "training": null, "failure": null
    }))
    .unwrap();
    let epoch = |epoch: usize| Epoch {
        epoch,
        train_loss: 1.5,
        train_accuracy: 0.5,
        validation_loss: Some(1.25),
        validation_accuracy: Some(0.25),
        seconds: 2.0,
        ..Epoch::default()
    };
    let evaluation = Evaluation::new(vec![vec![2, 0], vec![1, 1]], &["0".into(), "1".into()], 0.75);
    run.write_config(&Experiment::default().resolved()).unwrap();
    run.write_record(&record).unwrap();
    run.write_metrics(&[1, 2, 3].map(epoch)).unwrap();
    run.write_evaluation(&EvaluationRecord { evaluation, model, data: record.data.sha256, int8_wrong: None }).unwrap();
}

fn check(count: u64, mut mutate: impl FnMut(&mut Vec<u8>, &mut Vec<u8>, &mut rand_chacha::ChaCha8Rng)) {
    let folder = folder();
    let [sound, damaged] = ["sound", "damaged"].map(|name| RunFolder::at(&folder.path().join(name)));
    for run in [&sound, &damaged] {
        fs::create_dir(run.path()).unwrap();
        write_sound(run);
    }
    let path = |name: &str| damaged.path().join(name);
    let [evaluation, metrics] = ["evaluation.json", "metrics.csv"].map(|name| fs::read(path(name)).unwrap());
    assert_eq!(Summary::read(&damaged).unwrap().test_error, Some(0.25));
    each(count, |generator| {
        let (mut evaluation, mut metrics) = (evaluation.clone(), metrics.clone());
        mutate(&mut evaluation, &mut metrics, generator);
        fs::write(path("evaluation.json"), evaluation).unwrap();
        fs::write(path("metrics.csv"), metrics).unwrap();
        let runs = [sound.clone(), damaged.clone()];
        Case {
            justified: JUSTIFIED,
            paths: ["evaluation.json", "metrics.csv"].map(|name| shown(&path(name))).into(),
            read: move || {
                let summary = Summary::read(&runs[1]).map_err(|error| error.to_string())?;
                let errors = [summary.validation_error, summary.test_error];
                assert!(errors.iter().flatten().all(|error| (0.0..=1.0).contains(error)), "{summary:?}");
                assert!(summary.seconds.is_finite() && summary.seconds >= 0.0, "{summary:?}");
                let page = comparison(&runs).map_err(|error| error.to_string())?;
                assert!(page.len() < 100_000, "{} bytes", page.len());
                Ok(())
            },
        }
    });
}
