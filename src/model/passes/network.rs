//! A network whose weights are in host memory, with their values in place.

use burn::nn::Linear;
use burn::tensor::Tensor;

use crate::model::Mlp;
use crate::model::host_tensor::HostTensor;

pub struct HostNetwork<'a> {
    pub mlp: &'a Mlp,
    /// The layers, the output layer last.
    pub layers: Vec<HostLinear<'a>>,
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

impl<'a> HostNetwork<'a> {
    /// `mlp`, if its weights are in host memory.
    pub fn of(mlp: &'a Mlp) -> Option<Self> {
        let host = |layer: &'a Linear| {
            let size = layer.weight.shape().dims();
            Some(HostLinear {
                layer,
                weight: values(layer.weight.val())?,
                bias: values(layer.bias.as_ref()?.val())?,
                size,
            })
        };
        Some(Self { mlp, layers: mlp.layers().map(host).collect::<Option<_>>()? })
    }

    /// The number of outputs.
    pub fn classes(&self) -> usize {
        self.layers.last().map_or(0, |output| output.size[1])
    }

    /// The number of the first layer that learns.
    pub fn first_that_learns(&self) -> usize {
        let learns = |(number, linear): (usize, &HostLinear)| {
            linear.layer.weight.is_require_grad()
                || linear.layer.bias.as_ref().is_some_and(|bias| bias.is_require_grad())
                || self.mlp.norm.get(number).is_some_and(|norm| norm.gamma.is_require_grad())
        };
        self.layers.iter().enumerate().position(learns).unwrap_or(self.layers.len())
    }
}

/// The values of a tensor in host memory, with or without autodiff.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Option<HostTensor> {
    HostTensor::of(&tensor.without_autodiff())
}
