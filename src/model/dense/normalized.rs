//! A hidden layer with batch normalisation in training on the CPU, `y = dropout(relu(norm(xW + b)))`, as one operation.
//!
//! Over the n images of a batch, for each unit, with batch normalisation's ε, γ and β, and p, m and v as in [`super`]:
//!
//! ```text
//! z  = xW      μ = Σ z / n      σ² = Σ (z - μ)² / n      r = 1/√(σ² + ε)
//! y  = m · max(γ·(r·(z - μ) + v) + β, 0)
//! da = dy · [y > 0]/(1 - p)      dβ = Σ da      s = r · Σ da·(z - μ)      dγ = s + Σ da·v      db = 0
//! dz = γ·r · (da - dβ/n - s·r·(z - μ)/n)      dW = xᵀ dz      dx = dz Wᵀ
//! ```
//!
//! Ioffe and Szegedy 2015, <https://arxiv.org/abs/1502.03167>. The layer's bias shifts z and its mean alike: it affects
//! the running mean only.

#[cfg(test)]
mod tests;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, Backend, DispatchKindConversion, DispatchTensor};
use burn::module::RunningState;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Tensor, TensorData};
use macerator::AutoArch;

use super::mask::Mask;
use super::noise::Noise;
use super::product::{Product, primitive};
use super::stochastic::Stochastic;
use crate::model::host_tensor::{HostTensor, floats_mut};

/// `dropout(relu(noisy(layer(x), norm)))`, if everything is on backend `B` with autodiff and `norm` is not frozen.
pub(super) fn forward_on<B: Backend>(
    x: &Tensor<2>,
    layer: &Linear,
    norm: &BatchNorm,
    stochastic: Stochastic,
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

    let (product, device) = Product::of::<B>(x, weight)?;
    let [images, _, units] = product.size;
    let gamma = HostTensor::of(&Tensor::<1>::from_primitive::<B>(gamma))?;
    let beta = HostTensor::of(&Tensor::<1>::from_primitive::<B>(beta))?;
    let noise = Noise::drawn(stochastic.noise, [images, units], &autodiff);
    let mask = Mask::drawn(stochastic.dropout, images * units, &autodiff);
    let (z, mut y) = (product.computed(), vec![0.0; images * units]);
    let statistics = AutoArch::new().dispatch(|| {
        let statistics = Statistics::of(&z, gamma.as_slice(), norm.epsilon as f32);
        activate(&z, &mut y, &statistics, [gamma.as_slice(), beta.as_slice()], &noise, &mask);
        statistics
    });
    let y = Tensor::<2>::from_data(TensorData::new(y, [images, units]), &device);

    let of_batch = |numbers: &[f32]| Tensor::<1>::from_floats(numbers, &autodiff);
    update_running_stats(&norm.running_mean, of_batch(&statistics.mean) + bias.detach(), norm.momentum);
    update_running_stats(&norm.running_var, of_batch(&statistics.variance), norm.momentum);

    let saved = SavedForBackward { product, z, y: HostTensor::of(&y)?, statistics, noise, kept: mask.kept };
    let y = y.try_into_primitive::<B>().ok()?;
    let nodes = [x_node, weight_node, bias_node, gamma_node, beta_node];
    let output = match Normalized.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(saved, y),
        OpsKind::UnTracked(prepared) => prepared.finish(y),
    };
    Some(Tensor::from_primitive::<Autodiff<B>>(output))
}

/// Moves a running statistic towards a batch's, as Burn's own [`BatchNorm`] does.
fn update_running_stats(running: &RunningState<Tensor<1>>, batch: Tensor<1>, momentum: f64) {
    let value = running.value_sync().to_device(&batch.device());
    running.update((value * (1.0 - momentum) + batch * momentum).detach());
}

/// The statistics of a batch, for each unit.
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
    /// The statistics of z, `[images, units]` in row-major order.
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

/// Writes `m · max(scale·(z - mean) + γ·v + β, 0)` into y.
#[inline(always)]
fn activate(
    z: &[f32],
    y: &mut [f32],
    Statistics { mean, scale, .. }: &Statistics,
    [gamma, beta]: [&[f32]; 2],
    noise: &Noise,
    mask: &Mask,
) {
    let units = mean.len();
    for (image, (z, y)) in z.chunks_exact(units).zip(y.chunks_exact_mut(units)).enumerate() {
        for ((((y, z), mean), scale), beta) in y.iter_mut().zip(z).zip(mean).zip(scale).zip(beta) {
            *y = (z - mean) * scale + beta;
        }
        y.iter_mut().zip(noise.of(image)).zip(gamma).for_each(|((y, v), gamma)| *y += gamma * v);
        mask.rectify(y, image);
    }
}

#[derive(Debug)]
struct Normalized;

/// What the backward pass needs of the forward pass.
#[derive(Debug, Clone)]
struct SavedForBackward {
    product: Product,
    z: Vec<f32>,
    y: HostTensor,
    statistics: Statistics,
    noise: Noise,
    /// The factor of the units that were not dropped.
    kept: f32,
}

impl<B: Backend> Backward<B, 5> for Normalized
where
    DispatchTensor: DispatchKindConversion<B>,
{
    type State = SavedForBackward;

    fn backward(self, ops: Ops<Self::State, 5>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, weight_node, bias_node, gamma_node, beta_node] = ops.parents.map(|node| node.map(|node| node.id));
        let SavedForBackward { product, z, y, statistics, noise, kept } = ops.state;
        let dy = Tensor::<2>::from_primitive::<B>(gradients.consume::<B>(&ops.node));
        let (device, [_, units], mut dz) = (dy.device(), dy.dims(), dy.into_data());
        let dz = floats_mut(&mut dz);
        let (mut dgamma, mut dbeta) = (vec![0.0; units], vec![0.0; units]);
        AutoArch::new().dispatch(|| {
            derive(dz, y.as_slice(), &z, &statistics.mean, kept, [&mut dgamma, &mut dbeta]);
            dgamma.iter_mut().zip(&statistics.inverse).for_each(|(dgamma, inverse)| *dgamma *= inverse);
            let of_noise = sums_with(&noise, dz, units);
            center(dz, &z, &statistics, [&dgamma, &dbeta]);
            dgamma.iter_mut().zip(of_noise).for_each(|(dgamma, of_noise)| *dgamma += of_noise);
        });
        product.backward::<B>(gradients, [x_node, weight_node], dz, &device);
        for (node, gradient) in [(bias_node, vec![0.0; units]), (gamma_node, dgamma), (beta_node, dbeta)] {
            if let Some(node) = node {
                gradients.register::<B>(node, primitive::<B, 1>(TensorData::new(gradient, [units]), &device));
            }
        }
    }
}

/// Overwrites dy with da, and sums `da·(z - mean)` and da.
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

/// The sum of `da·v` for each unit.
#[inline(always)]
fn sums_with(noise: &Noise, da: &[f32], units: usize) -> Vec<f32> {
    let mut sums = vec![0.0; units];
    for (image, da) in da.chunks_exact(units).enumerate() {
        sums.iter_mut().zip(da).zip(noise.of(image)).for_each(|((sum, da), v)| *sum += da * v);
    }
    sums
}

/// Overwrites da with dz; s is that of the formula.
#[inline(always)]
fn center(da: &mut [f32], z: &[f32], statistics: &Statistics, [s, dbeta]: [&[f32]; 2]) {
    let Statistics { mean, inverse, scale, .. } = statistics;
    let units = mean.len();
    let images = (da.len() / units) as f32;
    let slope: Vec<f32> = s.iter().zip(inverse).map(|(s, inverse)| s * inverse / images).collect();
    let mean_gradient: Vec<f32> = dbeta.iter().map(|dbeta| dbeta / images).collect();
    for (da, z) in da.chunks_exact_mut(units).zip(z.chunks_exact(units)) {
        let of_unit = mean.iter().zip(scale).zip(slope.iter().zip(&mean_gradient));
        for ((da, z), ((mean, scale), (slope, mean_gradient))) in da.iter_mut().zip(z).zip(of_unit) {
            *da = scale * (*da - mean_gradient - slope * (z - mean));
        }
    }
}
