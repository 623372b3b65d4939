//! Training options against independent computations: label smoothing, gradient accumulation, averaged weights.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::Device;
use burn::train::TrainStep;
use mnist_burn::config::{
    Activation, BatchSize, ClassWeights, Devices, Experiment, Gradients, Model, Optimizer, Schedule, ScheduleKind,
    Training,
};
use mnist_burn::data::{Images, Scaling, Split, TrainingData};
use mnist_burn::model::Mlp;
use mnist_burn::run::RunFolder;
use mnist_burn::training::{TrainingModel, class_weights, cross_entropy, optimizer};

use super::optimizers::{
    CLASSES, LABELS, by_formula, data, gradient, loop_device, probabilities, run_loop, sgd, start_values, train,
    weighted_gradient,
};
use super::{assert_close, batch, copy, devices, loaded, network, tensors, training_model, without_dropout};

/// The mean cross-entropy of the regression's four images with smoothed targets.
fn loss(parameters: &[f64], smoothing: f64) -> f64 {
    weighted_loss(parameters, smoothing, [1.0; CLASSES])
}

/// The same with the loss of each image times the weight of its class: Keras' sum over the batch, by its number of images.
fn weighted_loss(parameters: &[f64], smoothing: f64, weights: [f64; CLASSES]) -> f64 {
    let losses = probabilities(parameters).into_iter().zip(&LABELS).map(|(found, &label)| {
        let target = |c| (1.0 - smoothing) * f64::from(u8::from(c == label as usize)) + smoothing / CLASSES as f64;
        -weights[label as usize] * (0..CLASSES).map(|c| target(c) * found[c].ln()).sum::<f64>()
    });
    losses.sum::<f64>() / LABELS.len() as f64
}

fn wide(parameters: &[f32]) -> Vec<f64> {
    parameters.iter().map(|&p| p.into()).collect()
}

#[test]
fn label_smoothing_spreads_its_fraction_over_all_classes() {
    for (name, device) in devices() {
        let batch = batch(vec![0.5, -1.0, 2.0, 0.0, 3.0, 1.0], vec![2, 0], &device);
        let found: Vec<f32> = cross_entropy(batch.images(), batch.targets, 0.3).into_data().iter().collect();
        let expected = |logits: [f64; 3], targets: [f64; 3]| {
            let sum = logits.iter().map(|z| z.exp()).sum::<f64>().ln();
            -logits.iter().zip(targets).map(|(z, t)| t * (z - sum)).sum::<f64>() as f32
        };
        let expected = [expected([0.5, -1.0, 2.0], [0.1, 0.1, 0.8]), expected([0.0, 3.0, 1.0], [0.8, 0.1, 0.1])];
        assert_close(&found, &expected, 1e-6, &name);
    }
}

#[test]
fn label_smoothing_changes_the_weights_and_the_training_loss_but_not_the_validation_loss() {
    let smoothed = Training { epochs: 3, batch_size: BatchSize::All, label_smoothing: 0.4, ..Training::default() };
    let (epochs, trained) = run_loop(smoothed, 0.5, &data(vec![0, 1, 2, 3]));
    let mut parameters = start_values();
    for epoch in epochs {
        assert!((epoch.train_loss - loss(&parameters, 0.4)).abs() < 1e-6, "{epoch:?}");
        let step = gradient(&parameters, 0.4);
        parameters.iter_mut().zip(step).for_each(|(w, g)| *w -= 0.5 * g);
        assert!((epoch.validation_loss.unwrap() - loss(&parameters, 0.0)).abs() < 1e-6, "{epoch:?}");
    }
    assert_close(&trained, &parameters.iter().map(|&p| p as f32).collect::<Vec<_>>(), 1e-6, "weights");
}

#[test]
fn class_weights_multiply_the_loss_of_an_image_as_in_keras_but_not_the_validation_loss() {
    for (smoothing, gradients) in [(0.0, Gradients::Auto), (0.2, Gradients::Auto), (0.2, Gradients::Autodiff)] {
        let weights = [0.25, 3.0];
        let training = Training {
            epochs: 3,
            batch_size: BatchSize::All,
            label_smoothing: smoothing,
            class_weights: Some(ClassWeights::Each(weights.into())),
            gradients,
            ..Training::default()
        };
        let (epochs, trained) = run_loop(training, 0.5, &data(vec![0, 1, 2, 3]));
        let mut parameters = start_values();
        for epoch in epochs {
            assert!((epoch.train_loss - weighted_loss(&parameters, smoothing, weights)).abs() < 1e-6, "{epoch:?}");
            let step = weighted_gradient(&parameters, smoothing, weights);
            parameters.iter_mut().zip(step).for_each(|(w, g)| *w -= 0.5 * g);
            assert!((epoch.validation_loss.unwrap() - loss(&parameters, 0.0)).abs() < 1e-6, "{epoch:?}");
        }
        assert_close(&trained, &parameters.iter().map(|&p| p as f32).collect::<Vec<_>>(), 1e-6, "weights");
    }
}

#[test]
fn balanced_class_weights_equal_scikit_learns() {
    // sklearn.utils.class_weight.compute_class_weight("balanced", ...) of the labels 0, 0, 0, 0, 2, 3, 3: n / (k · n_c) for the k
    // classes with images. The eighth image is held out, and no image has the label 1.
    let images = Images::new(vec![0; 8], vec![0, 0, 2, 0, 3, 0, 3, 2], [1, 1], 4);
    let split = Split { training: (0..7).collect(), validation: vec![7], ..Split::default() };
    let data = TrainingData { images: images.into(), split, scaling: Scaling::UNIT };
    let mut experiment = Experiment::default();
    assert!(class_weights(&experiment, &data).unwrap().is_none());
    experiment.training.class_weights = Some(ClassWeights::Balanced);
    let found = class_weights(&experiment, &data).unwrap().unwrap();
    assert_close(&[found[0], found[2], found[3]], &[7.0 / 12.0, 7.0 / 3.0, 7.0 / 6.0], 1e-6, "weights");
    assert!(found[1].is_finite());
}

/// Eleven images of four pixels and three classes, trained for four epochs: the last weights and the training losses.
fn train_eleven(batch_size: BatchSize, gradient_accumulation: usize, devices: usize) -> (Vec<f32>, Vec<f64>) {
    train_eleven_with(batch_size, gradient_accumulation, devices, |_| {})
}

/// The same with another option.
fn train_eleven_with(
    batch_size: BatchSize,
    gradient_accumulation: usize,
    devices: usize,
    option: impl Fn(&mut Experiment),
) -> (Vec<f32>, Vec<f64>) {
    let pixels = (0..44).map(|i| (i * i * 37 % 251) as u8).collect();
    let images = Images::new(pixels, (0..11).map(|i| i * 5 % 3).collect(), [2, 2], 3);
    let data = TrainingData {
        images: images.into(),
        split: Split { training: (0..11).collect(), ..Split::default() },
        scaling: Scaling::UNIT,
    };
    let mut experiment = Experiment {
        model: without_dropout(vec![5]),
        training: Training { epochs: 4, batch_size, gradient_accumulation, ..Training::default() },
        optimizer: Optimizer { learning_rate: 0.5, ..sgd(0.9, true) },
        schedule: Schedule { kind: ScheduleKind::Cosine, ..Schedule::default() },
        device: Devices::List(vec!["auto".into(); devices]),
        ..Experiment::default()
    };
    option(&mut experiment);
    let device = loop_device();
    let runs = tempfile::tempdir().unwrap();
    let autodiff = device.device.clone().autodiff();
    let start = [0.3, -0.5, 0.2, 0.1, -0.4, 0.6, 0.7];
    let mut model = network(&experiment.model, 4, 3, &autodiff);
    let mut values = tensors(&model);
    for (_, values) in values.iter_mut() {
        values.iter_mut().enumerate().for_each(|(i, value)| *value = start[i % 7]);
    }
    model = super::filled(model, &values);
    let (run, trained) = train(&experiment, model, &data, runs.path(), |_| {});
    let history = trained.unwrap().history;
    let last = run.path().join(RunFolder::LAST);
    let trained = loaded(network(&experiment.model, 4, 3, &device.device), &last);
    let losses = history.epochs().iter().map(|epoch| epoch.train_loss).collect();
    (tensors(&trained).into_values().flatten().collect(), losses)
}

#[test]
fn gradient_accumulation_equals_one_large_batch_at_the_end_of_an_epoch_too() {
    // Updates of 6 and 5 images: of 2 + 2 + 2 and 2 + 2 + 1, of 3 + 3 and 3 + 2, and of 6 and 5.
    let (expected, losses) = train_eleven(BatchSize::Images(6), 1, 1);
    for (size, accumulation) in [(2, 3), (3, 2), (1, 6)] {
        let (found, found_losses) = train_eleven(BatchSize::Images(size), accumulation, 1);
        assert_close(&found, &expected, 1e-6, &format!("{accumulation} batches of {size}"));
        assert!(found_losses.iter().zip(&losses).all(|(a, b)| (a - b).abs() < 1e-6), "{found_losses:?} {losses:?}");
    }
    // An epoch that is shorter than an update is one.
    let (all, _) = train_eleven(BatchSize::All, 1, 1);
    assert_close(&train_eleven(BatchSize::Images(4), 9, 1).0, &all, 1e-6, "a short epoch");
    assert!(expected.iter().zip(&all).any(|(a, b)| (a - b).abs() > 1e-3), "the size of an update matters");
}

#[test]
fn several_devices_equal_one_device_with_a_larger_batch() {
    let (expected, losses) = train_eleven(BatchSize::Images(6), 1, 1);
    // Updates of 6 and 5 images again. In one case each of six devices has one image, and the last one has none at the
    // end.
    for (size, accumulation, devices) in [(2, 1, 3), (3, 1, 2), (1, 3, 2), (1, 1, 6)] {
        let (found, found_losses) = train_eleven(BatchSize::Images(size), accumulation, devices);
        let what = format!("{devices} devices, {accumulation} batches of {size}");
        assert_close(&found, &expected, 1e-5, &what);
        assert!(found_losses.iter().zip(&losses).all(|(a, b)| (a - b).abs() < 1e-5), "{what}: {found_losses:?}");
    }
}

#[test]
fn options_of_an_update_are_the_same_over_several_batches_and_devices() {
    let clipped = |it: &mut Experiment| it.optimizer.global_clip_norm = Some(0.05);
    let balanced = |it: &mut Experiment| it.training.class_weights = Some(ClassWeights::Balanced);
    let weighted = |it: &mut Experiment| it.training.class_weights = Some(ClassWeights::Each(vec![0.2, 1.0, 3.0]));
    for option in [clipped, balanced, weighted] {
        let (expected, losses) = train_eleven_with(BatchSize::Images(6), 1, 1, option);
        let (without, _) = train_eleven(BatchSize::Images(6), 1, 1);
        assert!(expected.iter().zip(&without).any(|(a, b)| (a - b).abs() > 1e-3), "the option matters");
        for (size, accumulation, devices) in [(2, 3, 1), (3, 1, 2), (1, 3, 2)] {
            let (found, found_losses) = train_eleven_with(BatchSize::Images(size), accumulation, devices, option);
            let what = format!("{devices} devices, {accumulation} batches of {size}");
            assert_close(&found, &expected, 1e-5, &what);
            assert!(found_losses.iter().zip(&losses).all(|(a, b)| (a - b).abs() < 1e-5), "{what}: {found_losses:?}");
        }
    }
}

#[test]
fn saved_model_is_the_moving_average_with_the_raw_metrics_beside_it() {
    let decay = 0.2;
    let training = Training { epochs: 6, batch_size: BatchSize::All, ema_decay: Some(decay), ..Training::default() };
    let (epochs, kept) = run_loop(training, 0.5, &data(vec![0, 1, 2, 3]));
    let mut average = start_values();
    for (t, epoch) in epochs.iter().enumerate() {
        let raw = by_formula(t + 1, |w, g, _| w.iter_mut().zip(g).for_each(|(w, g)| *w -= 0.5 * g));
        // 1/10, 2/11, then 3/12 would be more than 0.2.
        let d = ((1.0 + t as f64) / (10.0 + t as f64)).min(decay);
        average.iter_mut().zip(wide(&raw)).for_each(|(a, w)| *a = d * *a + (1.0 - d) * w);
        let (found, raw_found) = (epoch.validation_loss.unwrap(), epoch.raw_validation_loss.unwrap());
        assert!((found - loss(&average, 0.0)).abs() < 1e-6, "{epoch:?}");
        assert!((raw_found - loss(&wide(&raw), 0.0)).abs() < 1e-6, "{epoch:?}");
        let right = probabilities(&wide(&raw)).iter().zip(&LABELS).filter(|(p, l)| p[**l as usize] > 0.5).count();
        assert_eq!(epoch.raw_validation_accuracy, Some(right as f64 / 4.0));
    }
    assert_close(&kept, &average.iter().map(|&a| a as f32).collect::<Vec<_>>(), 1e-6, "the saved model");
}

#[test]
fn raw_metrics_need_a_moving_average() {
    let training = Training { epochs: 1, batch_size: BatchSize::All, ..Training::default() };
    let (epochs, _) = run_loop(training, 0.5, &data(vec![0, 1]));
    assert!(epochs[0].validation_loss.is_some());
    assert_eq!((epochs[0].raw_validation_loss, epochs[0].raw_validation_accuracy), (None, None));
}

fn normalized() -> Model {
    Model { batch_norm: true, ..without_dropout(vec![5]) }
}

/// `network` with a moving average of its weights, if there is a decay, after `updates` updates.
fn averaged(network: Mlp, ema_decay: Option<f64>, updates: usize) -> TrainingModel {
    let training = Training { ema_decay, ..Training::default() };
    training_model(network, Experiment { training, ..Experiment::default() }, updates)
}

/// `model` after each of `updates`.
fn steps(mut model: TrainingModel, updates: Range<usize>, device: &Device) -> Vec<TrainingModel> {
    let mut optimizer = optimizer(&sgd(0.0, false));
    let step = |number| {
        let images = (0..24).map(|i| ((i * 7 + number * 5) % 11) as f32 / 11.0).collect();
        let output = TrainStep::step(&model, batch(images, vec![0, 1, 2, 1, 0, 2], device));
        model = model.clone().optimize(&mut optimizer, 0.1.into(), output.grads);
        model.valid()
    };
    updates.map(step).collect()
}

#[test]
fn running_statistics_are_averaged_like_the_weights() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let model = network(&normalized(), 4, 3, &device);
        let start = |ema_decay| averaged(copy(&model), ema_decay, 0);
        let (raw, kept) = (steps(start(None), 0..4, &device), steps(start(Some(0.9)), 0..4, &device));
        let mut average = tensors(&model);
        for (t, (raw, kept)) in raw.iter().zip(&kept).enumerate() {
            let d = (1.0 + t as f32) / (10.0 + t as f32);
            let (raw, kept) = (tensors(raw.eval_model()), tensors(kept.eval_model()));
            assert_eq!(raw.len(), 8);
            for (tensor, raw) in raw {
                let average = average.get_mut(&tensor).unwrap();
                // Batch normalisation subtracts the bias before it, which has no gradient.
                assert!(t > 0 || &raw != average || tensor == "hidden.0.bias", "{tensor} changes");
                average.iter_mut().zip(raw).for_each(|(a, w)| *a = d * *a + (1.0 - d) * w);
                assert_close(&kept[&tensor], average, 1e-6, &format!("{name}, update {t}, {tensor}"));
            }
        }
    }
}

#[test]
fn batch_norm_momentum_is_the_part_of_the_batchs_mean_in_the_running_mean() {
    for (name, device) in devices() {
        let device = device.autodiff();
        for (activation, momentum) in [(Activation::Relu, 0.01), (Activation::Relu, 1.0), (Activation::Tanh, 0.5)] {
            let model = Model { activation, batch_norm_momentum: Some(momentum), ..normalized() };
            let start = network(&model, 4, 3, &device);
            let weights = tensors(&start)["hidden.0.weight"].clone();
            let after = steps(averaged(start, None, 0), 0..1, &device);
            // Biases and running means start at 0, and the mean of Wx is W times the mean of the six images.
            let mean = |input| (0..6).map(|row| ((row * 4 + input) * 7 % 11) as f32 / 11.0).sum::<f32>() / 6.0;
            let of_unit = |unit: &[f32]| unit.iter().zip(0..).map(|(weight, input)| weight * mean(input)).sum::<f32>();
            let expected: Vec<f32> = weights.chunks(4).map(|unit| momentum as f32 * of_unit(unit)).collect();
            let found = &tensors(after[0].eval_model())["norm.0.running_mean"];
            assert_close(found, &expected, 1e-6, &format!("{name}, {activation:?}, {momentum}"));
        }
    }
}

#[test]
fn moving_average_continues_from_its_record_and_the_number_of_the_next_update() {
    let (_, device) = devices().pop().unwrap();
    let device = device.autodiff();
    let start = network(&normalized(), 4, 3, &device);
    let new = || averaged(copy(&start), Some(0.9), 0);
    let another = |updates| averaged(network(&normalized(), 4, 3, &device), Some(0.9), updates);
    let kept = |models: Vec<TrainingModel>| tensors(models.last().unwrap().eval_model());

    let expected = kept(steps(new(), 0..6, &device));
    let record = || steps(new(), 0..3, &device).pop().unwrap().train().into_record();
    let resumed = another(3).try_load_record(record()).unwrap();
    assert_eq!(kept(steps(resumed, 3..6, &device)), expected);
    let forgetful = another(0).try_load_record(record()).unwrap();
    assert_ne!(kept(steps(forgetful, 3..6, &device)), expected);
}
