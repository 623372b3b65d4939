//! A network in integers of 8 bits: weights with a scale for each unit, and the inputs of each layer with one for their range
//! over training images (<https://arxiv.org/abs/1712.05877>).

use burn::tensor::{Device, Tensor};

use super::network::{Int8, Network};
use crate::data::{ImageBatcher, Images};
use crate::evaluation::{EVALUATION_BATCH, EvaluationError};

/// The largest weight. With 127, a processor without VNNI instructions would overflow in the sum of two products.
const LARGEST_WEIGHT: f32 = 64.0;
/// The number of training images from which the ranges are measured.
const CALIBRATION: usize = 1000;

impl Network {
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

    /// The number of `images` that are misclassified. Integers count as the numbers for which they stand.
    pub fn errors(&self, images: &Images, device: &Device) -> Result<usize, EvaluationError> {
        let indices: Vec<usize> = (0..images.len()).collect();
        let wrong = indices.chunks(EVALUATION_BATCH).map(|batch| {
            let classes = self.logits(self.scaled(images, batch, device), |_| ()).argmax(1).try_into_data()?;
            let pairs = classes.iter::<i64>().zip(batch);
            Ok(pairs.filter(|&(class, &index)| class != i64::from(images.labels()[index])).count())
        });
        wrong.sum()
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
