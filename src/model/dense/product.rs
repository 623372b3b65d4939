//! The first part of a hidden layer, the product of the images and the weights, and its gradients.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, DispatchKindConversion, DispatchTensor};
use burn::tensor::{Device, Tensor, TensorData};

use super::matrix::Matrix;
use crate::model::host_tensor::HostTensor;

/// `xW` of `[images, inputs]` and `[inputs, units]`.
#[derive(Debug, Clone)]
pub struct Product {
    x: HostTensor,
    weight: HostTensor,
    /// `[images, inputs, units]`.
    pub size: [usize; 3],
}

impl Product {
    /// The product of x and the weights, and their device; `None` if they are not in host memory.
    pub fn of<B: Backend>(x: FloatTensor<B>, weight: FloatTensor<B>) -> Option<(Self, Device)>
    where
        DispatchTensor: DispatchKindConversion<B>,
    {
        let [x, weight] = [x, weight].map(Tensor::<2>::from_primitive::<B>);
        let ([images, inputs], [_, units]) = (x.dims(), weight.dims());
        let size = [images, inputs, units];
        Some((Self { x: HostTensor::of(&x)?, weight: HostTensor::of(&weight)?, size }, x.device()))
    }

    fn operands(&self) -> [Matrix<'_>; 2] {
        let [images, inputs, units] = self.size;
        [Matrix::new(self.x.as_slice(), [images, inputs]), Matrix::new(self.weight.as_slice(), [inputs, units])]
    }

    /// The values, `[images, units]`.
    pub fn computed(&self) -> Vec<f32> {
        let [x, weight] = self.operands();
        x.times(weight)
    }

    /// Registers the gradients of x and of the weights, if they have a node, from `dz`, the gradient of the product.
    pub fn backward<B: Backend>(
        &self,
        gradients: &mut Gradients,
        nodes: [Option<NodeId>; 2],
        dz: &[f32],
        device: &Device,
    ) where
        DispatchTensor: DispatchKindConversion<B>,
    {
        let [images, inputs, units] = self.size;
        let ([x, weight], dz) = (self.operands(), Matrix::new(dz, [images, units]));
        let [x_node, weight_node] = nodes;
        if let Some(node) = x_node {
            let dx = TensorData::new(dz.times(weight.transposed()), [images, inputs]);
            gradients.register::<B>(node, primitive::<B, 2>(dx, device));
        }
        if let Some(node) = weight_node {
            let dw = TensorData::new(x.transposed().times(dz), [inputs, units]);
            gradients.register::<B>(node, primitive::<B, 2>(dw, device));
        }
    }
}

/// `data` as a tensor of backend `B` on `device`, which has to be a device of `B`.
pub fn primitive<B: Backend, const D: usize>(data: TensorData, device: &Device) -> FloatTensor<B>
where
    DispatchTensor: DispatchKindConversion<B>,
{
    Tensor::<D>::from_data(data, device).try_into_primitive::<B>().expect("the device is one of the backend")
}
