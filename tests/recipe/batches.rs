//! The batches: their order, the partial last one, several devices; and the network's dropout and noise.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::data::dataloader::split::split_dataloader;
use burn::tensor::Device;
use mnist_burn::config::{Activation, Model};
use mnist_burn::data::{Batch, EpochPlan, Images, Loader, Scaling};
use mnist_burn::model::Mlp;

use super::{devices, filled, network};

fn device() -> Device {
    devices().pop().unwrap().1
}

/// A loader of 100 one-pixel images, each showing its own number.
fn loader(batch_size: usize) -> Loader {
    let images = Arc::new(Images::new((0..100).collect(), vec![0; 100], [1, 1], 1));
    Loader::new(&images, (0..100).collect(), Scaling { mean: 0.0, deviation: 1.0 / 255.0 }, batch_size, device())
}

fn with(mut loader: Loader, change: impl FnOnce(&mut Loader)) -> Loader {
    change(&mut loader);
    loader
}

/// The same images, in an order that depends on the seed.
fn shuffled(batch_size: usize, seed: u64) -> Loader {
    with(loader(batch_size), |it| it.shuffle = Some(seed))
}

/// Batches of 10 of the first 40 images, and of 15 of 50 others without their labels.
fn with_unlabelled() -> Loader {
    with(loader(10), |it| {
        it.plan = EpochPlan { unlabelled_per_batch: 15, unlabelled: 50, ..EpochPlan::one_pass(40, 10) };
        it.unlabelled = (50..100).collect();
    })
}

/// The next epoch's numbers, batch by batch.
fn epoch(loader: &dyn DataLoader<Batch>) -> Vec<Vec<usize>> {
    let numbers = |batch: Batch| batch.images().into_data().iter::<f32>().map(|n| n.round() as usize).collect();
    loader.iter().map(|batch| numbers(batch.unwrap())).collect()
}

fn sorted(epoch: &[Vec<usize>]) -> Vec<usize> {
    let mut all = epoch.concat();
    all.sort_unstable();
    all
}

#[test]
fn partial_last_batch_is_used() {
    assert_eq!(epoch(&loader(32)).iter().map(Vec::len).collect::<Vec<_>>(), [32, 32, 32, 4]);
}

#[test]
fn last_batch_is_larger_if_there_is_one_batch_fewer() {
    let loader = with(loader(33), |it| it.plan.batches = 3);
    assert_eq!(epoch(&loader).iter().map(Vec::len).collect::<Vec<_>>(), [33, 33, 34]);
    assert_eq!(sorted(&epoch(&loader)), (0..100).collect::<Vec<_>>());
    let weights = |loader: Loader| loader.iter().map(|batch| batch.unwrap().loss_weight).collect::<Vec<_>>();
    assert_eq!(weights(with(loader.clone(), |it| it.accumulation = 3)), [0.33, 0.33, 0.34]);
    assert_eq!(weights(with(loader, |it| it.accumulation = 2)), [0.5, 0.5, 1.0]);
}

#[test]
fn accumulated_batches_are_weighted_by_their_unlabelled_images_too() {
    let loader = with_unlabelled();
    let weights = |accumulation| -> Vec<(f64, f64)> {
        let weights = |batch: Batch| (batch.loss_weight, batch.unlabelled.unwrap().loss_weight);
        let loader = with(loader.clone(), |it| it.accumulation = accumulation);
        loader.iter().map(|batch| weights(batch.unwrap())).collect()
    };
    assert_eq!(weights(4), [(0.25, 0.3), (0.25, 0.3), (0.25, 0.3), (0.25, 0.1)]);
    let third = 1.0 / 3.0;
    assert_eq!(weights(3), [(third, third), (third, third), (third, third), (1.0, 1.0)]);
}

#[test]
fn loader_without_shuffling_has_the_data_sets_order() {
    assert_eq!(epoch(&loader(32)).concat(), (0..100).collect::<Vec<_>>());
}

#[test]
fn epochs_have_the_same_images_in_another_order() {
    let loader = shuffled(32, 1);
    let (first, second) = (epoch(&loader), epoch(&loader));
    assert_ne!(first, second);
    assert_eq!(sorted(&first), (0..100).collect::<Vec<_>>());
    assert_eq!(sorted(&second), sorted(&first));
}

#[test]
fn order_depends_on_the_seed_and_the_epoch_alone() {
    let (a, b, other) = (shuffled(32, 1), shuffled(16, 1), shuffled(32, 2));
    assert_eq!(epoch(&a).concat(), epoch(&b).concat());
    assert_eq!(epoch(&a).concat(), epoch(&b).concat());
    assert_ne!(epoch(&other).concat(), epoch(&shuffled(32, 1)).concat());
}

#[test]
fn batches_gathered_on_the_device_equal_those_sent_to_it() {
    // Not all images, in another order, with a number of pixels that is not a multiple of four.
    let pixels = (0..15_000u32).map(|i| (i * i % 256) as u8).collect();
    let images = Arc::new(Images::new(pixels, (0..1_000u32).map(|i| (i % 7) as u8).collect(), [3, 5], 7));
    let indices: Vec<usize> = (0..900).map(|i| (i * 7 + 3) % 1_000).collect();
    let scaling = Scaling { mean: 0.13, deviation: 0.3 };
    for (name, device) in devices() {
        let loader = || {
            let loader = Loader::new(&images, indices.clone(), scaling, 200, device.clone());
            with(loader, |it| it.shuffle = Some(1))
        };
        let sent = loader();
        let gathered = with(loader(), |it| (it.keep_on_device, it.threads) = (true, 2));
        for _ in 0..2 {
            let numbers = |loader: &Loader| -> Vec<_> {
                let numbers = |batch: Batch| {
                    let pixels: Vec<f32> = batch.images().into_data().iter().collect();
                    let labels: Vec<i32> = batch.targets.into_data().iter().collect();
                    (pixels, labels, batch.seed, batch.loss_weight)
                };
                loader.iter().map(|batch| numbers(batch.unwrap())).collect()
            };
            assert!(numbers(&gathered) == numbers(&sent), "{name}");
        }
    }
}

#[test]
fn epoch_longer_than_the_data_set_continues_in_the_next_epoch() {
    let lasting = |done: u64| {
        with(shuffled(50, 1), |it| (it.plan, it.epochs) = (EpochPlan::one_pass(250, 50), Arc::new(done.into())))
    };
    let (single, resumed, lasting) = (shuffled(50, 1), lasting(1), lasting(0));
    let passes: Vec<usize> = (0..5).flat_map(|_| epoch(&single).concat()).collect();
    assert_eq!([epoch(&lasting).concat(), epoch(&lasting).concat()].concat(), passes);
    assert_eq!(epoch(&resumed).concat(), passes[250..]);
}

#[test]
fn unlabelled_images_come_once_an_epoch_in_another_order_beside_the_labelled_ones() {
    let loader = with(with_unlabelled(), |it| it.shuffle = Some(1));
    assert_eq!(loader.num_items(), 90);
    let unlabelled = || -> Vec<Vec<usize>> {
        let numbers = |batch: Batch| {
            assert_eq!(batch.targets.dims(), [10]);
            batch
                .unlabelled
                .unwrap()
                .plain
                .scaled(&device())
                .into_data()
                .iter::<f32>()
                .map(|n| n.round() as usize)
                .collect()
        };
        loader.iter().map(|batch| numbers(batch.unwrap())).collect()
    };
    let (first, second) = (unlabelled(), unlabelled());
    assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [15, 15, 15, 5]);
    assert_eq!((sorted(&first), sorted(&second)), ((50..100).collect(), (50..100).collect()));
    assert_ne!(first, second);
}

#[test]
fn progress_of_an_epoch_is_complete_at_its_last_batch() {
    let loader = with_unlabelled();
    let mut batches = loader.iter();
    let mut done = vec![];
    while batches.next().is_some() {
        done.push(batches.progress().items_processed);
    }
    assert_eq!(done, [25, 50, 75, 90]);
}

#[test]
fn order_does_not_change_on_another_device() {
    let moved = shuffled(32, 1).to_device(&device());
    let stayed = shuffled(32, 1);
    assert_eq!(epoch(moved.as_ref()), epoch(&stayed));
    assert_eq!(epoch(moved.as_ref()), epoch(&stayed));
}

/// The loaders that Burn makes of one for three devices.
fn parts(loader: Loader) -> Vec<Arc<dyn DataLoader<Batch>>> {
    split_dataloader(Arc::new(with(loader, |it| it.devices = 3)), &[device(), device(), device()])
}

#[test]
fn devices_take_the_batches_of_every_epoch_in_turn() {
    let loader = || with(shuffled(8, 1), |it| it.epochs = Arc::new(2.into()));
    let (whole, parts) = (loader(), parts(loader()));
    for _ in 0..2 {
        let batches = epoch(&whole);
        for (index, part) in parts.iter().enumerate() {
            assert_eq!(epoch(part.as_ref()), batches.iter().skip(index).step_by(3).cloned().collect::<Vec<_>>());
        }
    }
}

#[test]
fn devices_beyond_the_number_of_batches_get_none() {
    let parts = parts(with(loader(1), |it| it.plan = EpochPlan::one_pass(2, 1)));
    assert_eq!(
        parts.iter().map(|part| epoch(part.as_ref())).collect::<Vec<_>>(),
        [vec![vec![0]], vec![vec![1]], vec![]]
    );
}

#[test]
fn batches_of_several_devices_are_weighted_by_their_images() {
    let weights =
        |part: &Arc<dyn DataLoader<Batch>>| part.iter().map(|batch| batch.unwrap().loss_weight).collect::<Vec<_>>();
    // Thirteen batches, the last one of 4 images: it is an update by itself.
    let parts_of = |accumulation| {
        let loader = with(loader(8), |it| it.accumulation = accumulation);
        parts(loader).iter().map(weights).collect::<Vec<_>>()
    };
    let third = 1.0 / 3.0;
    assert_eq!(parts_of(1), [vec![third, third, third, third, 1.0], vec![third; 4], vec![third; 4]]);
    let sixth = 1.0 / 6.0;
    assert_eq!(parts_of(2)[1], [sixth; 4]);
}

/// The numbers of an identity matrix.
fn identity(width: usize) -> Vec<f32> {
    (0..width * width).map(|i| f32::from(u8::from(i % width == i / width))).collect()
}

/// A network with a hidden layer of 100 units or without one, whose output is `σ(1 + weight · x)` or x: any difference
/// comes from noise or dropout.
fn passing(model: &Model, weight: f32, device: &Device) -> Mlp {
    let mut tensors =
        BTreeMap::from([("output.weight".to_string(), identity(100)), ("output.bias".to_string(), vec![0.0; 100])]);
    if !model.hidden.is_empty() {
        tensors.insert("hidden.0.weight".into(), identity(100).iter().map(|number| number * weight).collect());
        tensors.insert("hidden.0.bias".into(), vec![1.0; 100]);
    }
    filled(network(model, 100, 100, device), &tensors)
}

#[test]
fn dropout_zeroes_a_fifth_and_scales_the_rest_while_training_only() {
    for (name, device) in devices() {
        let output = |device: &Device| -> Vec<f32> {
            let images = burn::tensor::Tensor::<2>::zeros([500, 100], device);
            let model = Model { hidden: vec![100], dropout: 0.2, ..Model::default() };
            passing(&model, 1.0, device).forward(images).into_data().iter::<f32>().collect()
        };
        assert!(output(&device).iter().all(|&value| value == 1.0), "{name}: inference");
        let training = output(&device.clone().autodiff());
        assert!(training.iter().all(|&value| value == 0.0 || (value - 1.25).abs() < 1e-6), "{name}");
        // 50,000 draws: the fraction has a standard deviation of 0.0018.
        let zeroed = training.iter().filter(|&&value| value == 0.0).count() as f32 / training.len() as f32;
        assert!((zeroed - 0.2).abs() < 0.01, "{name}: {zeroed}");
    }
}

#[test]
fn noise_is_added_to_the_image_and_before_the_activation_while_training_only() {
    // A hidden layer with weights of 0 ignores the image's noise. The activation's slope at 1 scales the layer's own
    // noise.
    let tanh = 1.0 - 1_f32.tanh().powi(2);
    let places =
        [(vec![], Activation::Relu, 1.0), (vec![100], Activation::Relu, 1.0), (vec![100], Activation::Tanh, tanh)];
    for (name, device) in devices() {
        for (hidden, activation, slope) in places.clone() {
            let output = |noise: f64, device: &Device| -> Vec<f32> {
                let model = Model { hidden: hidden.clone(), activation, dropout: 0.0, noise, ..Model::default() };
                let images = burn::tensor::Tensor::<2>::zeros([500, 100], device);
                passing(&model, 0.0, device).forward(images).into_data().iter::<f32>().collect()
            };
            let plain = output(0.0, &device);
            let deviation = |noisy: &[f32]| {
                let squares = noisy.iter().zip(&plain).map(|(noisy, plain)| (noisy - plain).powi(2)).sum::<f32>();
                (squares / plain.len() as f32).sqrt()
            };
            assert!(deviation(&output(0.01, &device)) < 1e-6, "{name}: inference");
            // 50,000 draws estimate it to a third of a per cent.
            let found = deviation(&output(0.01, &device.clone().autodiff())) / (0.01 * slope);
            assert!((found - 1.0).abs() < 0.02, "{name} {hidden:?} {activation:?}: {found} times what is expected");
        }
    }
}
