//! A network whose weights are in host memory, with their values in place.

use burn::nn::activation::Activation;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::Tensor;

use crate::model::host_tensor::HostTensor;

/// The layers of a network, the output layer last, and what they have in common.
pub struct HostNetwork<'a> {
    pub layers: Vec<(HostLinear<'a>, Option<HostNorm<'a>>)>,
    pub activation: &'a Activation,
    /// The standard deviation of the noise.
    pub noise: f64,
    /// The probability of dropout.
    pub dropout: f64,
}

impl HostNetwork<'_> {
    /// The number of outputs.
    pub fn classes(&self) -> usize {
        self.layers.last().map_or(0, |(linear, _)| linear.size[1])
    }

    /// The number of the first layer that learns.
    pub fn first_that_learns(&self) -> usize {
        let learns = |(linear, norm): &(HostLinear, Option<HostNorm>)| {
            linear.layer.weight.is_require_grad()
                || linear.layer.bias.as_ref().is_some_and(|bias| bias.is_require_grad())
                || norm.as_ref().is_some_and(|norm| norm.layer.gamma.is_require_grad())
        };
        self.layers.iter().position(learns).unwrap_or(self.layers.len())
    }
}

/// A fully connected layer.
pub struct HostLinear<'a> {
    pub layer: &'a Linear,
    /// `[inputs, units]`.
    pub weight: HostTensor,
    /// `[units]`.
    pub bias: HostTensor,
    /// `[inputs, units]`.
    pub size: [usize; 2],
}

impl<'a> HostLinear<'a> {
    /// `layer`, if its weights are in host memory.
    pub fn of(layer: &'a Linear) -> Option<Self> {
        let size = layer.weight.shape().dims();
        Some(Self { layer, weight: values(layer.weight.val())?, bias: values(layer.bias.as_ref()?.val())?, size })
    }
}

/// Batch normalisation.
pub struct HostNorm<'a> {
    pub layer: &'a BatchNorm,
    /// `[units]`.
    pub gamma: HostTensor,
    /// `[units]`.
    pub beta: HostTensor,
}

impl<'a> HostNorm<'a> {
    /// `layer`, if its weights are in host memory.
    pub fn of(layer: &'a BatchNorm) -> Option<Self> {
        Some(Self { layer, gamma: values(layer.gamma.val())?, beta: values(layer.beta.val())? })
    }
}

/// The values of a tensor in host memory, with or without autodiff.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Option<HostTensor> {
    HostTensor::of(&tensor.without_autodiff())
}
