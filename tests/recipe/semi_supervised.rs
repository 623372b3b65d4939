//! Learning from unlabelled images, against independent computations.

use std::fs;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use burn::train::TrainStep;
use mnist_burn::config::{self, Augment, BatchSize, Experiment, Model, Training};
use mnist_burn::data::{Batch, BatchImages, Images, Scaling, Split, TrainingData, Unlabelled};
use mnist_burn::model::Mlp;
use mnist_burn::run::RunFolder;
use mnist_burn::training::{UnlabelledLoss, optimizer};

use super::optimizers::{CLASSES, INPUTS, loop_device, regression, sgd, start, train};
use super::{assert_close, copy, devices, filled, network, tensors, training_model, without_dropout};

fn options(weight: f64, threshold: f64) -> config::SemiSupervised {
    config::SemiSupervised {
        weight: Some(weight),
        threshold: Some(threshold),
        distribution_alignment: None,
        ratio: Some(2),
    }
}

fn matrix<const N: usize>(rows: &[[f64; N]], device: &Device) -> Tensor<2> {
    let values = rows.iter().flatten().map(|&value| value as f32).collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, [rows.len(), N]), device)
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let exponentials: Vec<f64> = logits.iter().map(|z| z.exp()).collect();
    exponentials.iter().map(|e| e / exponentials.iter().sum::<f64>()).collect()
}

#[test]
fn unlabelled_loss_is_the_cross_entropy_with_the_predictions_of_a_confident_teacher_over_all_images() {
    // The teacher's most probable classes have the probabilities 0.79, 0.36 and 0.91.
    let teacher = [[2.0, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 3.0]];
    let student = [[0.5, -1.0, 2.0], [0.3, 0.2, 0.1], [1.0, 0.0, -1.0]];
    let cross_entropy = |image: usize, class: usize| -softmax(&student[image])[class].ln();
    let expected = 0.5 * (cross_entropy(0, 0) + cross_entropy(2, 2)) / 3.0;
    for (name, device) in devices() {
        let loss = UnlabelledLoss::new(&options(0.5, 0.6)).unwrap();
        let loss = loss.of(matrix(&teacher, &device), matrix(&student, &device));
        assert_close(&[loss.into_scalar::<f32>()], &[expected as f32], 1e-6, &name);
    }
}

#[test]
fn aligned_predictions_are_divided_by_their_means_over_the_batch() {
    // Without alignment, the second class is never the most probable.
    let teacher = [[3.0, 1.0], [2.0, 1.5], [4.0, 0.0]];
    let student = [[0.5, -1.0], [0.3, 0.2], [1.0, 0.0]];
    let answers = teacher.map(|row| softmax(&row));
    let mean = [0, 1].map(|class| answers.iter().map(|row| row[class]).sum::<f64>() / 3.0);
    let aligned = answers.map(|row| {
        let shares: Vec<f64> = row.iter().zip(mean).map(|(p, mean)| p / mean).collect();
        [0, 1].map(|class| shares[class] / shares.iter().sum::<f64>())
    });
    assert!(aligned[1][1] > 0.7 && aligned[0][0] < 0.7 && aligned[2][0] > 0.9, "{aligned:?}");
    let cross_entropy = |image: usize, class: usize| -softmax(&student[image])[class].ln();
    let expected = (cross_entropy(1, 1) + cross_entropy(2, 0)) / 3.0;
    let options = config::SemiSupervised { distribution_alignment: Some(true), ..options(1.0, 0.7) };
    for (name, device) in devices() {
        let loss = UnlabelledLoss::new(&options).unwrap();
        let loss = loss.of(matrix(&teacher, &device), matrix(&student, &device));
        assert_close(&[loss.into_scalar::<f32>()], &[expected as f32], 1e-6, &name);
    }
}

#[test]
fn prediction_as_confident_as_the_threshold_counts() {
    let (_, device) = devices().pop().unwrap();
    let loss = |threshold| {
        let even = matrix(&[[0.0, 0.0]], &device);
        UnlabelledLoss::new(&options(1.0, threshold)).unwrap().of(even.clone(), even).into_scalar::<f32>()
    };
    assert_close(&[loss(0.5), loss(0.50001)], &[2.0_f32.ln(), 0.0], 1e-6, "loss");
}

const LABELLED: [[f64; INPUTS]; 2] = [[1.0, 0.0, 0.4], [0.2, 0.8, 0.2]];
const LABELS: [i32; 2] = [0, 1];
const PLAIN: [[f64; INPUTS]; 4] = [[0.9, 0.1, 0.3], [0.1, 0.9, 0.1], [0.5, 0.5, 0.5], [0.0, 0.2, 1.0]];
const AUGMENTED: [[f64; INPUTS]; 4] = [[0.7, 0.2, 0.5], [0.3, 0.6, 0.0], [0.6, 0.4, 0.1], [0.3, 0.0, 0.8]];

/// The probabilities of an image's classes, from the weights, `[classes, inputs]`, and then the biases.
fn answer(parameters: &[f64], image: &[f64; INPUTS]) -> Vec<f64> {
    let weights = parameters.chunks(INPUTS).take(CLASSES).zip(&parameters[CLASSES * INPUTS..]);
    softmax(
        &weights.map(|(row, bias)| row.iter().zip(image).map(|(w, x)| w * x).sum::<f64>() + bias).collect::<Vec<_>>(),
    )
}

/// The class with a probability of at least `threshold`.
fn confident_class(answer: &[f64], threshold: f64) -> Option<usize> {
    answer.iter().position(|&probability| probability >= threshold)
}

/// The gradient of the loss: of the labelled images, and of the unlabelled ones that `teacher` is sure of.
fn gradient(parameters: &[f64], teacher: &[f64], weight: f64, threshold: f64) -> Vec<f64> {
    let mut gradient = vec![0.0; parameters.len()];
    let mut add = |image: &[f64; INPUTS], class: usize, factor: f64| {
        for (c, probability) in answer(parameters, image).into_iter().enumerate() {
            let error = factor * (probability - f64::from(u8::from(c == class)));
            for i in 0..INPUTS {
                gradient[c * INPUTS + i] += error * image[i];
            }
            gradient[CLASSES * INPUTS + c] += error;
        }
    };
    LABELLED.iter().zip(LABELS).for_each(|(image, label)| add(image, label as usize, 1.0 / LABELLED.len() as f64));
    for (plain, augmented) in PLAIN.iter().zip(&AUGMENTED) {
        if let Some(class) = confident_class(&answer(teacher, plain), threshold) {
            add(augmented, class, weight / PLAIN.len() as f64);
        }
    }
    gradient
}

/// The images above as a batch.
fn batch(device: &Device) -> Batch {
    let unlabelled = Unlabelled {
        plain: BatchImages::Scaled(matrix(&PLAIN, device)),
        augmented: BatchImages::Scaled(matrix(&AUGMENTED, device)),
        loss_weight: 1.0,
    };
    Batch { unlabelled: Some(unlabelled), ..Batch::new(matrix(&LABELLED, device), LABELS.to_vec()) }
}

#[test]
fn update_follows_the_labels_and_the_averaged_networks_predictions_for_plain_images() {
    let (rate, decay, weight, threshold) = (2.0, 0.9, 0.7, 0.65);
    for (name, device) in devices() {
        let device = device.autodiff();
        let model = filled(network(&regression(), INPUTS, CLASSES, &device), &start());
        let experiment = Experiment {
            training: Training { ema_decay: Some(decay), ..Training::default() },
            semi_supervised: options(weight, threshold),
            ..Experiment::default()
        };
        // Late enough for the decay to be the configured one.
        let mut model = training_model(model, experiment, 1000);
        let mut optimizer = optimizer(&sgd(0.0, false));
        let mut parameters: Vec<f64> = start().into_iter().rev().flat_map(|(_, v)| v).map(f64::from).collect();
        let mut average = parameters.clone();
        let (mut disagreed, mut unsure) = (0, 0);
        for update in 0..8 {
            for image in &PLAIN {
                let [of_average, of_moment] =
                    [&average, &parameters].map(|teacher| confident_class(&answer(teacher, image), threshold));
                disagreed += usize::from(of_average != of_moment);
                unsure += usize::from(of_average.is_none());
            }
            let step = gradient(&parameters, &average, weight, threshold);
            parameters.iter_mut().zip(step).for_each(|(w, g)| *w -= rate * g);
            average.iter_mut().zip(&parameters).for_each(|(a, w)| *a = decay * *a + (1.0 - decay) * w);

            let output = TrainStep::step(&model, batch(&device));
            assert_eq!(output.item.images, LABELLED.len(), "the displayed loss is of the labelled images");
            model = model.optimize(&mut optimizer, rate.into(), output.grads);
            let found = tensors(model.valid().eval_model());
            let found = [&found["output.weight"][..], &found["output.bias"]].concat();
            let expected: Vec<f32> = average.iter().map(|&a| a as f32).collect();
            assert_close(&found, &expected, 1e-5, &format!("{name}, update {update}"));
        }
        assert!(disagreed > 0 && unsure > 0, "the comparison can fail: {disagreed}, {unsure}");
    }
}

#[test]
fn accumulated_batches_of_unequal_numbers_of_images_make_the_update_of_one_batch() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let model = filled(network(&regression(), INPUTS, CLASSES, &device), &start());
        let experiment = Experiment { semi_supervised: options(0.7, 0.3), ..Experiment::default() };
        let model = training_model(model, experiment, 0);
        let before = tensors(&model.valid().eval_model().clone());
        // The change that a batch alone makes.
        let change = |batch: Batch| -> Vec<f32> {
            let grads = TrainStep::step(&model, batch).grads;
            let model = model.clone().optimize(&mut optimizer(&sgd(0.0, false)), 1.0.into(), grads);
            let after = tensors(model.valid().eval_model());
            after["output.weight"].iter().zip(&before["output.weight"]).map(|(after, before)| after - before).collect()
        };
        let part = |images: std::ops::Range<usize>, label: usize| {
            let loss_weight = images.len() as f64 / PLAIN.len() as f64;
            let [plain, augmented] =
                [&PLAIN[images.clone()], &AUGMENTED[images]].map(|images| BatchImages::Scaled(matrix(images, &device)));
            let labelled = Batch::new(matrix(&LABELLED[label..=label], &device), vec![LABELS[label]]);
            Batch { unlabelled: Some(Unlabelled { plain, augmented, loss_weight }), loss_weight: 0.5, ..labelled }
        };
        let (whole, parts) = (change(batch(&device)), [change(part(0..3, 0)), change(part(3..4, 1))]);
        let sum: Vec<f32> = parts[0].iter().zip(&parts[1]).map(|(one, other)| one + other).collect();
        assert_close(&sum, &whole, 1e-6, &name);
    }
}

#[test]
fn batch_normalisation_sees_labelled_and_augmented_images_as_one_batch() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let model = network(&Model { batch_norm: true, ..without_dropout(vec![5]) }, INPUTS, CLASSES, &device);
        let weights = tensors(&model)["hidden.0.weight"].clone();
        let experiment = Experiment { semi_supervised: options(1.0, 0.5), ..Experiment::default() };
        let model = training_model(model, experiment, 0);
        TrainStep::step(&model, batch(&device));
        let all = [&LABELLED[..], &AUGMENTED].concat();
        let output =
            |unit: &[f32], image: &[f64; INPUTS]| unit.iter().zip(image).map(|(&w, x)| f64::from(w) * x).sum::<f64>();
        let mean = |unit| all.iter().map(|image| output(unit, image)).sum::<f64>() / all.len() as f64;
        // The running mean starts at 0 and takes a tenth of the batch's.
        let expected: Vec<f32> = weights.chunks(INPUTS).map(|unit| 0.1 * mean(unit) as f32).collect();
        assert_close(&tensors(model.valid().eval_model())["norm.0.running_mean"], &expected, 1e-6, &name);
    }
}

/// A network for images of four pixels and three classes, on the device of the training loop.
fn start_network() -> Mlp {
    let model = Model { batch_norm: true, ..without_dropout(vec![5]) };
    network(&model, 4, 3, &loop_device().device.autodiff())
}

/// Trains a copy of `model` for three epochs, with six labelled, 30 unlabelled and six validation images, and returns
/// the bytes of the last model. `change` first changes the pixels and the labels of the unlabelled images.
fn trained(model: &Mlp, weight: f64, change: impl Fn(&mut [u8], &mut [u8])) -> Vec<u8> {
    let mut pixels: Vec<u8> = (0..42 * 4).map(|i| (i * i * 37 % 251) as u8).collect();
    let mut labels: Vec<u8> = (0..42).map(|i| (i * 5 % 3) as u8).collect();
    change(&mut pixels[6 * 4..36 * 4], &mut labels[6..36]);
    let split = Split { training: (0..6).collect(), unlabelled: (6..36).collect(), validation: (36..42).collect() };
    let data = TrainingData { images: Images::new(pixels, labels, [2, 2], 3).into(), split, scaling: Scaling::UNIT };
    let augment = Augment { rotation: Some(10.0), ..Augment::default() };
    let experiment = Experiment {
        data: config::Data { augment, ..config::Data::default() },
        model: Model { batch_norm: true, ..without_dropout(vec![5]) },
        training: Training { epochs: 3, batch_size: BatchSize::Images(4), ema_decay: Some(0.9), ..Training::default() },
        semi_supervised: options(weight, 0.2),
        ..Experiment::default()
    };
    let runs = tempfile::tempdir().unwrap();
    let (run, trained) = train(&experiment, copy(model), &data, runs.path(), |_| {});
    for epoch in trained.unwrap().history.epochs() {
        // 30 unlabelled images make four batches of at most eight, each with four labelled images.
        let right = epoch.train_accuracy * 16.0;
        assert_eq!(right, right.round(), "of 16 images");
    }
    fs::read(run.path().join(RunFolder::LAST)).unwrap()
}

fn unchanged(_: &mut [u8], _: &mut [u8]) {}

#[test]
fn unlabelled_images_change_the_model_and_their_unused_labels_do_not() {
    let model = start_network();
    let expected = trained(&model, 1.0, unchanged);
    let relabel = |_: &mut [u8], labels: &mut [u8]| labels.iter_mut().for_each(|label| *label = (*label + 1) % 3);
    assert!(trained(&model, 1.0, relabel) == expected);
    assert!(trained(&model, 1.0, |pixels, _| pixels.reverse()) != expected);
}

#[test]
fn weight_of_zero_trains_as_long_on_the_labelled_images_alone() {
    let model = start_network();
    let expected = trained(&model, 0.0, unchanged);
    assert!(trained(&model, 0.0, |pixels, _| pixels.reverse()) == expected);
    assert!(trained(&model, 1.0, unchanged) != expected);
}
