//! The forward and the backward pass of a network in host memory, in closed form: over slices, in kept buffers, with no graph.
//!
//! Burn's autodiff records each operation, for any model on any device. For a small network on the CPU, the record takes as
//! long as the arithmetic, and each operation allocates memory and passes through it. The gradients of a multi-layer
//! perceptron are a few formulas: for each layer, from the last to the first,
//!
//! ```text
//! dW = xᵀ dz      dx = dz Wᵀ
//! ```
//!
//! and `hidden` has those of the rest of a hidden layer, with dropout. `input` has the images and the noise, and `matrix` the
//! products, or `sparse` those with images that are mostly background.

mod hidden;
mod input;
mod matrix;
mod sparse;

use burn::tensor::{Tensor, TensorData};
use burn::{module::Param, nn::Linear, optim::GradientsParams};

use self::hidden::{Gradients, Hidden};
pub use self::input::Input;
use self::matrix::Matrix;
pub use self::matrix::{squared_norms_of_rows, sum_of_rows};
use crate::{data::BatchImages, model::Mlp, model::host_tensor::HostTensor};

/// A network whose weights are in host memory, with their values in place.
pub struct HostNetwork<'a> {
    pub mlp: &'a Mlp,
    /// The layers, the output layer last.
    pub layers: Vec<HostLinear<'a>>,
}

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
            let [weight, bias] = [HostTensor::of(layer.weight.val())?, HostTensor::of(layer.bias.as_ref()?.val())?];
            Some(HostLinear { layer, weight, bias, size: layer.weight.shape().dims() })
        };
        Some(Self { mlp, layers: mlp.layers().map(host).collect::<Option<_>>()? })
    }

    pub fn classes(&self) -> usize {
        self.layers.last().map_or(0, |output| output.size[1])
    }
}

#[derive(Debug, Default)]
pub struct Passes {
    /// Logits of the forward pass, `[images, classes]`. The backward pass takes their gradients in the same place.
    pub logits: Vec<f32>,
    /// The inputs of the first layer in the last forward pass.
    pub input: Input,
    hidden: Vec<Hidden>,
    /// The gradients of a layer's product, and of its inputs.
    gradients: [Vec<f32>; 2],
}

impl Passes {
    /// Computes `logits`; with a seed, with noise, dropout and the batch's statistics. `None` if images are not in host memory.
    pub fn forward(&mut self, network: &HostNetwork, images: &[&BatchImages], seed: Option<u64>) -> Option<()> {
        let (mlp, (output, hidden)) = (network.mlp, network.layers.split_last()?);
        self.input.fill(images, network.layers[0].size, mlp.noise.std, seed)?;
        self.hidden.resize_with(hidden.len(), Hidden::default);
        for (number, linear) in hidden.iter().enumerate() {
            let (before, layer) = self.hidden.split_at_mut(number);
            let (x, layer) = (before.last().map_or(&self.input, |before| &before.y), &mut layer[0]);
            x.times(linear.weight.as_slice(), linear.size[1], &mut layer.z);
            let random = if seed.is_some() { [mlp.noise.std, mlp.dropout.prob] } else { [0.0; 2] };
            layer.draw(random, seed.unwrap_or_default(), number as u64);
            layer.activate(linear.bias.as_slice(), mlp.norm.get(number), &mlp.activation, seed.is_some())?;
        }
        let x = self.hidden.last().map_or(&self.input, |last| &last.y);
        x.times(output.weight.as_slice(), output.size[1], &mut self.logits);
        let bias = output.bias.as_slice();
        for logits in self.logits.chunks_exact_mut(bias.len()) {
            logits.iter_mut().zip(bias).for_each(|(logit, b)| *logit += b);
        }
        Some(())
    }

    /// Scales the gradients of the logits, so that no image's gradient of all weights together has a norm above `clip`. Not for
    /// batch normalisation. `inputs` are the squared norms of the images, if they differ from those of the last forward pass.
    pub fn clip(&mut self, network: &HostNetwork, clip: f64, inputs: Option<&[f64]>) {
        let squares = self.squared_norms(network, inputs);
        for (gradient, square) in self.logits.chunks_exact_mut(network.classes()).zip(squares) {
            let factor = clip / square.sqrt();
            if factor < 1.0 {
                gradient.iter_mut().for_each(|value| *value *= factor as f32);
            }
        }
    }

    /// The squared norm of each image's gradient. A layer with the inputs x and the product z has (|x|² + 1)·|dz|² of it, as
    /// its gradient is xᵀdz for the weights and dz for the bias.
    pub fn squared_norms(&mut self, network: &HostNetwork, inputs: Option<&[f64]>) -> Vec<f64> {
        let mut norms = vec![0.0; self.input.images];
        self.each_learner(network, |number, x, dz, _| {
            let of_inputs = inputs.filter(|_| number == 0).map_or_else(|| x.squared_norms(), <[f64]>::to_vec);
            let of_products = squared_norms_of_rows(dz, network.layers[number].size[1]);
            for ((norm, x), dz) in norms.iter_mut().zip(of_inputs).zip(of_products) {
                *norm += (x + 1.0) * dz;
            }
        });
        norms
    }

    /// The gradients of all weights that learn, from those of the logits.
    pub fn backward(&mut self, network: &HostNetwork) -> GradientsParams {
        let mut all = GradientsParams::new();
        self.each_learner(network, |number, x, dz, vectors| {
            let (linear, units) = (&network.layers[number], network.layers[number].size[1]);
            let [bias, gamma, beta] = vectors.unwrap_or_else(|| [sum_of_rows(dz, units), vec![], vec![]]);
            if let Some(parameter) = &linear.layer.bias {
                register(&mut all, parameter, bias);
            }
            if let Some(norm) = network.mlp.norm.get(number) {
                register(&mut all, &norm.gamma, gamma);
                register(&mut all, &norm.beta, beta);
            }
            if linear.layer.weight.is_require_grad() {
                let mut gradient = vec![];
                x.gradient(dz, units, &mut gradient);
                register(&mut all, &linear.layer.weight, gradient);
            }
        });
        all
    }

    /// Visits each layer from the last to the first that learns: its number, x, dz, and its vectors' gradients if it is hidden.
    fn each_learner(&mut self, network: &HostNetwork, mut visit: impl FnMut(usize, &Input, &[f32], Option<Gradients>)) {
        let Self { logits, input, hidden, gradients: [dz, dx] } = self;
        dz.clone_from(logits);
        let learns = |(number, linear): (usize, &HostLinear)| {
            linear.layer.weight.is_require_grad()
                || linear.layer.bias.as_ref().is_some_and(|bias| bias.is_require_grad())
                || network.mlp.norm.get(number).is_some_and(|norm| norm.gamma.is_require_grad())
        };
        let first = network.layers.iter().enumerate().position(learns).unwrap_or(network.layers.len());
        for (number, linear) in network.layers.iter().enumerate().skip(first).rev() {
            let vectors = hidden.get(number).map(|layer| layer.derive(dz));
            visit(number, hidden[..number].last().map_or(input, |before| &before.y), dz, vectors);
            if number > first {
                let weight = Matrix::new(linear.weight.as_slice(), linear.size).transposed();
                Matrix::new(dz, [input.images, linear.size[1]]).times(weight, dx);
                std::mem::swap(dz, dx);
            }
        }
    }
}

/// Adds the gradient of a parameter, if it learns.
fn register<const D: usize>(all: &mut GradientsParams, parameter: &Param<Tensor<D>>, gradient: Vec<f32>) {
    if parameter.is_require_grad() {
        let device = parameter.device().inner();
        all.register(parameter.id, Tensor::<D>::from_data(TensorData::new(gradient, parameter.shape()), &device));
    }
}

/// Overwrites logits z with their softmax, and returns `log Σ exp(z)`, for logits of any size.
pub fn softmax_in_place(logits: &mut [f32]) -> f32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter_mut().for_each(|z| *z = (*z - largest).exp());
    let sum: f32 = logits.iter().sum();
    logits.iter_mut().for_each(|z| *z /= sum);
    largest + sum.ln()
}
