//! The network: a multi-layer perceptron as a Burn [`Module`]. On a CPU, [`passes`](super::passes) train it.

use std::collections::BTreeMap;

use burn::module::{Initializer, Lora, Module, ModuleMapper, Param, ParamGroup, ParamId};
use burn::nn::activation::{Activation, ActivationConfig};
use burn::nn::{
    BatchNorm, BatchNormConfig, Dropout, DropoutConfig, GaussianNoise, GaussianNoiseConfig, Linear, LinearConfig,
};
use burn::tensor::{Device, Tensor};

use crate::config::{self, BATCH_NORM_MOMENTUM, Init, Model};
use crate::random::{Purpose, derived_seed, keep_burns_generator};

/// Hidden layers `y = dropout(σ(norm(Wx + b) + noise))`, one after the other, then an output layer that gives the
/// logits. The noise is scaled as if it were added before the scale and shift of batch normalisation.
#[derive(Module, Debug)]
pub struct Mlp {
    hidden: Vec<Linear>,
    /// One for each hidden layer, or empty.
    pub(crate) norm: Vec<BatchNorm>,
    output: Linear,
    pub(crate) activation: Activation,
    /// Also added to the images.
    pub(crate) noise: GaussianNoise,
    pub(crate) dropout: Dropout,
}

impl Mlp {
    /// A randomly initialised network for flattened images of `inputs` pixels and labels below `classes`. The device's
    /// generator draws each layer's weights, from a seed derived from `seed` and the layer's number. Without a `seed`, they
    /// are 0: drawing weights that a file's will replace takes time.
    pub fn new(model: &Model, init: &Init, inputs: usize, classes: usize, seed: Option<u64>, device: &Device) -> Self {
        let weights = if seed.is_some() { initializer(init.weights) } else { Initializer::Zeros };
        let dense = |(layer, pair): (u64, &[usize])| {
            seed.iter().for_each(|&seed| device.seed(derived_seed(seed, Purpose::Weights { layer })));
            let linear = LinearConfig::new(pair[0], pair[1]).with_initializer(weights.clone()).init(device);
            // Burn draws a parameter at its first use, so the values would depend on the order of use.
            linear.weight.val();
            // Its own default draws the biases, too.
            Linear { bias: Some(Initializer::Zeros.init([pair[1]], device)), ..linear }
        };
        let _kept = keep_burns_generator();
        let widths: Vec<usize> = [&[inputs], &model.hidden[..], &[classes]].concat();
        let mut layers: Vec<Linear> = (0..).zip(widths.windows(2)).map(dense).collect();
        let output = layers.remove(model.hidden.len());
        let momentum = model.batch_norm_momentum.unwrap_or(BATCH_NORM_MOMENTUM);
        let norm = |width| BatchNormConfig::new(width).with_momentum(momentum).init(device);
        let network = Self {
            hidden: layers,
            norm: model.hidden.iter().filter(|_| model.batch_norm).map(|&width| norm(width)).collect(),
            output,
            activation: activation(model.activation).init(device),
            noise: GaussianNoiseConfig::new(model.noise).init(),
            dropout: DropoutConfig::new(model.dropout).init(),
        };
        network.map(&mut Numbering::default())
    }

    /// The network with low-rank matrices beside the weights of the layers that `lora` names, if it is on: A is drawn from
    /// N(0, 1 / rank²), and B is 0, so it computes the same. [`Module::materialize`] merges them.
    pub fn with_lora(self, lora: &config::Lora, seed: u64) -> Self {
        let Some((rank, alpha)) = lora.rank.zip(lora.alpha) else { return self };
        let _kept = keep_burns_generator();
        self.output.weight.device().seed(derived_seed(seed, Purpose::Lora));
        let adapted = own_weights(&lora.layers);
        // Burn freezes all weights.
        let network = self.apply_lora(Lora::new(rank, alpha).set_param_group(adapted.clone()));
        network.map(&mut Numbering::default()).unfreeze_group(ParamGroup::all().exclude(adapted))
    }

    /// Logits, `[batch, classes]`, of flattened images, `[batch, inputs]`. Softmax turns them into probabilities. Noise and
    /// dropout are active, and batch normalisation uses the batch's statistics, on an autodiff device only.
    pub fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        let mut x = self.noise.forward(images);
        for (layer, linear) in self.hidden.iter().enumerate() {
            let z = self.noisy(linear.forward(x), self.norm.get(layer));
            x = self.dropout.forward(self.activation.forward(z));
        }
        self.output.forward(x)
    }

    /// `norm(z)` with noise, `[batch, units]`: v, or γ·v after batch normalisation with its scale γ, as if v were added to
    /// the normalised values, of standard deviation 1. So a layer can't drown the noise with a larger scale.
    fn noisy(&self, z: Tensor<2>, norm: Option<&BatchNorm>) -> Tensor<2> {
        let Some(norm) = norm else { return self.noise.forward(z) };
        let y = norm.forward(z);
        if self.noise.std == 0.0 || !y.device().is_autodiff() {
            return y;
        }
        y.clone() + self.noise.forward(y.zeros_like()) * norm.gamma.val().unsqueeze()
    }

    /// The shape of each tensor by name, as in PyTorch, without the network: a config can ask for one too large for the memory.
    pub fn tensors(model: &Model, inputs: usize, classes: usize) -> BTreeMap<String, Vec<usize>> {
        let mut tensors = BTreeMap::new();
        for (layer, pair) in [&[inputs], &model.hidden[..], &[classes]].concat().windows(2).enumerate() {
            let name = if layer < model.hidden.len() { format!("hidden.{layer}") } else { "output".into() };
            tensors.insert(format!("{name}.weight"), vec![pair[1], pair[0]]);
            tensors.insert(format!("{name}.bias"), vec![pair[1]]);
        }
        for (number, &width) in model.hidden.iter().enumerate().filter(|_| model.batch_norm) {
            for part in ["weight", "bias", "running_mean", "running_var"] {
                tensors.insert(format!("norm.{number}.{part}"), vec![width]);
            }
        }
        tensors
    }

    /// The number of trainable parameters: all except batch normalisation's running statistics.
    pub fn trained_parameters(&self) -> usize {
        self.num_params() - self.norm.iter().map(|norm| 2 * norm.gamma.shape().num_elements()).sum::<usize>()
    }

    /// Floating-point operations of one image's forward and backward pass with these layers `frozen`: in each layer, for each
    /// weight, two forwards, two for its gradient if it learns, and two for the inputs' gradients if an earlier layer learns.
    pub fn training_operations(&self, frozen: &[String]) -> u64 {
        let learns = |name: String| !frozen.contains(&name);
        let (mut before, mut operations) = (false, 0);
        for (number, layer) in self.layers().enumerate() {
            let name = if number < self.hidden.len() { format!("hidden.{number}") } else { "output".into() };
            let layer_learns = learns(name);
            let products = 1 + u64::from(layer_learns) + u64::from(before);
            operations += products * 2 * layer.weight.shape().num_elements() as u64;
            before |= layer_learns || number < self.norm.len() && learns(format!("norm.{number}"));
        }
        operations
    }

    /// The weights of the first layer, `[units, inputs]`.
    pub fn first_weights(&self) -> Tensor<2> {
        self.hidden.first().unwrap_or(&self.output).weight.val().transpose()
    }

    pub(crate) fn layers(&self) -> impl Iterator<Item = &Linear> {
        self.hidden.iter().chain([&self.output])
    }
}

/// The parameters of the layers of these names, and the flag of batch normalisation that says whether it learns: frozen, it
/// also keeps its running statistics, and normalises with them in training, too.
pub fn layer_group(layers: &[String]) -> ParamGroup {
    // Burn calls batch normalisation's weight `gamma` and its bias `beta`.
    group(layers, &["weight", "weight.lora.a", "weight.lora.b", "bias", "gamma", "beta", "training"])
}

/// The weights and biases of the layers of these names, without the matrices of low-rank adaptation.
pub fn own_weights(layers: &[String]) -> ParamGroup {
    group(layers, &["weight", "bias"])
}

fn group(layers: &[String], parts: &[&str]) -> ParamGroup {
    let paths = layers.iter().flat_map(|layer| parts.iter().map(move |part| format!("{layer}.{part}")));
    ParamGroup::from_paths(paths.collect())
}

/// Numbers the parameters in order, for an optimiser's state. With Burn's random numbers, the files of equal runs would differ.
#[derive(Default)]
struct Numbering(u64);

impl ModuleMapper for Numbering {
    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 1;
        let (_, value, mapper) = parameter.consume();
        Param::from_mapped_value(ParamId::from(self.0), value, mapper)
    }
}

/// Burn's initialiser of this name. Keras truncates its normal distributions at two standard deviations, Burn does not.
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

pub fn activation(name: config::Activation) -> ActivationConfig {
    match name {
        config::Activation::Relu => ActivationConfig::Relu,
        config::Activation::Sigmoid => ActivationConfig::Sigmoid,
        config::Activation::Tanh => ActivationConfig::Tanh,
        config::Activation::Gelu => ActivationConfig::Gelu,
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::device;
    use crate::model::weights;

    #[test]
    fn networks_made_on_several_threads_have_the_weights_of_their_seed() {
        let opened = device::list().into_iter().flat_map(|(_, adapters)| adapters).find(device::Opened::shares_memory);
        let device = opened.unwrap().device;
        let model = config::Model { hidden: vec![40, 30], ..config::Model::default() };
        let made =
            |seed| weights::to_bytes(&Mlp::new(&model, &config::Init::default(), 50, 3, Some(seed), &device)).unwrap();
        let alone = [made(1), made(2)];
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..200 {
                        assert!(made(1 + number % 2) == alone[number as usize % 2], "network {number} differs");
                    }
                });
            }
        });
    }
}
