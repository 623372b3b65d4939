//! The batches of one pass through the data set: which images each has, and how it is made.

use std::borrow::Cow;
use std::ops::Range;

use burn::tensor::{Tensor, TensorData};
use rand::RngExt;

use super::Loader;
use crate::data::augment::Sample;
use crate::data::batch::{Batch, BatchImages, Unlabelled};
use crate::random::{Key, Purpose, derived_seed};

/// One pass through the data set.
pub struct Epoch {
    /// Counted from 1.
    pub number: u64,
    pub order: Vec<Sample>,
    pub unlabelled: Vec<Sample>,
    pub loader: Loader,
}

impl Epoch {
    /// The batch at `index`, from 0, among those of this device; `None` after the last one.
    pub fn batch(&self, index: usize) -> Option<Batch> {
        let Loader { images, batch_size, unlabelled_per_batch, devices, part, .. } = &self.loader;
        let index = index * devices + part;
        if index >= self.loader.batches() {
            return None;
        }
        let (samples, loss_weight) = match &self.loader.sampling {
            Some((key, rate)) => self.sampled(key, *rate, index),
            None => {
                let (samples, loss_weight) = self.part_of_update(&self.order, *batch_size, index);
                (samples.into(), loss_weight)
            }
        };
        let step = Purpose::Step { epoch: self.number, batch: index as u64 };
        let seed = self.loader.shuffle.map_or(0, |seed| derived_seed(seed, step));
        if let Some(on_device) = self.loader.device_images() {
            let (images, targets) = on_device.at(samples.iter().map(|sample| sample.index));
            let images = BatchImages::Scaled(images);
            return Some(Batch { images, targets, unlabelled: None, seed, loss_weight });
        }
        let labels: Vec<i32> = samples.iter().map(|sample| i32::from(images.labels()[sample.index])).collect();
        let targets = Tensor::from_data(TensorData::new(labels, [samples.len()]), &self.loader.device);
        let unlabelled = (!self.unlabelled.is_empty()).then(|| {
            let (samples, loss_weight) = self.part_of_update(&self.unlabelled, *unlabelled_per_batch, index);
            Unlabelled { plain: self.plain(samples), augmented: self.augmented(samples), loss_weight }
        });
        Some(Batch { images: self.augmented(&samples), targets, unlabelled, seed, loss_weight })
    }

    /// A Poisson sample for the batch at `index`, which takes each image with the probability `rate`, and its weight.
    fn sampled(&self, key: &Key, rate: f64, index: usize) -> (Cow<'_, [Sample]>, f64) {
        let step = (self.number - 1) * self.loader.batches() as u64 + index as u64;
        let mut generator = key.generator(Purpose::Sampling { step });
        let samples: Vec<Sample> = self.order.iter().copied().filter(|_| generator.random::<f64>() < rate).collect();
        // An image that does not count stands for no image.
        if samples.is_empty() { (self.order[..1].into(), 0.0) } else { (samples.into(), 1.0) }
    }

    /// The images, augmented.
    fn augmented(&self, samples: &[Sample]) -> BatchImages {
        match &self.loader.augmentation {
            Some(augmentation) => self.images_of(augmentation.pixels(&self.loader.images, samples)),
            None => self.plain(samples),
        }
    }

    /// The images as they are in the data set.
    fn plain(&self, samples: &[Sample]) -> BatchImages {
        let pixels = samples.iter().map(|sample| self.loader.images.pixels(sample.index));
        self.images_of(pixels.collect::<Vec<_>>().concat())
    }

    fn images_of(&self, bytes: Vec<u8>) -> BatchImages {
        let Loader { images, batcher, device, as_bytes, .. } = &self.loader;
        let bytes = BatchImages::Bytes { bytes, area: images.size().iter().product(), batcher: batcher.clone() };
        if *as_bytes { bytes } else { BatchImages::Scaled(bytes.scaled(device)) }
    }

    /// The images of the batch at `index`, among those of all devices, with `size` images in each batch but the last one.
    /// Also the batch's fraction of the images of its update.
    fn part_of_update<'a>(&self, samples: &'a [Sample], size: usize, index: usize) -> (&'a [Sample], f64) {
        let in_update = self.loader.accumulation * self.loader.devices;
        let first = index / in_update * in_update;
        let images = self.of_batches(samples, size, index..index + 1);
        let fraction = images.len() as f64 / self.of_batches(samples, size, first..first + in_update).len() as f64;
        (images, fraction)
    }

    /// The images of some batches.
    fn of_batches<'a>(&self, samples: &'a [Sample], size: usize, batches: Range<usize>) -> &'a [Sample] {
        let end = if batches.end < self.loader.batches() { batches.end * size } else { samples.len() };
        &samples[(batches.start * size).min(end)..end]
    }

    /// The number of images in all batches of this device.
    pub fn images(&self) -> usize {
        let Loader { batch_size, unlabelled_per_batch, devices, part, .. } = &self.loader;
        let of = |index| {
            let of = |samples, size| self.of_batches(samples, size, index..index + 1).len();
            of(&self.order, *batch_size) + of(&self.unlabelled, *unlabelled_per_batch)
        };
        (*part..self.loader.batches()).step_by(*devices).map(of).sum()
    }
}
