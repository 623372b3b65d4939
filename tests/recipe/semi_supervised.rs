//! What is learned from images without labels, against independent computations.

use std::fs;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use burn::train::TrainStep;
use mnist_burn::config::{self, Augment, BatchSize, Experiment, Model, Training};
use mnist_burn::data::{Batch, Images, Scaling, Split, TrainingData, Unlabelled};
use mnist_burn::model::Mlp;
use mnist_burn::run::RunFolder;
use mnist_burn::training::{UnlabelledLoss, optimizer};

use super::optimizers::{CLASSES, INPUTS, loop_device, regression, sgd, start, train};
use super::{assert_close, copy, devices, filled, network, tensors, training_model, without_dropout};

fn options(weight: f64, threshold: f64) -> config::SemiSupervised {
    config::SemiSupervised { weight: Some(weight), threshold: Some(threshold), ratio: Some(2) }
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
fn the_loss_is_the_cross_entropy_with_the_answers_of_a_sure_teacher_over_all_images() {
    // The teacher's surest classes have the probabilities 0.79, 0.36 and 0.91.
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
fn an_answer_as_sure_as_the_threshold_counts() {
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
const DISTORTED: [[f64; INPUTS]; 4] = [[0.7, 0.2, 0.5], [0.3, 0.6, 0.0], [0.6, 0.4, 0.1], [0.3, 0.0, 0.8]];

/// The probabilities of an image's classes, from the weights, `[classes, inputs]`, and then the biases.
fn answer(parameters: &[f64], image: &[f64; INPUTS]) -> Vec<f64> {
    let weights = parameters.chunks(INPUTS).take(CLASSES).zip(&parameters[CLASSES * INPUTS..]);
    softmax(
        &weights.map(|(row, bias)| row.iter().zip(image).map(|(w, x)| w * x).sum::<f64>() + bias).collect::<Vec<_>>(),
    )
}

/// The class that a probability of at least `threshold` speaks for.
fn sure_class(answer: &[f64], threshold: f64) -> Option<usize> {
    answer.iter().position(|&probability| probability >= threshold)
}

/// The gradient of the loss: of the labelled images, and of the unlabelled ones that `teacher` is sure of.
fn gradient(parameters: &[f64], teacher: &[f64], weight: f64, threshold: f64) -> Vec<f64> {
    let mut gradient = vec![0.0; parameters.len()];
    let mut add = |image: &[f64; INPUTS], class: usize, share: f64| {
        for (c, probability) in answer(parameters, image).into_iter().enumerate() {
            let error = share * (probability - f64::from(u8::from(c == class)));
            for i in 0..INPUTS {
                gradient[c * INPUTS + i] += error * image[i];
            }
            gradient[CLASSES * INPUTS + c] += error;
        }
    };
    LABELLED.iter().zip(LABELS).for_each(|(image, label)| add(image, label as usize, 1.0 / LABELLED.len() as f64));
    for (plain, distorted) in PLAIN.iter().zip(&DISTORTED) {
        if let Some(class) = sure_class(&answer(teacher, plain), threshold) {
            add(distorted, class, weight / PLAIN.len() as f64);
        }
    }
    gradient
}

/// The images above as a batch.
fn batch(device: &Device) -> Batch {
    let unlabelled = Unlabelled { plain: matrix(&PLAIN, device), augmented: matrix(&DISTORTED, device) };
    Batch { unlabelled: Some(unlabelled), ..Batch::new(matrix(&LABELLED, device), LABELS.to_vec()) }
}

#[test]
fn an_update_follows_the_labels_and_the_answers_of_the_averaged_weights_to_images_as_they_are() {
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
        let mut trainee = training_model(model, experiment, 1000);
        let mut optimizer = optimizer(&sgd(0.0, false));
        let mut parameters: Vec<f64> = start().into_iter().rev().flat_map(|(_, v)| v).map(f64::from).collect();
        let mut average = parameters.clone();
        let (mut disagreed, mut unsure) = (0, 0);
        for update in 0..8 {
            for image in &PLAIN {
                let [of_average, of_moment] =
                    [&average, &parameters].map(|teacher| sure_class(&answer(teacher, image), threshold));
                disagreed += usize::from(of_average != of_moment);
                unsure += usize::from(of_average.is_none());
            }
            let step = gradient(&parameters, &average, weight, threshold);
            parameters.iter_mut().zip(step).for_each(|(w, g)| *w -= rate * g);
            average.iter_mut().zip(&parameters).for_each(|(a, w)| *a = decay * *a + (1.0 - decay) * w);

            let output = TrainStep::step(&trainee, batch(&device));
            assert_eq!(output.item.loss.dims(), [LABELLED.len()], "the loss that is shown is of the labelled images");
            trainee = trainee.optimize(&mut optimizer, rate.into(), output.grads);
            let found = tensors(trainee.valid().eval_model());
            let found = [&found["output.weight"][..], &found["output.bias"]].concat();
            let expected: Vec<f32> = average.iter().map(|&a| a as f32).collect();
            assert_close(&found, &expected, 1e-5, &format!("{name}, update {update}"));
        }
        assert!(disagreed > 0 && unsure > 0, "the comparison can tell: {disagreed}, {unsure}");
    }
}

#[test]
fn batch_normalisation_sees_labelled_and_distorted_images_as_one_batch() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let model = network(&Model { batch_norm: true, ..without_dropout(vec![5]) }, INPUTS, CLASSES, &device);
        let weights = tensors(&model)["hidden.0.weight"].clone();
        let experiment = Experiment { semi_supervised: options(1.0, 0.5), ..Experiment::default() };
        let trainee = training_model(model, experiment, 0);
        TrainStep::step(&trainee, batch(&device));
        let all = [&LABELLED[..], &DISTORTED].concat();
        let output =
            |unit: &[f32], image: &[f64; INPUTS]| unit.iter().zip(image).map(|(&w, x)| f64::from(w) * x).sum::<f64>();
        let mean = |unit| all.iter().map(|image| output(unit, image)).sum::<f64>() / all.len() as f64;
        // A tenth of the batch's goes into the running one, which starts at zero.
        let expected: Vec<f32> = weights.chunks(INPUTS).map(|unit| 0.1 * mean(unit) as f32).collect();
        assert_close(&tensors(trainee.valid().eval_model())["norm.0.running_mean"], &expected, 1e-6, &name);
    }
}

/// A network for images of four pixels, of three classes, on the device that the loop is tried on.
fn start_network() -> Mlp {
    let model = Model { batch_norm: true, ..without_dropout(vec![5]) };
    network(&model, 4, 3, &loop_device().device.autodiff())
}

/// Trains a copy of `model` with six labelled images, 30 without labels and six held out, after `change` has had its way
/// with the pixels and the labels of those without; the bytes of the last model after three epochs.
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
        // 30 images without labels are four batches of eight or less, beside which four labelled ones stand.
        let right = epoch.train_accuracy * 16.0;
        assert_eq!(right, right.round(), "of 16 images");
    }
    fs::read(run.path().join(RunFolder::LAST)).unwrap()
}

fn leave(_: &mut [u8], _: &mut [u8]) {}

#[test]
fn labels_that_are_not_kept_change_no_bit_of_what_is_learned_and_the_images_do() {
    let model = start_network();
    let expected = trained(&model, 1.0, leave);
    let relabel = |_: &mut [u8], labels: &mut [u8]| labels.iter_mut().for_each(|label| *label = (*label + 1) % 3);
    assert!(trained(&model, 1.0, relabel) == expected);
    assert!(trained(&model, 1.0, |pixels, _| pixels.reverse()) != expected);
}

#[test]
fn with_a_weight_of_zero_the_labelled_images_are_learned_alone_for_as_long() {
    let model = start_network();
    let expected = trained(&model, 0.0, leave);
    assert!(trained(&model, 0.0, |pixels, _| pixels.reverse()) == expected);
    assert!(trained(&model, 1.0, leave) != expected);
}
