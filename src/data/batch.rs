//! From bytes to tensors: one batch of images, scaled and flattened, with its labels.

use std::{array, sync::Arc};

use burn::data::dataloader::{Dataset, batcher::Batcher};
use burn::data::dataset::DatasetError;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use super::images::Images;

/// The labelled images of one step, and its unlabelled ones.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The labelled images.
    pub images: BatchImages,
    /// `[batch]`, each a class from 0.
    pub targets: Tensor<1, Int>,
    /// The images without labels, if there are any.
    pub unlabelled: Option<Unlabelled>,
    /// The seed of this step's noise and dropout.
    pub seed: u64,
    /// The factor of the labelled images' mean loss: their fraction of the update's labelled images.
    pub loss_weight: f64,
}

impl Batch {
    /// A whole update of `images`, `[batch, height · width]`, and their labels. The caller sets the seed.
    pub fn new(images: Tensor<2>, labels: Vec<i32>) -> Self {
        let targets = Tensor::from_ints(labels.as_slice(), &images.device());
        Self { images: BatchImages::Scaled(images), targets, unlabelled: None, seed: 0, loss_weight: 1.0 }
    }

    /// The labelled images, `[batch, height · width]`, scaled.
    pub fn images(&self) -> Tensor<2> {
        self.images.scaled(&self.targets.device())
    }
}

/// Images without labels.
#[derive(Debug, Clone)]
pub struct Unlabelled {
    /// The images, not augmented.
    pub plain: BatchImages,
    /// The same images, augmented like labelled ones.
    pub augmented: BatchImages,
    /// The factor of their mean loss: their fraction of the update's unlabelled images.
    pub loss_weight: f64,
}

/// Images of a batch.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a batch has at most three")]
pub enum BatchImages {
    /// On a device, `[images, height · width]`, scaled.
    Scaled(Tensor<2>),
    /// In host memory.
    Bytes {
        /// `[images, height · width]`.
        bytes: Vec<u8>,
        /// The number of pixels of an image.
        area: usize,
        /// How to scale them.
        batcher: ImageBatcher,
    },
}

impl BatchImages {
    /// The number of images.
    #[expect(clippy::len_without_is_empty, reason = "a batch has images")]
    pub fn len(&self) -> usize {
        match self {
            Self::Scaled(images) => images.dims()[0],
            Self::Bytes { bytes, area, .. } => bytes.len() / area,
        }
    }

    /// The images on `device`, `[images, height · width]`, scaled.
    pub fn scaled(&self, device: &Device) -> Tensor<2> {
        match self {
            Self::Scaled(images) => images.clone(),
            Self::Bytes { bytes, area, batcher } => batcher.images(bytes.chunks_exact(*area), device),
        }
    }
}

/// How a byte becomes a number: `(byte / 255 - mean) / deviation`.
#[derive(Debug, Clone, Copy, SmartDefault, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// The value that becomes 0, as a fraction of 255.
    pub mean: f64,
    /// The difference that becomes 1, as a fraction of 255.
    #[default(1.0)]
    pub deviation: f64,
}

impl Scaling {
    /// Scales to [0, 1].
    pub const UNIT: Self = Self { mean: 0.0, deviation: 1.0 };

    /// Scales to mean 0 and standard deviation 1 over the pixels of `images` at `indices`.
    pub fn standardizing(images: &Images, indices: &[usize]) -> Self {
        let mut histogram = [0u64; 256];
        indices.iter().flat_map(|&index| images.pixels(index)).for_each(|&pixel| histogram[usize::from(pixel)] += 1);
        let count = histogram.iter().sum::<u64>() as f64;
        let levels = || histogram.iter().enumerate().map(|(byte, &n)| (byte as f64 / 255.0, n as f64));
        let mean = levels().map(|(pixel, n)| n * pixel).sum::<f64>() / count;
        let variance = levels().map(|(pixel, n)| n * (pixel - mean).powi(2)).sum::<f64>() / count;
        // If all pixels are equal, their deviation is 0, which can't be a divisor.
        Self { mean, deviation: if variance > 0.0 { variance.sqrt() } else { 1.0 } }
    }
}

/// Burn's [`Batcher`] for images: one table look-up per pixel.
#[derive(Debug, Clone)]
pub struct ImageBatcher {
    /// The value of each byte after scaling.
    pub(crate) values: Arc<[f32; 256]>,
}

impl ImageBatcher {
    /// A batcher that scales pixels by `scaling`.
    pub fn new(scaling: Scaling) -> Self {
        let value = |byte: usize| ((byte as f64 / 255.0 - scaling.mean) / scaling.deviation) as f32;
        Self { values: Arc::new(array::from_fn(value)) }
    }

    /// The pixels, scaled.
    pub fn scaled(&self, pixels: &[u8]) -> impl ExactSizeIterator<Item = f32> {
        pixels.iter().map(|&pixel| self.values[usize::from(pixel)])
    }

    /// Scales images of equal size: `[images, height · width]`.
    pub fn images<'a>(&self, images: impl ExactSizeIterator<Item = &'a [u8]>, device: &Device) -> Tensor<2> {
        let count = images.len();
        let mut values = Vec::new();
        for pixels in images {
            values.reserve(count * pixels.len() - values.len());
            values.extend(self.scaled(pixels));
        }
        let width = values.len() / count.max(1);
        Tensor::from_data(TensorData::new(values, [count, width]), device)
    }
}

/// The pixels and the label of each image, for Burn's own loaders.
impl Dataset<(Vec<u8>, u8)> for Images {
    fn get(&self, index: usize) -> Result<(Vec<u8>, u8), DatasetError> {
        Ok((self.pixels(index).to_vec(), self.labels()[index]))
    }

    fn len(&self) -> usize {
        self.len()
    }
}

impl Batcher<(Vec<u8>, u8), Batch> for ImageBatcher {
    fn batch(&self, items: Vec<(Vec<u8>, u8)>, device: &Device) -> Batch {
        let (pixels, labels): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        Batch::new(self.images(pixels.iter().map(Vec::as_slice), device), labels.into_iter().map(i32::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_scaling_divides_by_255_as_keras_does() {
        let bytes: Vec<u8> = (0..=255).collect();
        let expected = bytes.iter().map(|&byte| f32::from(byte) / 255.0);
        assert!(ImageBatcher::new(Scaling::UNIT).scaled(&bytes).eq(expected));
    }

    #[test]
    fn standardised_pixels_have_mean_0_and_deviation_1() {
        let images = Images::new(vec![0, 255, 0, 0, 128, 255, 9, 9], vec![0, 1], [2, 2], 2);
        let scaling = Scaling::standardizing(&images, &[0, 1]);
        let batcher = ImageBatcher::new(scaling);
        let values: Vec<f64> = (0..2).flat_map(|i| batcher.scaled(images.pixels(i)).map(f64::from)).collect();
        let mean = values.iter().sum::<f64>() / 8.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 8.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6, "{mean} {variance}");
    }

    #[test]
    fn scaling_is_measured_on_the_training_split_only() {
        let images = Images::new(vec![10, 20, 200, 100], vec![0, 1], [1, 2], 2);
        assert_eq!(Scaling::standardizing(&images, &[0]).mean, 15.0 / 255.0);
    }
}
