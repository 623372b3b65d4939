//! The fused layer against Burn's operations, and its noise and dropout.

use burn::module::{Module, Param};
use burn::nn::{BatchNormConfig, DropoutConfig, GaussianNoiseConfig};
use burn::tensor::{Device, Tolerance};

use super::*;
use crate::device;

/// The CPU backends of this build, with autodiff.
pub(super) fn devices() -> Vec<Device> {
    let cpus = device::list().into_iter().filter(|listed| ["ndarray", "flex"].contains(&listed.backend));
    cpus.flat_map(|listed| listed.adapters).map(|adapter| adapter.device.autodiff()).collect()
}

/// Values of both signs, none of them 0.
pub(super) fn numbers(shape: [usize; 2], device: &Device) -> Tensor<2> {
    let numbers = (0..shape[0] * shape[1]).map(|i| (i * 37 % 101) as f32 / 25.0 - 2.01).collect::<Vec<_>>();
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

pub(super) fn layer(device: &Device) -> Linear {
    let bias = Tensor::<1>::from_floats([0.5, -0.25, 1.5], device);
    Linear { weight: Param::from_tensor(numbers([4, 3], device).mul_scalar(0.7)), bias: Some(Param::from_tensor(bias)) }
}

/// The fused layer with noise of this standard deviation and dropout of this probability, if the device has it.
pub(super) fn fused(
    x: &Tensor<2>,
    layer: &Linear,
    norm: Option<&BatchNorm>,
    [noise, dropout]: [f64; 2],
) -> Option<Tensor<2>> {
    let (noise, dropout) = (GaussianNoiseConfig::new(noise).init(), DropoutConfig::new(dropout).init());
    super::fused(x, layer, norm, Stochastic { noise: &noise, dropout: &dropout })
}

/// The fused layer without batch normalisation, which these backends have.
fn dense(x: &Tensor<2>, layer: &Linear, random: [f64; 2]) -> Tensor<2> {
    fused(x, layer, None, random).expect("a CPU backend with autodiff")
}

/// y and the gradients of x, of the weights and of the bias, where `dy` is the gradient of y.
fn pass(x: &Tensor<2>, layer: &Linear, dy: &Tensor<2>, forward: impl Fn(Tensor<2>) -> Tensor<2>) -> [TensorData; 4] {
    let x = x.clone().require_grad();
    let y = forward(x.clone());
    let gradients = (y.clone() * dy.clone()).sum().backward();
    let bias = layer.bias.as_ref().unwrap().val().grad(&gradients).unwrap();
    [
        y.into_data(),
        x.grad(&gradients).unwrap().into_data(),
        layer.weight.val().grad(&gradients).unwrap().into_data(),
        bias.into_data(),
    ]
}

#[test]
fn fused_layer_without_dropout_equals_burns_operations_with_its_gradients() {
    for device in devices() {
        let (x, dy, layer) = (numbers([5, 4], &device), numbers([5, 3], &device), layer(&device));
        let fused = pass(&x, &layer, &dy, |x| dense(&x, &layer, [0.0, 0.0]));
        let composed = pass(&x, &layer, &dy, |x| relu(layer.forward(x)));
        for (fused, composed) in fused.iter().zip(&composed) {
            fused.assert_approx_eq::<f32>(composed, Tolerance::absolute(1e-5));
        }
    }
}

/// y, `[1000, 3]`, and the bias' gradient, with weights of 0 and a dropout of 0.25.
fn dropped(device: &Device) -> (Vec<f32>, Vec<f32>) {
    let (x, dy) = (numbers([1000, 4], device), Tensor::ones([1000, 3], device));
    let layer = Linear { weight: Param::from_tensor(Tensor::zeros([4, 3], device)), ..layer(device) };
    let layer = Linear { bias: Some(Param::from_tensor(Tensor::from_floats([1.0, 2.0, 3.0], device))), ..layer };
    let [y, _, _, bias] = pass(&x, &layer, &dy, |x| dense(&x, &layer, [0.0, 0.25]));
    (y.iter().collect(), bias.iter().collect())
}

#[test]
fn dropout_drops_its_fraction_and_scales_the_rest_and_its_gradient() {
    for device in devices() {
        let (y, bias) = dropped(&device);
        let rest = y.iter().filter(|&&y| y != 0.0).count();
        // 2,250 is expected, with a standard deviation of 24.
        assert!((2130..=2370).contains(&rest), "{rest} of 3000");
        for unit in 0..3 {
            let values: Vec<f32> = y.iter().skip(unit).step_by(3).copied().filter(|&y| y != 0.0).collect();
            let scaled = (unit as f32 + 1.0) / 0.75;
            assert!(values.iter().all(|value| (value - scaled).abs() < 1e-6), "{values:?}");
            assert!((bias[unit] - values.len() as f32 / 0.75).abs() < 1e-2, "{bias:?}, {}", values.len());
        }
    }
}

#[test]
fn noise_has_its_standard_deviation_and_is_added_before_the_activation() {
    for device in devices() {
        let x = numbers([1000, 4], &device);
        // So high that ReLU cuts nothing off.
        let bias = Some(Param::from_tensor(Tensor::full([3], 100.0, &device)));
        let layer = Linear { bias, ..layer(&device) };
        let noise = (dense(&x, &layer, [0.5, 0.0]) - dense(&x, &layer, [0.0, 0.0])).into_data();
        let deviation = (noise.iter::<f32>().map(|v| v * v).sum::<f32>() / 3000.0).sqrt();
        // The standard deviation of this estimate is below 0.007.
        assert!((deviation - 0.5).abs() < 0.03, "{deviation}");
        let low = Some(Param::from_tensor(Tensor::full([3], -100.0, &device)));
        let cut = dense(&x, &Linear { bias: low, ..layer }, [0.5, 0.0]).into_data();
        assert!(cut.iter::<f32>().all(|y| y == 0.0));
    }
}

#[test]
fn unfused_noise_is_added_before_the_scale_of_batch_normalisation() {
    for device in devices() {
        let gamma = Param::from_tensor(Tensor::from_floats([1.0, 0.0, -4.0], &device));
        let norm = BatchNorm { gamma, ..BatchNormConfig::new(3).init(&device) };
        let z = numbers([1000, 3], &device);
        let noise = GaussianNoiseConfig::new(0.5).init();
        let noise = noisy(z.clone(), Some(&norm), &noise) - norm.forward(z);
        let deviations = (noise.powf_scalar(2.0).sum_dim(0) / 1000.0).sqrt().into_data();
        let [one, none, four] = deviations.iter::<f32>().collect::<Vec<_>>()[..] else { panic!("three units") };
        assert!((one - 0.5).abs() < 0.05 && none == 0.0 && (four - 2.0).abs() < 0.2, "{deviations:?}");
    }
}

#[test]
fn nan_passes_through_the_fused_layer() {
    for device in devices() {
        let x = Tensor::<2>::from_floats([[f32::NAN, 0.0, 0.0, 0.0]], &device);
        let y = dense(&x, &layer(&device), [0.0, 0.0]);
        assert!(y.into_data().iter::<f32>().all(f32::is_nan));
    }
}

#[test]
fn frozen_layer_has_no_gradients_and_passes_them_on() {
    for device in devices() {
        let (x, layer) = (numbers([5, 4], &device).require_grad(), layer(&device).freeze());
        let gradients = dense(&x, &layer, [0.0, 0.0]).sum().backward();
        assert!(layer.weight.val().grad(&gradients).is_none() && x.grad(&gradients).is_some());
    }
}
