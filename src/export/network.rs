//! A trained network as other programs compute it: fully connected layers with an activation between them.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Tensor, TensorData};

use crate::config::Model;
use crate::model::{Description, Mlp, Stored, WeightsError, activation, from_safetensors, to_single, weights};

/// Burn's and PyTorch's ε of batch normalisation.
const EPSILON: f64 = 1e-5;
/// The name of the output layer.
pub const OUTPUT: &str = "output";

/// A trained network. The output layer is the last.
pub struct Network {
    pub layers: Vec<Layer>,
    pub description: Description,
}

/// A fully connected layer, `y = Wx + b`, with batch normalisation folded in.
pub struct Layer {
    /// `hidden.N` or [`OUTPUT`].
    pub name: String,
    pub inputs: usize,
    /// `[units, inputs]`.
    pub weight: Vec<f32>,
    /// `[units]`.
    pub bias: Vec<f32>,
    /// How its numbers were rounded, if they were.
    pub int8: Option<Int8>,
}

/// The numbers for which a layer's integers stand: `weight = weight_scale · int8`, `input = scale · (uint8 - zero_point)`, and
/// `bias = weight_scale · scale · int32`.
pub struct Int8 {
    /// One for each unit.
    pub weight_scales: Vec<f32>,
    pub scale: f32,
    pub zero_point: u8,
}

impl Int8 {
    /// The inputs, rounded to numbers for which integers stand.
    pub fn rounded(&self, inputs: Tensor<2>) -> Tensor<2> {
        let zero_point = f32::from(self.zero_point);
        (((inputs / self.scale).round() + zero_point).clamp(0.0, 255.0) - zero_point) * self.scale
    }
}

impl Network {
    /// The network in `bytes`, the content of the safetensors file `path`. Refused if it has other tensors than `model`.
    pub fn new(bytes: Vec<u8>, path: &Path, model: &Model, description: Description) -> Result<Self, WeightsError> {
        let (bytes, inputs) = (to_single(bytes, path)?, description.architecture.inputs());
        weights::check(&Mlp::tensors(model, inputs, description.classes.len()), &bytes, path)?;
        let tensors = from_safetensors(&bytes, path)?;
        let names = (0..model.hidden.len()).map(|number| format!("hidden.{number}")).chain([OUTPUT.into()]);
        let widths = [&[inputs], &model.hidden[..]].concat();
        let layers = names.zip(widths).map(|(name, inputs)| Layer::new(name, inputs, &tensors)).collect();
        Ok(Self { layers, description })
    }

    /// Logits, `[batch, classes]`, of scaled images, `[batch, pixels]`. `seen` gets the inputs of each layer.
    pub fn logits(&self, images: Tensor<2>, mut seen: impl FnMut(&Tensor<2>)) -> Tensor<2> {
        let device = images.device();
        let tensor =
            |values: &[f32], shape: [usize; 2]| Tensor::from_data(TensorData::new(values.to_vec(), shape), &device);
        let activation = activation(self.description.activation).init(&device);
        self.layers.iter().fold(images, |x, layer| {
            seen(&x);
            let (x, units) = (layer.int8.iter().fold(x, |x, int8| int8.rounded(x)), layer.bias.len());
            let weight: Tensor<2> = tensor(&layer.weight, [units, layer.inputs]);
            let sum = x.matmul(weight.transpose()) + tensor(&layer.bias, [1, units]);
            if layer.name == OUTPUT { sum } else { activation.forward(sum) }
        })
    }
}

impl Layer {
    /// The layer `name`. With batch normalisation it is `γ (Wx + b - mean) / √(var + ε) + β`.
    fn new(name: String, inputs: usize, tensors: &BTreeMap<String, Stored>) -> Self {
        let values = |layer: &str, part: &str| tensors.get(&format!("{layer}.{part}")).map(Stored::values);
        let [mut weight, mut bias] = ["weight", "bias"].map(|part| values(&name, part).unwrap_or_default());
        let norm = name.replace("hidden", "norm");
        let norm = ["weight", "bias", "running_mean", "running_var"].map(|part| values(&norm, part));
        if let [Some(gamma), Some(beta), Some(mean), Some(variance)] = norm {
            for (unit, row) in weight.chunks_exact_mut(inputs).enumerate() {
                let [gamma, beta, mean, variance] = [&gamma, &beta, &mean, &variance].map(|list| f64::from(list[unit]));
                let factor = gamma / (variance + EPSILON).sqrt();
                row.iter_mut().for_each(|w| *w = (f64::from(*w) * factor) as f32);
                bias[unit] = ((f64::from(bias[unit]) - mean) * factor + beta) as f32;
            }
        }
        Self { name, inputs, weight, bias, int8: None }
    }
}
