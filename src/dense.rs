//! A hidden layer in training on the CPU, `y = dropout(relu(xW + b))`, as one operation; `normalized` has the same with
//! batch normalisation, and `mask` is what the dropout of both does.
//!
//! With dropout's probability p, and m = 1/(1 - p) with probability 1 - p, else 0, for each unit of each image:
//!
//! ```text
//! y  = m · max(xW + b, 0)
//! dz = dy · [y > 0]/(1 - p)      dW = xᵀ dz      db = Σ dz over the batch      dx = dz Wᵀ
//! ```
//!
//! What was dropped and what was negative need not be remembered: there y is 0. Burn makes the layer of five operations, and
//! its gradients of six more; on the CPU each of them takes memory and goes through it. On a GPU its compiler fuses them.
#![cfg_attr(feature = "ndarray", expect(deprecated, reason = "0.22 is the last Burn with ndarray"))]

mod mask;
mod normalized;

#[cfg(feature = "ndarray")]
use burn::backend::NdArray;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, DispatchKindConversion, DispatchTensor, Flex};
use burn::nn::{BatchNorm, Dropout, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use macerator::AutoArch;

use crate::numbers::{Numbers, numbers_mut};
use mask::Mask;

/// `dropout(relu(norm(layer(x))))`, `[batch, outputs]`, of x, `[batch, inputs]`. What is dropped is drawn by the device's
/// generator.
pub fn forward(x: Tensor<2>, layer: &Linear, norm: Option<&BatchNorm>, dropout: &Dropout) -> Tensor<2> {
    if let Some(y) = fused(&x, layer, norm, dropout) {
        return y;
    }
    let z = layer.forward(x);
    dropout.forward(relu(match norm {
        Some(norm) => norm.forward(z),
        None => z,
    }))
}

/// The same as one operation, on the backends that have it and with autodiff.
fn fused(x: &Tensor<2>, layer: &Linear, norm: Option<&BatchNorm>, dropout: &Dropout) -> Option<Tensor<2>> {
    #[cfg(feature = "ndarray")]
    if let Some(y) = fused_on::<NdArray>(x, layer, norm, dropout) {
        return Some(y);
    }
    fused_on::<Flex>(x, layer, norm, dropout)
}

fn fused_on<B: Backend>(x: &Tensor<2>, layer: &Linear, norm: Option<&BatchNorm>, dropout: &Dropout) -> Option<Tensor<2>>
where
    DispatchTensor: DispatchKindConversion<B> + DispatchKindConversion<Autodiff<B>>,
{
    match norm {
        Some(norm) => normalized::forward_on::<B>(x, layer, norm, dropout),
        None => forward_on::<B>(x, layer, dropout),
    }
}

/// `dropout(relu(layer(x)))`, if everything is on backend `B` with autodiff.
fn forward_on<B: Backend>(x: &Tensor<2>, layer: &Linear, dropout: &Dropout) -> Option<Tensor<2>>
where
    DispatchTensor: DispatchKindConversion<B> + DispatchKindConversion<Autodiff<B>>,
{
    let autodiff = x.device();
    let (x, x_node) = x.clone().try_into_primitive::<Autodiff<B>>().ok()?.into_parts();
    let (weight, weight_node) = layer.weight.val().try_into_primitive::<Autodiff<B>>().ok()?.into_parts();
    let (bias, bias_node) = layer.bias.as_ref()?.val().try_into_primitive::<Autodiff<B>>().ok()?.into_parts();

    let product = Tensor::<2>::from_primitive::<B>(B::float_matmul(x.clone(), weight.clone()));
    let bias = Numbers::of(&Tensor::<1>::from_primitive::<B>(bias))?;
    let mask = Mask::drawn(dropout, product.shape().num_elements(), &autodiff);
    let (device, mut z) = (product.device(), product.into_data());
    AutoArch::new().dispatch(|| activate(numbers_mut(&mut z), bias.as_slice(), &mask));
    let y = primitive::<B, 2>(z, &device);

    let prepared = Dense.prepare::<NoCheckpointing>([x_node, weight_node, bias_node]).compute_bound().stateful();
    let output = match prepared {
        OpsKind::Tracked(prepared) => prepared.finish(Remembered { x, weight, y: y.clone(), kept: mask.kept }, y),
        OpsKind::UnTracked(prepared) => prepared.finish(y),
    };
    Some(Tensor::from_primitive::<Autodiff<B>>(output))
}

fn primitive<B: Backend, const D: usize>(data: TensorData, device: &Device) -> FloatTensor<B>
where
    DispatchTensor: DispatchKindConversion<B>,
{
    Tensor::<D>::from_data(data, device).try_into_primitive::<B>().expect("a tensor is where it was made")
}

/// Puts `m · max(z + b, 0)` where z is.
#[inline(always)]
fn activate(z: &mut [f32], bias: &[f32], mask: &Mask) {
    for (image, z) in z.chunks_exact_mut(bias.len()).enumerate() {
        z.iter_mut().zip(bias).for_each(|(z, b)| *z += b);
        mask.rectify(z, image);
    }
}

/// Puts dz where dy is, and adds it up in `db`.
#[inline(always)]
fn derive(dy: &mut [f32], y: &[f32], db: &mut [f32], kept: f32) {
    for (dy, y) in dy.chunks_exact_mut(db.len()).zip(y.chunks_exact(db.len())) {
        for ((dy, &y), db) in dy.iter_mut().zip(y).zip(db.iter_mut()) {
            *dy = if y > 0.0 { *dy * kept } else { 0.0 };
            *db += *dy;
        }
    }
}

/// The gradients of x and of the weights, where `dz` is that of their product.
fn product_backward<B: Backend>(
    gradients: &mut Gradients,
    [x_node, weight_node]: [Option<NodeId>; 2],
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    dz: FloatTensor<B>,
) {
    if let Some(node) = x_node {
        gradients.register::<B>(node, B::linear_x_backward(weight, dz.clone()));
    }
    if let Some(node) = weight_node {
        gradients.register::<B>(node, B::linear_weight_backward(x, dz));
    }
}

#[derive(Debug)]
struct Dense;

/// What the backward pass needs of the forward pass.
#[derive(Debug, Clone)]
struct Remembered<T> {
    x: T,
    weight: T,
    y: T,
    /// What is not dropped was multiplied by this.
    kept: f32,
}

impl<B: Backend> Backward<B, 3> for Dense
where
    DispatchTensor: DispatchKindConversion<B>,
{
    type State = Remembered<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, weight_node, bias_node] = ops.parents;
        let Remembered { x, weight, y, kept } = ops.state;
        let dy = Tensor::<2>::from_primitive::<B>(gradients.consume::<B>(&ops.node));
        let y = Numbers::of(&Tensor::<2>::from_primitive::<B>(y)).expect("y is on the CPU");
        let (device, [_, outputs], mut dz) = (dy.device(), dy.dims(), dy.into_data());
        let mut db = vec![0.0; outputs];
        AutoArch::new().dispatch(|| derive(numbers_mut(&mut dz), y.as_slice(), &mut db, kept));
        let dz = primitive::<B, 2>(dz, &device);
        let nodes = [x_node, weight_node].map(|node| node.map(|node| node.id));
        product_backward::<B>(gradients, nodes, x, weight, dz);
        if let Some(node) = bias_node {
            gradients.register::<B>(node.id, primitive::<B, 1>(TensorData::new(db, [outputs]), &device));
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::module::{Module, Param};
    use burn::nn::DropoutConfig;
    use burn::tensor::Tolerance;

    use super::*;
    use crate::device;

    /// The CPU backends of this build, with autodiff.
    pub(super) fn devices() -> Vec<Device> {
        let cpus = device::list().into_iter().filter(|listed| ["ndarray", "flex"].contains(&listed.backend));
        cpus.flat_map(|listed| listed.adapters).map(|adapter| adapter.device.autodiff()).collect()
    }

    /// `count` numbers of both signs, none of them 0.
    pub(super) fn numbers(shape: [usize; 2], device: &Device) -> Tensor<2> {
        let numbers = (0..shape[0] * shape[1]).map(|i| (i * 37 % 101) as f32 / 25.0 - 2.01).collect::<Vec<_>>();
        Tensor::from_data(TensorData::new(numbers, shape), device)
    }

    pub(super) fn layer(device: &Device) -> Linear {
        let bias = Tensor::<1>::from_floats([0.5, -0.25, 1.5], device);
        Linear {
            weight: Param::from_tensor(numbers([4, 3], device).mul_scalar(0.7)),
            bias: Some(Param::from_tensor(bias)),
        }
    }

    /// The one operation, which there is on these backends, and not Burn's several.
    fn fused(x: &Tensor<2>, layer: &Linear, dropout: &Dropout) -> Tensor<2> {
        super::fused(x, layer, None, dropout).expect("a CPU backend with autodiff")
    }

    /// y and the gradients of x, of the weights and of the bias, where `dy` is the gradient of y.
    fn pass(
        x: &Tensor<2>,
        layer: &Linear,
        dy: &Tensor<2>,
        forward: impl Fn(Tensor<2>) -> Tensor<2>,
    ) -> [TensorData; 4] {
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
    fn without_dropout_layer_and_gradients_are_those_of_burns_operations() {
        for device in devices() {
            let (x, dy, layer) = (numbers([5, 4], &device), numbers([5, 3], &device), layer(&device));
            let dropout = DropoutConfig::new(0.0).init();
            let fused = pass(&x, &layer, &dy, |x| fused(&x, &layer, &dropout));
            let composed = pass(&x, &layer, &dy, |x| relu(layer.forward(x)));
            for (fused, composed) in fused.iter().zip(&composed) {
                fused.assert_approx_eq::<f32>(composed, Tolerance::absolute(1e-5));
            }
        }
    }

    /// y, `[1000, 3]`, and the bias' gradient, where weights are 0 and a quarter is dropped.
    fn dropped(device: &Device) -> (Vec<f32>, Vec<f32>) {
        let (x, dy) = (numbers([1000, 4], device), Tensor::ones([1000, 3], device));
        let layer = Linear { weight: Param::from_tensor(Tensor::zeros([4, 3], device)), ..layer(device) };
        let layer = Linear { bias: Some(Param::from_tensor(Tensor::from_floats([1.0, 2.0, 3.0], device))), ..layer };
        let [y, _, _, bias] = pass(&x, &layer, &dy, |x| fused(&x, &layer, &DropoutConfig::new(0.25).init()));
        (y.iter().collect(), bias.iter().collect())
    }

    #[test]
    fn dropout_drops_its_share_and_scales_the_rest_and_its_gradient() {
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
    fn what_is_no_number_stays_none() {
        for device in devices() {
            let x = Tensor::<2>::from_floats([[f32::NAN, 0.0, 0.0, 0.0]], &device);
            let y = fused(&x, &layer(&device), &DropoutConfig::new(0.0).init());
            assert!(y.into_data().iter::<f32>().all(f32::is_nan));
        }
    }

    #[test]
    fn a_frozen_layer_has_no_gradients_and_passes_them_on() {
        for device in devices() {
            let (x, layer) = (numbers([5, 4], &device).require_grad(), layer(&device).freeze());
            let gradients = fused(&x, &layer, &DropoutConfig::new(0.0).init()).sum().backward();
            assert!(layer.weight.val().grad(&gradients).is_none() && x.grad(&gradients).is_some());
        }
    }
}
