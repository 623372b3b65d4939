//! The network: a multi-layer perceptron as a Burn [`Module`].
//!
//! It owns the layers and their order, and knows nothing of images, files or training.

use burn::module::{Initializer, Module, Param};
use burn::nn::activation::{Activation, ActivationConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

use crate::config;

/// Hidden layers `y = dropout(σ(norm(Wx + b)))`, one after the other, then an output layer that gives the logits.
///
/// Its parameters are named `hidden.N.weight`, `hidden.N.bias`, `norm.N.*` and `output.weight`, `output.bias`.
#[derive(Module, Debug)]
pub struct Mlp {
    hidden: Vec<Linear>,
    /// One for each hidden layer, or none at all.
    norm: Vec<BatchNorm>,
    output: Linear,
    activation: Activation,
    dropout: Dropout,
}

impl Mlp {
    /// A network with fresh weights for flattened images of `inputs` pixels and labels below `classes`.
    ///
    /// The weights come from the device's random generator: seed it first with [`Device::seed`].
    pub fn new(model: &config::Model, init: &config::Init, inputs: usize, classes: usize, device: &Device) -> Self {
        let weights = initializer(init.weights);
        let mut widths = vec![inputs];
        widths.extend(&model.hidden);
        let norms: &[usize] = if model.batch_norm { &model.hidden } else { &[] };
        Self {
            hidden: widths.windows(2).map(|pair| dense(pair[0], pair[1], &weights, device)).collect(),
            norm: norms.iter().map(|&width| BatchNormConfig::new(width).init(device)).collect(),
            output: dense(widths[widths.len() - 1], classes, &weights, device),
            activation: activation(model.activation).init(device),
            dropout: DropoutConfig::new(model.dropout).init(),
        }
    }

    /// Logits, `[batch, classes]`, of flattened images, `[batch, inputs]`. Softmax turns them into probabilities.
    ///
    /// Dropout is active, and batch normalisation uses the batch's statistics, on an autodiff device only.
    pub fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        let mut x = images;
        for (layer, linear) in self.hidden.iter().enumerate() {
            x = linear.forward(x);
            if let Some(norm) = self.norm.get(layer) {
                x = norm.forward(x);
            }
            x = self.dropout.forward(self.activation.forward(x));
        }
        self.output.forward(x)
    }

    /// Floating-point operations of one image's forward pass, a multiplication and an addition for each weight of a
    /// matrix. The backward pass takes about twice as many again.
    pub fn forward_operations(&self) -> u64 {
        self.hidden.iter().chain([&self.output]).map(|linear| 2 * linear.weight.shape().num_elements() as u64).sum()
    }
}

/// A fully connected layer with weights from `weights` and zero biases (Burn's own default draws the biases too).
fn dense(inputs: usize, outputs: usize, weights: &Initializer, device: &Device) -> Linear {
    let linear = LinearConfig::new(inputs, outputs).with_initializer(weights.clone()).init(device);
    let bias: Param<Tensor<1>> = Initializer::Zeros.init([outputs], device);
    Linear { bias: Some(bias), ..linear }
}

/// Burn's initialiser for a standard name. Keras cuts its normal distributions at two deviations; these are whole.
fn initializer(weights: config::Weights) -> Initializer {
    use config::Weights::*;
    // Burn's Kaiming initialisers have the variance gain² / inputs: gain √2 is He's, 1 is LeCun's.
    let he = std::f64::consts::SQRT_2;
    match weights {
        GlorotUniform => Initializer::XavierUniform { gain: 1.0 },
        GlorotNormal => Initializer::XavierNormal { gain: 1.0 },
        HeUniform => Initializer::KaimingUniform { gain: he, fan_out_only: false },
        HeNormal => Initializer::KaimingNormal { gain: he, fan_out_only: false },
        LecunUniform => Initializer::KaimingUniform { gain: 1.0, fan_out_only: false },
        LecunNormal => Initializer::KaimingNormal { gain: 1.0, fan_out_only: false },
    }
}

fn activation(name: config::Activation) -> ActivationConfig {
    match name {
        config::Activation::Relu => ActivationConfig::Relu,
        config::Activation::Sigmoid => ActivationConfig::Sigmoid,
        config::Activation::Tanh => ActivationConfig::Tanh,
        config::Activation::Gelu => ActivationConfig::Gelu,
    }
}
