//! Private steps against the gradients of single images by autodiff.

use burn::tensor::TensorData;

use super::*;
use crate::data::EpochPlan;
use crate::random::Key;
use crate::run::PrivacyRecord;
use crate::training::low_pass::LowPass;
use crate::training::privacy::PrivacyPlan;

/// The gradients of the loss of each single image of a batch by autodiff, in the order of the parameters.
fn of_single_images(case: &Case, network: &Mlp) -> Vec<Vec<f64>> {
    let device = Device::flex().autodiff();
    let model = case.model(&network.clone().fork(&device), Gradients::Autodiff);
    let batch = case.batch(3, false, &device);
    (0..IMAGES)
        .map(|image| {
            let (images, targets) = (batch.images().narrow(0, image, 1), batch.targets.clone().narrow(0, image, 1));
            let single = Batch { images: BatchImages::Scaled(images), targets, ..batch.clone() };
            let (_, gradients) = case.by_autodiff(&model, single);
            let all = by_name(&model.network, &gradients).into_iter().flat_map(|(_, gradient)| gradient.unwrap());
            all.map(f64::from).collect()
        })
        .collect()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// The options that a private training can have and that change its gradients.
fn private_cases() -> impl Iterator<Item = Case> {
    let names = ["ReLU", "sigmoid", "tanh", "GELU", "no hidden layer", "standardised pixels", "hardly any background"];
    cases().into_iter().filter(move |case| names.contains(&case.what) || case.what == "class weights")
}

#[test]
fn norms_of_single_images_are_those_of_their_gradients_by_autodiff() {
    assert_eq!(private_cases().count(), 8);
    for (device, case) in devices().into_iter().flat_map(|it| private_cases().map(move |case| (it.clone(), case))) {
        let network = case.network(&device);
        let expected: Vec<f64> = of_single_images(&case, &network).iter().map(|gradient| norm(gradient)).collect();
        for in_bytes in [false, true] {
            let batch = case.batch(3, in_bytes, &device);
            let (host, mut passes) = (HostNetwork::of(&network).unwrap(), Passes::default());
            passes.forward(&host, &[&batch.images], Some(3)).unwrap();
            for (logits, target) in passes.logits.chunks_exact_mut(CLASSES).zip(batch.targets.to_data().iter::<i64>()) {
                let weight = case.class_weights.as_ref().map_or(1.0, |weights| weights[target as usize]);
                softmax_loss(logits, target as usize, 0.0, weight);
            }
            for (found, expected) in passes.squared_norms(&host, None).iter().zip(&expected) {
                let error = (found.sqrt() - expected).abs() / expected;
                assert!(error < 1e-5, "{}, {device:?}, bytes: {in_bytes}: {found}, {expected}", case.what);
            }
        }
    }
}

#[test]
fn private_step_without_noise_has_the_sum_of_the_clipped_gradients_by_the_expected_number_of_images() {
    let cases =
        || private_cases().flat_map(|case| [None, Some(2), Some(5)].map(|frequencies| (case.clone(), frequencies)));
    for (device, (case, frequencies)) in
        devices().into_iter().flat_map(|it| cases().map(move |case| (it.clone(), case)))
    {
        let network = case.network(&device);
        let low_pass = frequencies.map(|frequencies| LowPass { frequencies, size: [6, 10] });
        let mut single = of_single_images(&case, &network);
        if let Some(filter) = low_pass {
            let units = network.layers().next().unwrap().weight.dims()[1];
            single.iter_mut().for_each(|gradient| filter_first(&filter, &mut gradient[..INPUTS * units], &device));
        }
        let norms: Vec<f64> = single.iter().map(|gradient| norm(gradient)).collect();
        let mut sorted = norms.clone();
        sorted.sort_by(f64::total_cmp);
        let clip = sorted[IMAGES / 2];
        assert!(norms.iter().any(|&norm| norm > 1.001 * clip) && norms.iter().any(|&norm| norm <= clip));
        let clipped = |index: usize| {
            let parts = single.iter().zip(&norms).map(|(gradient, norm)| gradient[index] * (clip / norm).min(1.0));
            parts.sum::<f64>()
        };
        for loss_weight in [1.0, 0.0] {
            let mut model = case.model(&network, Gradients::Auto);
            let key = Key::new().unwrap();
            let total =
                PrivacyRecord { epsilon: 1.0, delta: 1e-5, clip, noise_multiplier: 0.0, sampling_rate: 1.0, steps: 9 };
            model.mechanism = Some(GaussianMechanism {
                plan: PrivacyPlan { total, epoch: EpochPlan { batches: 9, batch_size: 5, ..EpochPlan::default() } },
                key,
                low_pass,
            });
            let output = TrainStep::step(&model, Batch { loss_weight, ..case.batch(3, true, &device) });
            let found = by_name(&model.network, &output.grads).into_iter().flat_map(|(_, gradient)| gradient.unwrap());
            for (index, found) in found.enumerate() {
                let expected = loss_weight * clipped(index) / 5.0;
                assert!((f64::from(found) - expected).abs() < 1e-5 * clip, "{}: {found}, {expected}", case.what);
            }
        }
    }
}

/// Filters the gradient of the first layer's weights, `[inputs, units]`.
fn filter_first(filter: &LowPass, gradient: &mut [f64], device: &Device) {
    let units = gradient.len() / INPUTS;
    let values: Vec<f32> = gradient.iter().map(|&value| value as f32).collect();
    let filtered = filter.filter(Tensor::from_data(TensorData::new(values, [INPUTS, units]), device)).into_data();
    gradient.iter_mut().zip(filtered.iter::<f64>()).for_each(|(value, filtered)| *value = filtered);
}
