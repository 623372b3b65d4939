//! A hidden layer in training on the CPU, `y = dropout(relu(xW + b))`, as one operation. `normalized` is the same with
//! batch normalisation. Both share `product`, the matrix product, `noise`, which is added before the activation, and
//! `mask`, which is dropout.
//!
//! With dropout's probability p, and m = 1/(1 - p) with probability 1 - p, else 0, and noise v, for each unit of each
//! image:
//!
//! ```text
//! y  = m · max(xW + b + v, 0)
//! dz = dy · [y > 0]/(1 - p)      dW = xᵀ dz      db = Σ dz over the batch      dx = dz Wᵀ
//! ```
//!
//! The backward pass does not need the mask: y is 0 where a unit was dropped or negative. Burn computes the layer in
//! five operations, and its gradients in six more. On the CPU, each of them allocates memory and passes through it. On
//! a GPU, Burn's compiler fuses them.
#![cfg_attr(feature = "ndarray", expect(deprecated, reason = "0.22 is the last Burn with ndarray"))]

mod mask;
mod matrix;
mod noise;
mod normalized;
mod product;
mod stochastic;
#[cfg(test)]
mod tests;

#[cfg(feature = "ndarray")]
use burn::backend::NdArray;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, Backend, DispatchKindConversion, DispatchTensor, Flex};
use burn::nn::{BatchNorm, GaussianNoise, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{Tensor, TensorData};
use macerator::AutoArch;
use rayon::prelude::*;

use crate::model::host_tensor::{HostTensor, PARALLEL_GRAIN, floats_mut};
use mask::Mask;
use noise::Noise;
use product::{Product, primitive};
pub use stochastic::Stochastic;

/// `dropout(relu(noisy(layer(x), norm)))`, `[batch, outputs]`, of x, `[batch, inputs]`; see [`noisy`].
pub fn forward(x: Tensor<2>, layer: &Linear, norm: Option<&BatchNorm>, stochastic: Stochastic) -> Tensor<2> {
    if let Some(y) = fused(&x, layer, norm, stochastic) {
        return y;
    }
    stochastic.dropout.forward(relu(noisy(layer.forward(x), norm, stochastic.noise)))
}

/// `norm(z)` with noise, `[batch, units]`: v, or γ·v after batch normalisation with its scale γ, as if v were added to
/// the normalised values, of standard deviation 1. So a layer can't drown the noise with a larger scale.
pub fn noisy(z: Tensor<2>, norm: Option<&BatchNorm>, noise: &GaussianNoise) -> Tensor<2> {
    let Some(norm) = norm else { return noise.forward(z) };
    let y = norm.forward(z);
    if noise.std > 0.0 && y.device().is_autodiff() {
        y.clone() + noise.forward(y.zeros_like()) * norm.gamma.val().unsqueeze()
    } else {
        y
    }
}

/// The layer as one operation, if the backend has it and the device has autodiff.
fn fused(x: &Tensor<2>, layer: &Linear, norm: Option<&BatchNorm>, stochastic: Stochastic) -> Option<Tensor<2>> {
    #[cfg(feature = "ndarray")]
    if let Some(y) = fused_on::<NdArray>(x, layer, norm, stochastic) {
        return Some(y);
    }
    fused_on::<Flex>(x, layer, norm, stochastic)
}

fn fused_on<B: Backend>(
    x: &Tensor<2>,
    layer: &Linear,
    norm: Option<&BatchNorm>,
    stochastic: Stochastic,
) -> Option<Tensor<2>>
where
    DispatchTensor: DispatchKindConversion<B> + DispatchKindConversion<Autodiff<B>>,
{
    match norm {
        Some(norm) => normalized::forward_on::<B>(x, layer, norm, stochastic),
        None => forward_on::<B>(x, layer, stochastic),
    }
}

/// `dropout(relu(noisy(layer(x))))`, if everything is on backend `B` with autodiff.
fn forward_on<B: Backend>(x: &Tensor<2>, layer: &Linear, stochastic: Stochastic) -> Option<Tensor<2>>
where
    DispatchTensor: DispatchKindConversion<B> + DispatchKindConversion<Autodiff<B>>,
{
    let autodiff = x.device();
    let (x, x_node) = x.clone().try_into_primitive::<Autodiff<B>>().ok()?.into_parts();
    let (weight, weight_node) = layer.weight.val().try_into_primitive::<Autodiff<B>>().ok()?.into_parts();
    let (bias, bias_node) = layer.bias.as_ref()?.val().try_into_primitive::<Autodiff<B>>().ok()?.into_parts();

    let (product, device) = Product::of::<B>(x, weight)?;
    let bias = HostTensor::of(&Tensor::<1>::from_primitive::<B>(bias))?;
    let [images, _, units] = product.size;
    let noise = Noise::drawn(stochastic.noise, [images, units], &autodiff);
    let mask = Mask::drawn(stochastic.dropout, images * units, &autodiff);
    let mut z = product.computed();
    activate(&mut z, bias.as_slice(), &noise, &mask);
    let y = Tensor::<2>::from_data(TensorData::new(z, [images, units]), &device);

    let saved = SavedForBackward { product, y: HostTensor::of(&y)?, kept: mask.kept };
    let y = y.try_into_primitive::<B>().ok()?;
    let prepared = Dense.prepare::<NoCheckpointing>([x_node, weight_node, bias_node]).compute_bound().stateful();
    let output = match prepared {
        OpsKind::Tracked(prepared) => prepared.finish(saved, y),
        OpsKind::UnTracked(prepared) => prepared.finish(y),
    };
    Some(Tensor::from_primitive::<Autodiff<B>>(output))
}

/// Overwrites z with `m · max(z + b + v, 0)`, on as many threads as help.
fn activate(z: &mut [f32], bias: &[f32], noise: &Noise, mask: &Mask) {
    let (units, images) = (bias.len(), (PARALLEL_GRAIN / bias.len()).max(1));
    z.par_chunks_mut(units * images).enumerate().for_each(|(part, z)| {
        AutoArch::new().dispatch(|| activate_from(part * images, z, bias, noise, mask));
    });
}

/// The same for the images from `first` on.
#[inline(always)]
fn activate_from(first: usize, z: &mut [f32], bias: &[f32], noise: &Noise, mask: &Mask) {
    for (image, z) in (first..).zip(z.chunks_exact_mut(bias.len())) {
        z.iter_mut().zip(bias).for_each(|(z, b)| *z += b);
        z.iter_mut().zip(noise.of(image)).for_each(|(z, v)| *z += v);
        mask.rectify(z, image);
    }
}

/// Overwrites dy with dz, and sums it in `db`.
#[inline(always)]
fn derive(dy: &mut [f32], y: &[f32], db: &mut [f32], kept: f32) {
    for (dy, y) in dy.chunks_exact_mut(db.len()).zip(y.chunks_exact(db.len())) {
        for ((dy, &y), db) in dy.iter_mut().zip(y).zip(db.iter_mut()) {
            *dy = if y > 0.0 { *dy * kept } else { 0.0 };
            *db += *dy;
        }
    }
}

#[derive(Debug)]
struct Dense;

/// What the backward pass needs of the forward pass.
#[derive(Debug, Clone)]
struct SavedForBackward {
    product: Product,
    y: HostTensor,
    /// The factor of the units that were not dropped.
    kept: f32,
}

impl<B: Backend> Backward<B, 3> for Dense
where
    DispatchTensor: DispatchKindConversion<B>,
{
    type State = SavedForBackward;

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, weight_node, bias_node] = ops.parents.map(|node| node.map(|node| node.id));
        let SavedForBackward { product, y, kept } = ops.state;
        let dy = Tensor::<2>::from_primitive::<B>(gradients.consume::<B>(&ops.node));
        let (device, [_, units], mut dz) = (dy.device(), dy.dims(), dy.into_data());
        let dz = floats_mut(&mut dz);
        let mut db = vec![0.0; units];
        AutoArch::new().dispatch(|| derive(dz, y.as_slice(), &mut db, kept));
        product.backward::<B>(gradients, [x_node, weight_node], dz, &device);
        if let Some(node) = bias_node {
            gradients.register::<B>(node, primitive::<B, 1>(TensorData::new(db, [units]), &device));
        }
    }
}
