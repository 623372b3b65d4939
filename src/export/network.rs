//! A trained network as other programs compute it: fully connected layers with an activation between them, also in integers of
//! 8 bits, with a scale for each unit's weights and one for each layer's inputs (<https://arxiv.org/abs/1712.05877>).

use std::{collections::BTreeMap, path::Path};

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};

use crate::config::Model;
use crate::data::{ImageBatcher, Images};
use crate::evaluation::{EVALUATION_BATCH, EvaluationError};
use crate::model::{Description, Mlp, Stored, WeightsError, activation, from_safetensors, to_single, weights};

/// Burn's and PyTorch's ε of batch normalisation.
const EPSILON: f64 = 1e-5;
/// The largest weight. With 127, a processor without VNNI instructions would overflow in the sum of two products.
const LARGEST_WEIGHT: f32 = 64.0;
/// The number of training images from which the ranges are measured.
const CALIBRATION: usize = 1000;
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

/// A layer's weights are `weight_scale · int8`, inputs `scale · (uint8 - zero_point)`, biases `weight_scale · scale · int32`.
pub struct Int8 {
    /// One for each unit.
    pub weight_scales: Vec<f32>,
    pub scale: f32,
    pub zero_point: u8,
}

impl Network {
    /// The network in `bytes`, the content of the safetensors file `path`. Refused if its tensors are not `model`'s.
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
        let tensor = |it: &[f32], shape: [usize; 2]| Tensor::from_data(TensorData::new(it.to_vec(), shape), &device);
        let activation = activation(self.description.activation).init(&device);
        // The inputs, rounded to numbers for which integers stand.
        let rounded = |x: Tensor<2>, &Int8 { scale, zero_point, .. }: &Int8| {
            let zero_point = f32::from(zero_point);
            (((x / scale).round() + zero_point).clamp(0.0, 255.0) - zero_point) * scale
        };
        self.layers.iter().fold(images, |x, layer| {
            seen(&x);
            let (x, units) = (layer.int8.iter().fold(x, rounded), layer.bias.len());
            let weight: Tensor<2> = tensor(&layer.weight, [units, layer.inputs]);
            let sum = x.matmul(weight.transpose()) + tensor(&layer.bias, [1, units]);
            if layer.name == OUTPUT { sum } else { activation.forward(sum) }
        })
    }

    /// Rounds the network to integers. `images` are training images.
    pub fn quantize(&mut self, images: &Images, device: &Device) -> Result<(), EvaluationError> {
        // 0 is in each range, as a whole number stands for it.
        let mut ranges = vec![[0.0_f32; 2]; self.layers.len()];
        let indices: Vec<usize> = (0..images.len()).step_by((images.len() / CALIBRATION).max(1)).collect();
        for batch in indices.chunks(EVALUATION_BATCH) {
            let mut seen = vec![];
            self.logits(self.scaled(images, batch, device), |inputs| seen.push(inputs.clone()));
            for (range, inputs) in ranges.iter_mut().zip(seen) {
                let extend = |[least, most]: [f32; 2], x: f32| [least.min(x), most.max(x)];
                *range = inputs.try_into_data()?.iter::<f32>().fold(*range, extend);
            }
        }
        let step = |range: f32, steps: f32| if range > 0.0 { range / steps } else { 1.0 };
        for (layer, [least, most]) in self.layers.iter_mut().zip(ranges) {
            let scale = step(most - least, 255.0);
            let round = |number: &mut f32, step: f32| *number = (*number / step).round() * step;
            let mut weight_scales = vec![];
            for (row, bias) in layer.weight.chunks_exact_mut(layer.inputs).zip(&mut layer.bias) {
                let of_unit = step(row.iter().fold(0.0, |largest, w| w.abs().max(largest)), LARGEST_WEIGHT);
                row.iter_mut().for_each(|w| round(w, of_unit));
                round(bias, of_unit * scale);
                weight_scales.push(of_unit);
            }
            layer.int8 = Some(Int8 { weight_scales, scale, zero_point: (-least / scale).round() as u8 });
        }
        Ok(())
    }

    /// The logits of an image whose pixels count from 0 to 255 again and again, to check the network in other programs.
    pub fn logits_of_a_ramp(&self, device: &Device) -> Result<Vec<f32>, EvaluationError> {
        let pixels: Vec<u8> = (0..self.layers[0].inputs).map(|pixel| pixel as u8).collect();
        let image = ImageBatcher::new(self.description.pixels.scaling).images([&pixels[..]].into_iter(), device);
        Ok(self.logits(image, |_| ()).try_into_data()?.iter().collect())
    }

    fn scaled(&self, images: &Images, batch: &[usize], device: &Device) -> Tensor<2> {
        let pixels = batch.iter().map(|&index| images.pixels(index));
        ImageBatcher::new(self.description.pixels.scaling).images(pixels, device)
    }
}

/// How many `images` the mean of the networks' probabilities misclassifies. Integers count as the numbers that they stand for.
pub fn errors(networks: &[Network], images: &Images, device: &Device) -> Result<usize, EvaluationError> {
    let indices: Vec<usize> = (0..images.len()).collect();
    let wrong = indices.chunks(EVALUATION_BATCH).map(|batch| {
        let probabilities = |it: &Network| softmax(it.logits(it.scaled(images, batch, device), |_| ()), 1);
        let sum = networks.iter().map(probabilities).reduce(|sum, own| sum + own);
        let classes = sum.expect("there is a network").argmax(1).try_into_data()?;
        let pairs = classes.iter::<i64>().zip(batch);
        Ok(pairs.filter(|&(class, &index)| class != i64::from(images.labels()[index])).count())
    });
    wrong.sum()
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
