//! A hidden layer with batch normalisation in training on the CPU, `y = dropout(relu(norm(xW + b)))`, as one operation.
//!
//! Over the n images of a batch, for each unit, with batch normalisation's ε, γ and β, and p and m as in [`super`]:
//!
//! ```text
//! z  = xW      μ = Σ z / n      σ² = Σ (z - μ)² / n      r = 1/√(σ² + ε)
//! y  = m · max(γ·r·(z - μ) + β, 0)
//! da = dy · [y > 0]/(1 - p)      dβ = Σ da      dγ = r · Σ da·(z - μ)      db = 0
//! dz = γ·r · (da - dβ/n - dγ·r·(z - μ)/n)      dW = xᵀ dz      dx = dz Wᵀ
//! ```
//!
//! Ioffe and Szegedy 2015, <https://arxiv.org/abs/1502.03167>. The layer's bias moves z and its mean alike: it counts in the
//! running mean alone.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, DispatchKindConversion, DispatchTensor};
use burn::module::RunningState;
use burn::nn::{BatchNorm, Dropout, Linear};
use burn::tensor::{Tensor, TensorData};
use macerator::AutoArch;

use super::mask::Mask;
use super::{primitive, product_backward};
use crate::numbers::{Numbers, numbers_mut};

/// `dropout(relu(norm(layer(x))))`, if everything is on backend `B` with autodiff and `norm` is not frozen.
pub(super) fn forward_on<B: Backend>(
    x: &Tensor<2>,
    layer: &Linear,
    norm: &BatchNorm,
    dropout: &Dropout,
) -> Option<Tensor<2>>
where
    DispatchTensor: DispatchKindConversion<B> + DispatchKindConversion<Autodiff<B>>,
{
    if !norm.training.is_enabled() {
        return None;
    }
    let autodiff = x.device();
    let bias = layer.bias.as_ref()?.val();
    let (x, x_node) = x.clone().try_into_primitive::<Autodiff<B>>().ok()?.into_parts();
    let (weight, weight_node) = layer.weight.val().try_into_primitive::<Autodiff<B>>().ok()?.into_parts();
    let (_, bias_node) = bias.clone().try_into_primitive::<Autodiff<B>>().ok()?.into_parts();
    let (gamma, gamma_node) = norm.gamma.val().try_into_primitive::<Autodiff<B>>().ok()?.into_parts();
    let (beta, beta_node) = norm.beta.val().try_into_primitive::<Autodiff<B>>().ok()?.into_parts();

    let product = B::float_matmul(x.clone(), weight.clone());
    let z = Tensor::<2>::from_primitive::<B>(product.clone());
    let (device, [images, units]) = (z.device(), z.dims());
    let z = Numbers::of(&z)?;
    let gamma = Numbers::of(&Tensor::<1>::from_primitive::<B>(gamma))?;
    let beta = Numbers::of(&Tensor::<1>::from_primitive::<B>(beta))?;
    let mask = Mask::drawn(dropout, images * units, &autodiff);
    let mut y = vec![0.0; images * units];
    let statistics = AutoArch::new().dispatch(|| {
        let statistics = Statistics::of(z.as_slice(), gamma.as_slice(), norm.epsilon as f32);
        activate(z.as_slice(), &mut y, &statistics, beta.as_slice(), &mask);
        statistics
    });
    let y = primitive::<B, 2>(TensorData::new(y, [images, units]), &device);

    let of_batch = |numbers: &[f32]| Tensor::<1>::from_floats(numbers, &autodiff);
    follow(&norm.running_mean, of_batch(&statistics.mean) + bias.detach(), norm.momentum);
    follow(&norm.running_var, of_batch(&statistics.variance), norm.momentum);

    let nodes = [x_node, weight_node, bias_node, gamma_node, beta_node];
    let output = match Normalized.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            prepared.finish(Remembered { x, weight, z: product, y: y.clone(), statistics, kept: mask.kept }, y)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(y),
    };
    Some(Tensor::from_primitive::<Autodiff<B>>(output))
}

/// Moves a running statistic towards a batch's, as Burn's own [`BatchNorm`] does.
fn follow(running: &RunningState<Tensor<1>>, batch: Tensor<1>, momentum: f64) {
    let value = running.value_sync().to_device(&batch.device());
    running.update((value * (1.0 - momentum) + batch * momentum).detach());
}

/// What a batch's normalisation does to each unit.
#[derive(Debug, Clone)]
struct Statistics {
    /// μ.
    mean: Vec<f32>,
    /// σ².
    variance: Vec<f32>,
    /// r, one divided by the standard deviation.
    inverse: Vec<f32>,
    /// γ·r.
    scale: Vec<f32>,
}

impl Statistics {
    /// Those of z, `[images, units]` row by row.
    #[inline(always)]
    fn of(z: &[f32], gamma: &[f32], epsilon: f32) -> Self {
        let units = gamma.len();
        let images = (z.len() / units) as f32;
        let (mut mean, mut variance) = (vec![0.0; units], vec![0.0; units]);
        for z in z.chunks_exact(units) {
            mean.iter_mut().zip(z).for_each(|(mean, z)| *mean += z);
        }
        mean.iter_mut().for_each(|mean| *mean /= images);
        for z in z.chunks_exact(units) {
            for ((variance, z), mean) in variance.iter_mut().zip(z).zip(&mean) {
                *variance += (z - mean) * (z - mean);
            }
        }
        variance.iter_mut().for_each(|variance| *variance /= images);
        let inverse: Vec<f32> = variance.iter().map(|variance| 1.0 / (variance + epsilon).sqrt()).collect();
        let scale = gamma.iter().zip(&inverse).map(|(gamma, inverse)| gamma * inverse).collect();
        Self { mean, variance, inverse, scale }
    }
}

/// Puts `m · max(scale·(z - mean) + shift, 0)` into y.
#[inline(always)]
fn activate(z: &[f32], y: &mut [f32], Statistics { mean, scale, .. }: &Statistics, shift: &[f32], mask: &Mask) {
    let units = mean.len();
    for (image, (z, y)) in z.chunks_exact(units).zip(y.chunks_exact_mut(units)).enumerate() {
        for ((((y, z), mean), scale), shift) in y.iter_mut().zip(z).zip(mean).zip(scale).zip(shift) {
            *y = (z - mean) * scale + shift;
        }
        mask.rectify(y, image);
    }
}

#[derive(Debug)]
struct Normalized;

/// What the backward pass needs of the forward pass.
#[derive(Debug, Clone)]
struct Remembered<T> {
    x: T,
    weight: T,
    z: T,
    y: T,
    statistics: Statistics,
    /// What is not dropped was multiplied by this.
    kept: f32,
}

impl<B: Backend> Backward<B, 5> for Normalized
where
    DispatchTensor: DispatchKindConversion<B>,
{
    type State = Remembered<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 5>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, weight_node, bias_node, gamma_node, beta_node] = ops.parents;
        let Remembered { x, weight, z, y, statistics, kept } = ops.state;
        let dy = Tensor::<2>::from_primitive::<B>(gradients.consume::<B>(&ops.node));
        let on_cpu = |tensor| Numbers::of(&Tensor::<2>::from_primitive::<B>(tensor)).expect("it is on the CPU");
        let (y, z) = (on_cpu(y), on_cpu(z));
        let (device, [_, units], mut dz) = (dy.device(), dy.dims(), dy.into_data());
        let (mut dgamma, mut dbeta) = (vec![0.0; units], vec![0.0; units]);
        AutoArch::new().dispatch(|| {
            let dz = numbers_mut(&mut dz);
            derive(dz, y.as_slice(), z.as_slice(), &statistics.mean, kept, [&mut dgamma, &mut dbeta]);
            dgamma.iter_mut().zip(&statistics.inverse).for_each(|(dgamma, inverse)| *dgamma *= inverse);
            center(dz, z.as_slice(), &statistics, [&dgamma, &dbeta]);
        });
        let nodes = [x_node, weight_node].map(|node| node.map(|node| node.id));
        product_backward::<B>(gradients, nodes, x, weight, primitive::<B, 2>(dz, &device));
        for (node, gradient) in [(bias_node, vec![0.0; units]), (gamma_node, dgamma), (beta_node, dbeta)] {
            if let Some(node) = node {
                gradients.register::<B>(node.id, primitive::<B, 1>(TensorData::new(gradient, [units]), &device));
            }
        }
    }
}

/// Puts da where dy is, and adds up `da·(z - mean)` and da.
#[inline(always)]
fn derive(dy: &mut [f32], y: &[f32], z: &[f32], mean: &[f32], kept: f32, [products, sums]: [&mut [f32]; 2]) {
    let units = mean.len();
    for ((dy, y), z) in dy.chunks_exact_mut(units).zip(y.chunks_exact(units)).zip(z.chunks_exact(units)) {
        let sums = products.iter_mut().zip(sums.iter_mut());
        for ((((dy, y), z), mean), (product, sum)) in dy.iter_mut().zip(y).zip(z).zip(mean).zip(sums) {
            *dy = if *y > 0.0 { *dy * kept } else { 0.0 };
            *product += *dy * (z - mean);
            *sum += *dy;
        }
    }
}

/// Puts dz where da is.
#[inline(always)]
fn center(da: &mut [f32], z: &[f32], statistics: &Statistics, [dgamma, dbeta]: [&[f32]; 2]) {
    let Statistics { mean, inverse, scale, .. } = statistics;
    let units = mean.len();
    let images = (da.len() / units) as f32;
    let slope: Vec<f32> = dgamma.iter().zip(inverse).map(|(dgamma, inverse)| dgamma * inverse / images).collect();
    let mean_gradient: Vec<f32> = dbeta.iter().map(|dbeta| dbeta / images).collect();
    for (da, z) in da.chunks_exact_mut(units).zip(z.chunks_exact(units)) {
        let of_unit = mean.iter().zip(scale).zip(slope.iter().zip(&mean_gradient));
        for ((da, z), ((mean, scale), (slope, mean_gradient))) in da.iter_mut().zip(z).zip(of_unit) {
            *da = scale * (*da - mean_gradient - slope * (z - mean));
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::module::{Module, Param};
    use burn::nn::{BatchNormConfig, DropoutConfig};
    use burn::tensor::activation::relu;
    use burn::tensor::{Device, Tolerance};

    use super::super::tests::{devices, layer, numbers};
    use super::*;
    use crate::dense::fused;

    fn norm(device: &Device) -> BatchNorm {
        let norm = BatchNormConfig::new(3).init(device);
        let parameter = |numbers: [f32; 3]| Param::from_tensor(Tensor::from_floats(numbers, device));
        BatchNorm { gamma: parameter([0.5, 1.5, -1.0]), beta: parameter([0.25, -0.5, 0.1]), ..norm }
    }

    /// y, the gradients of x and of everything that is trained, where `dy` is the gradient of y, and the running statistics.
    fn pass(device: &Device, forward: impl Fn(Tensor<2>, &Linear, &BatchNorm) -> Tensor<2>) -> [TensorData; 8] {
        let (x, dy) = (numbers([5, 4], device).require_grad(), numbers([5, 3], device));
        let (layer, norm) = (layer(device), norm(device));
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
    fn layer_gradients_and_running_statistics_are_those_of_burns_operations() {
        for device in devices() {
            let dropout = DropoutConfig::new(0.0).init();
            let one = pass(&device, |x, layer, norm| fused(&x, layer, Some(norm), &dropout).unwrap());
            let many = pass(&device, |x, layer, norm| relu(norm.forward(layer.forward(x))));
            for (one, many) in one.iter().zip(&many) {
                one.assert_approx_eq::<f32>(many, Tolerance::absolute(1e-5));
            }
        }
    }

    #[test]
    fn dropout_drops_its_share_and_scales_the_rest() {
        for device in devices() {
            let (layer, norm) = (layer(&device), norm(&device));
            let y = |rate| fused(&numbers([1000, 4], &device), &layer, Some(&norm), &DropoutConfig::new(rate).init());
            let (whole, dropped) = (y(0.0).unwrap().into_data(), y(0.25).unwrap().into_data());
            let (whole, dropped) = (whole.as_slice::<f32>().unwrap(), dropped.as_slice::<f32>().unwrap());
            let positive = whole.iter().filter(|&&y| y > 0.0).count();
            let rest: Vec<(&f32, &f32)> = whole.iter().zip(dropped).filter(|&(_, &dropped)| dropped > 0.0).collect();
            assert!(rest.iter().all(|&(whole, dropped)| (whole / 0.75 - dropped).abs() < 1e-5));
            let share = rest.len() as f64 / positive as f64;
            // Its standard deviation is below 0.015.
            assert!(positive > 1000 && (share - 0.75).abs() < 0.06, "{} of {positive}", rest.len());
        }
    }

    #[test]
    fn what_is_dropped_has_no_gradient_and_the_rest_a_scaled_one() {
        for device in devices() {
            let (layer, norm) = (layer(&device), norm(&device));
            let dropout = DropoutConfig::new(0.25).init();
            let y = fused(&numbers([1000, 4], &device), &layer, Some(&norm), &dropout).unwrap();
            // With a gradient of 1 for each y, that of the shift counts what is left.
            let gradients = y.clone().sum().backward();
            let shift = norm.beta.val().grad(&gradients).unwrap().into_data();
            let left = y.inner().greater_elem(0.0).float().sum_dim(0).div_scalar(0.75).into_data();
            let shift = shift.iter::<f32>().collect::<Vec<_>>();
            let left = left.iter::<f32>().collect::<Vec<_>>();
            assert!(shift.iter().zip(&left).all(|(shift, left)| (shift - left).abs() < 1e-2), "{shift:?}, {left:?}");
        }
    }

    #[test]
    fn a_frozen_normalisation_is_left_to_burn() {
        for device in devices() {
            let norm = norm(&device).freeze();
            let y = fused(&numbers([5, 4], &device), &layer(&device), Some(&norm), &DropoutConfig::new(0.0).init());
            assert!(y.is_none());
        }
    }
}
