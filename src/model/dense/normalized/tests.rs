//! The fused layer with batch normalisation against Burn's operations.

use burn::module::{Module, Param};
use burn::nn::BatchNormConfig;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tolerance};

use super::super::tests::{devices, fused, layer, numbers};
use super::*;

/// Batch normalisation with shifts raised by `lift`.
fn norm(device: &Device, lift: f32) -> BatchNorm {
    let norm = BatchNormConfig::new(3).init(device);
    let parameter = |numbers: [f32; 3]| Param::from_tensor(Tensor::from_floats(numbers, device));
    BatchNorm { gamma: parameter([0.5, 1.5, -1.0]), beta: parameter([0.25, -0.5, 0.1].map(|beta| beta + lift)), ..norm }
}

/// y, the gradients of x and of all parameters, where `dy` is the gradient of y, and the running statistics.
fn pass(device: &Device, lift: f32, forward: impl Fn(Tensor<2>, &Linear, &BatchNorm) -> Tensor<2>) -> [TensorData; 8] {
    let (x, dy) = (numbers([5, 4], device).require_grad(), numbers([5, 3], device));
    let (layer, norm) = (layer(device), norm(device, lift));
    let y = forward(x.clone(), &layer, &norm);
    let gradients = (y.clone() * dy).sum().backward();
    let of = |parameter: &Param<Tensor<1>>| parameter.val().grad(&gradients).unwrap().into_data();
    [
        y.into_data(),
        x.grad(&gradients).unwrap().into_data(),
        layer.weight.val().grad(&gradients).unwrap().into_data(),
        of(layer.bias.as_ref().unwrap()),
        of(&norm.gamma),
        of(&norm.beta),
        norm.running_mean.value_sync().into_data(),
        norm.running_var.value_sync().into_data(),
    ]
}

#[test]
fn layer_gradients_and_running_statistics_equal_those_of_burns_operations() {
    for device in devices() {
        let one = pass(&device, 0.0, |x, layer, norm| fused(&x, layer, Some(norm), [0.0, 0.0]).unwrap());
        let many = pass(&device, 0.0, |x, layer, norm| relu(norm.forward(layer.forward(x))));
        for (one, many) in one.iter().zip(&many) {
            one.assert_approx_eq::<f32>(many, Tolerance::absolute(1e-5));
        }
    }
}

#[test]
fn noise_is_added_before_scale_and_shift_and_counts_in_the_gradient_of_the_scale() {
    for device in devices() {
        // So high that ReLU cuts nothing off, and the noise can be computed from y.
        let pass = |forward: &dyn Fn(Tensor<2>, &Linear, &BatchNorm) -> Tensor<2>| pass(&device, 50.0, forward);
        let one = pass(&|x, layer, norm| fused(&x, layer, Some(norm), [0.5, 0.0]).unwrap());
        let plain = pass(&|x, layer, norm| fused(&x, layer, Some(norm), [0.0, 0.0]).unwrap());
        let [noisy, plain] = [&one, &plain].map(|pass| Tensor::<2>::from_data(pass[0].clone(), &device));
        let noise = (noisy - plain) / norm(&device, 50.0).gamma.val().detach().unsqueeze();
        let many =
            pass(&|x, layer, norm| relu(norm.forward(layer.forward(x)) + noise.clone() * norm.gamma.val().unsqueeze()));
        for (one, many) in one.iter().zip(&many) {
            one.assert_approx_eq::<f32>(many, Tolerance::absolute(1e-4));
        }
        // The expected mean of 15 values is 0.4, with a standard deviation of 0.08.
        let mean = noise.abs().mean().into_scalar::<f32>();
        assert!((0.1..0.8).contains(&mean), "{mean}");
    }
}

#[test]
fn dropout_drops_its_fraction_and_scales_the_rest() {
    for device in devices() {
        let (layer, norm) = (layer(&device), norm(&device, 0.0));
        let y = |rate| fused(&numbers([1000, 4], &device), &layer, Some(&norm), [0.0, rate]);
        let (whole, dropped) = (y(0.0).unwrap().into_data(), y(0.25).unwrap().into_data());
        let (whole, dropped) = (whole.as_slice::<f32>().unwrap(), dropped.as_slice::<f32>().unwrap());
        let positive = whole.iter().filter(|&&y| y > 0.0).count();
        let rest: Vec<(&f32, &f32)> = whole.iter().zip(dropped).filter(|&(_, &dropped)| dropped > 0.0).collect();
        assert!(rest.iter().all(|&(whole, dropped)| (whole / 0.75 - dropped).abs() < 1e-5));
        let fraction = rest.len() as f64 / positive as f64;
        // Its standard deviation is below 0.015.
        assert!(positive > 1000 && (fraction - 0.75).abs() < 0.06, "{} of {positive}", rest.len());
    }
}

#[test]
fn dropped_units_have_no_gradient_and_the_others_a_scaled_one() {
    for device in devices() {
        let (layer, norm) = (layer(&device), norm(&device, 0.0));
        let y = fused(&numbers([1000, 4], &device), &layer, Some(&norm), [0.0, 0.25]).unwrap();
        // With a gradient of 1 for each y, the shift's gradient counts the units that are left.
        let gradients = y.clone().sum().backward();
        let shift = norm.beta.val().grad(&gradients).unwrap().into_data();
        let left = y.inner().greater_elem(0.0).float().sum_dim(0).div_scalar(0.75).into_data();
        let shift = shift.iter::<f32>().collect::<Vec<_>>();
        let left = left.iter::<f32>().collect::<Vec<_>>();
        assert!(shift.iter().zip(&left).all(|(shift, left)| (shift - left).abs() < 1e-2), "{shift:?}, {left:?}");
    }
}

#[test]
fn frozen_normalisation_is_left_to_burn() {
    for device in devices() {
        let norm = norm(&device, 0.0).freeze();
        let y = fused(&numbers([5, 4], &device), &layer(&device), Some(&norm), [0.0, 0.0]);
        assert!(y.is_none());
    }
}
