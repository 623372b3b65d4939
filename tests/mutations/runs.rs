//! Run folders with a damaged record or config and an undamaged model.

use std::fs;

use mnist_burn::config::Experiment;
use mnist_burn::data::{ImageBatcher, Scaling};
use mnist_burn::device::{self, Opened};
use mnist_burn::evaluation::classify;
use mnist_burn::model::Mlp;
use mnist_burn::model::weights;
use mnist_burn::run::RunFolder;
use mnist_burn::run::{DataRecord, Record};
use rand::RngExt;
use serde_json::{Value, json};

use super::mutator::{damage, damage_json};
use super::{Case, DEVICE, alone, each, folder, shown};

/// Memory for the three files, the network, and the work of Burn and serde besides.
const JUSTIFIED: usize = 256 << 10;

const INPUTS: usize = 6;

#[test]
fn damaged_records_and_configs_are_used_or_refused() {
    check(5_000);
}

#[test]
fn network_too_large_for_memory_is_refused_before_it_is_created() {
    let _alone = alone();
    let folder = folder();
    let (run, device) = (RunFolder::at(folder.path()), device::open(DEVICE).unwrap());
    let (mut experiment, mut record) = sound();
    write_model(&run, &experiment, &mut record, &device);
    experiment.model.hidden = vec![65_536; 64];
    let message = run.model(&experiment, &record, &device).unwrap_err().to_string();
    assert!(message.contains("hidden.0.weight is [5, 6], not [65536, 6]"), "{message}");
    // Of 128 tensors of hidden layers and 2 of the output, its bias fits, and ten are named.
    assert!(message.ends_with(" and 119 more"), "{message}");
}

#[test]
fn record_with_an_impossible_image_size_or_number_of_classes_is_damaged() {
    let _alone = alone();
    let folder = folder();
    let run = RunFolder::at(folder.path());
    let refusal = |height: usize, width: usize, classes: usize| {
        let mut record = sound().1;
        record.data = DataRecord { height, width, classes, ..record.data };
        run.write_record(&record).unwrap();
        let error = run.record().unwrap_err();
        assert!(error.to_string().ends_with("record.json is damaged"), "{error}");
        std::error::Error::source(&error).unwrap().to_string()
    };
    for (height, width) in [(0, 28), (28, 0), (1 << 32, 1), (1 << 40, 1 << 40)] {
        assert_eq!(refusal(height, width, 10), "data.height and data.width are not the size of an image");
    }
    for classes in [0, 257, usize::MAX] {
        assert_eq!(refusal(28, 28, classes), "data.classes is not from 1 to 256");
    }
}

/// An experiment and the record of a run of it, on images of 2 by 3 pixels in four classes.
fn sound() -> (Experiment, Record) {
    let mut experiment = Experiment::default();
    experiment.model.hidden = vec![5];
    let data = json!({
        "height": 2, "width": 3, "classes": 4, "training_images": 9, "validation_images": 0,
        "scaling": { "mean": 0.0, "deviation": 1.0 }, "sha256": {}
    });
    let record = json!({
        "version": "0", "commit": null, "device": DEVICE, "adapter": "CPU", "seed": 1, "started": 0.0, "data": data,
        "parameters": 59, "models": {}, "training": null, "failure": null
    });
    (experiment.resolved(), serde_json::from_value(record).unwrap())
}

/// Writes a model of this experiment and records it.
fn write_model(run: &RunFolder, experiment: &Experiment, record: &mut Record, device: &Opened) {
    let network = Mlp::new(&experiment.model, &experiment.init, INPUTS, 4, Some(1), &device.device);
    let bytes = weights::to_bytes(&network).unwrap();
    run.write_models(&[(RunFolder::BEST, &bytes)], record).unwrap();
}

fn check(count: u64) {
    let folder = folder();
    let (run, device) = (RunFolder::at(folder.path()), device::open(DEVICE).unwrap());
    let (experiment, mut record) = sound();
    write_model(&run, &experiment, &mut record, &device);
    let (config, record) = (experiment.to_toml(), serde_json::to_value(&record).unwrap());
    each(count, |generator| {
        let (mut config, mut record) = (config.clone().into_bytes(), record.clone());
        // Mostly only the part that is used again.
        let json: &mut Value = if generator.random_ratio(3, 4) { &mut record["data"] } else { &mut record };
        damage_json(json, generator);
        let mut record = record.to_string().into_bytes();
        match generator.random_range(0..4) {
            0 => damage(&mut record, &config, generator),
            1 => damage(&mut config, &record, generator),
            _ => {}
        }
        fs::write(folder.path().join("config.toml"), config).unwrap();
        fs::write(folder.path().join("record.json"), record).unwrap();
        let (run, device) = (&run, &device);
        Case {
            justified: JUSTIFIED,
            paths: vec![shown(run.path())],
            read: move || {
                let record = run.record().map_err(|error| error.to_string())?;
                let experiment = run.experiment().map_err(|error| error.to_string())?;
                let (model, _) = run.model(&experiment, &record, device).map_err(|error| error.to_string())?;
                assert_eq!((record.data.inputs(), record.data.classes), (INPUTS, 4));
                let Scaling { mean, deviation } = record.data.scaling;
                assert!(!mean.is_nan() && !deviation.is_nan());
                let images =
                    ImageBatcher::new(record.data.scaling).images([[9; 6].as_slice()].into_iter(), &device.device);
                // A scaling that makes pixels NaN must not panic here.
                let _ = classify(&model, images);
                Ok(())
            },
        }
    });
}
