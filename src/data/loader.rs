//! A Burn `DataLoader` whose order depends only on the seed and the epoch. The order of Burn's own loader depends on
//! what was drawn before, and with several workers on which one is fastest.

mod epoch;

use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::seq::SliceRandom;
use smart_default::SmartDefault;

use super::augment::{Augmentation, Sample};
use super::batch::{ImageBatcher, Scaling};
use super::epoch_plan::EpochPlan;
use super::images::Images;
use crate::random::{Key, Purpose, generator};

/// Goes through a data set in batches, which may also have images without labels. The last one has what is left.
#[derive(Clone, SmartDefault)]
pub struct Loader {
    images: Arc<Images>,
    /// The images to use, in their order without shuffling.
    indices: Arc<[usize]>,
    /// The batches of an epoch, which continues the passes through `indices` where the one before ended.
    pub plan: EpochPlan,
    #[default(ImageBatcher::new(Scaling::UNIT))]
    batcher: ImageBatcher,
    /// The images whose labels are not used.
    pub unlabelled: Arc<[usize]>,
    /// The number of batches of one device in an update, whose last one in an epoch has the rest.
    #[default(1)]
    pub accumulation: usize,
    /// The number of devices, to which the batches go in turn. An update has `accumulation` batches from each.
    #[default(1)]
    pub devices: usize,
    /// The device that this loader is for, from 0.
    part: usize,
    /// The number of loaders for one device that have been made from this one.
    parts: Arc<AtomicUsize>,
    /// The seed of the order, which differs in every epoch. Without it, the order is that of the data set.
    pub shuffle: Option<u64>,
    /// Changes the images, differently in every epoch.
    pub augmentation: Option<Augmentation>,
    /// Poisson sampling, for private training: each batch takes each image independently with this rate, by a secret key.
    pub sampling: Option<(Key, f64)>,
    /// The number of epochs that have been started. Burn copies the loader to choose a device; the copies share this.
    pub epochs: Arc<AtomicU64>,
    /// The number of threads that make batches ahead of their use. With 0, each batch is made when it is requested.
    pub threads: usize,
    #[default(Device::flex())]
    device: Device,
    /// Whether batches have bytes in host memory instead of tensors.
    pub as_bytes: bool,
    /// Whether the device stores the images, unless they are augmented, too many, or combined with unlabelled ones.
    pub keep_on_device: bool,
    /// The images on the device, sent in the first epoch.
    on_device: Arc<OnceLock<DeviceImages>>,
}

impl Loader {
    /// Goes through the images at `indices` in batches of `batch_size`, in the given order.
    pub fn new(images: &Arc<Images>, indices: Vec<usize>, scaling: Scaling, batch_size: usize, device: Device) -> Self {
        Self {
            images: images.clone(),
            plan: EpochPlan::one_pass(indices.len(), batch_size),
            indices: indices.into(),
            batcher: ImageBatcher::new(scaling),
            device,
            ..Self::default()
        }
    }

    fn device_images(&self) -> Option<&DeviceImages> {
        let Self { images, indices, batcher, device, .. } = self;
        let is_plain = self.augmentation.is_none() && self.unlabelled.is_empty() && !indices.is_empty();
        let fits = images.area().div_ceil(4).saturating_mul(4 * indices.len()) <= MOST;
        let is_gathered = self.keep_on_device && is_plain && fits;
        is_gathered.then(|| self.on_device.get_or_init(|| DeviceImages::new(images, indices, batcher, device)))
    }

    fn order(&self, epoch: u64) -> Vec<Sample> {
        let images = self.indices.len().max(1) as u64;
        let start = (epoch - 1) * self.plan.images as u64;
        let passes = start / images + 1..=(start + self.plan.images as u64).div_ceil(images);
        let samples = passes.flat_map(|epoch| self.pass(&self.indices, Purpose::Order { epoch }, epoch));
        samples.skip((start % images) as usize).take(self.plan.images).collect()
    }

    /// One pass over the images at `indices`, in an order for that purpose.
    fn pass(&self, indices: &[usize], order: Purpose, epoch: u64) -> Vec<Sample> {
        let mut samples: Vec<Sample> = indices.iter().map(|&index| Sample { index, epoch }).collect();
        if let Some(seed) = self.shuffle {
            samples.shuffle(&mut generator(seed, order));
        }
        samples
    }
}

/// The most bytes of pixels that a device stores: Mesa's software Vulkan does not allow larger buffers.
const MOST: usize = 1 << 27;

/// Images of a data set and their labels in the memory of a device: for each batch, the host then sends only their indices.
#[derive(Debug)]
pub struct DeviceImages {
    /// `[images, words]`, four pixels each, as not all GPUs have bytes: one from each quarter of the image, the first lowest.
    words: Tensor<2, Int>,
    /// `[images]`.
    labels: Tensor<1, Int>,
    /// The value of each byte after scaling, `[256]`.
    values: Tensor<1>,
    area: usize,
    /// The row of each image of the data set, by index; 0 for images that are not on the device.
    rows: Vec<i32>,
}

impl DeviceImages {
    pub fn new(images: &Images, indices: &[usize], batcher: &ImageBatcher, device: &Device) -> Self {
        let (area, count) = (images.area(), indices.len());
        let quarter = area.div_ceil(4);
        let mut rows = vec![0; images.len()];
        let mut words = Vec::with_capacity(count * quarter);
        for (row, &index) in (0..).zip(indices) {
            rows[index] = row;
            let pixels = images.pixels(index);
            let byte = |pixel: usize| pixels.get(pixel).copied().unwrap_or(0);
            words.extend((0..quarter).map(|i| i32::from_le_bytes([0, 1, 2, 3].map(|part| byte(i + part * quarter)))));
        }
        let labels: Vec<i32> = indices.iter().map(|&index| images.labels()[index].into()).collect();
        Self {
            words: Tensor::from_data(TensorData::new(words, [count, quarter]), device),
            labels: Tensor::from_data(TensorData::new(labels, [count]), device),
            values: Tensor::from_floats(batcher.values.as_slice(), device),
            area,
            rows,
        }
    }

    /// The images at `indices`, which were sent before, scaled, `[batch, height · width]`, and their labels, `[batch]`.
    pub fn at(&self, indices: impl Iterator<Item = usize>) -> (Tensor<2>, Tensor<1, Int>) {
        let rows: Vec<i32> = indices.map(|index| self.rows[index]).collect();
        let count = rows.len();
        let rows = Tensor::from_data(TensorData::new(rows, [count]), &self.labels.device());
        let words = self.words.clone().select(0, rows.clone());
        let part = |part: i32| words.clone().bitwise_right_shift_scalar(8 * part).bitwise_and_scalar(255);
        let bytes = Tensor::cat((0..4).map(part).collect(), 1).narrow(1, 0, self.area);
        let pixels = self.values.clone().select(0, bytes.reshape([count * self.area])).reshape([count, self.area]);
        (pixels, self.labels.clone().select(0, rows))
    }
}

#[cfg(test)]
mod tests {
    use burn::data::dataloader::DataLoader;

    use super::*;
    use crate::data::Batch;

    /// The indices in each batch of the first two epochs, of 200 images in batches of `batch_size`, and their weights.
    fn sampled(key: &Key, batch_size: usize, threads: usize) -> Vec<(Vec<usize>, f64)> {
        let images = Arc::new(Images::new((0..200).collect(), vec![0; 200], [1, 1], 1));
        let scaling = Scaling { mean: 0.0, deviation: 1.0 / 255.0 };
        let device =
            crate::device::list().into_iter().find_map(|(_, adapters)| adapters.into_iter().next()).unwrap().device;
        let loader = Loader::new(&images, (0..200).collect(), scaling, batch_size, device);
        let sampling = Some((key.clone(), batch_size as f64 / 200.0));
        let loader = Loader { shuffle: Some(1), sampling, threads, ..loader };
        let batches: Vec<_> = loader.iter().chain(loader.iter()).collect();
        let numbers = |batch: &Batch| batch.images().into_data().iter::<f32>().map(|n| n.round() as usize).collect();
        batches.into_iter().flatten().map(|batch| (numbers(&batch), batch.loss_weight)).collect()
    }

    #[test]
    fn poisson_sampling_takes_each_image_independently_with_its_probability() {
        let key = Key::new().unwrap();
        let batches = sampled(&key, 40, 0);
        assert_eq!(batches.len(), 10);
        let sizes: Vec<usize> = batches.iter().map(|(images, _)| images.len()).collect();
        assert!(sizes.iter().any(|&size| size != sizes[0]), "{sizes:?}");
        // Within six standard deviations.
        assert!(sizes.iter().sum::<usize>().abs_diff(400) < 108, "{sizes:?}");
        // An image comes twice in an epoch, as no two batches know of each other.
        let mut epoch: Vec<usize> = batches[..5].iter().flat_map(|(images, _)| images.clone()).collect();
        let all = epoch.len();
        epoch.sort_unstable();
        epoch.dedup();
        assert!(epoch.len() < all);
        assert_eq!(sampled(&key, 40, 2), batches);
        assert!(sampled(&Key::new().unwrap(), 40, 0) != batches);
        assert!(sampled(&key, 200, 0).iter().all(|(images, _)| images.len() == 200));
    }

    #[test]
    fn batch_without_images_has_one_that_does_not_count() {
        let batches = sampled(&Key::new().unwrap(), 1, 0);
        assert_eq!(batches.len(), 400);
        // The probability of none is 1/e.
        let empty = batches.iter().filter(|(_, weight)| *weight == 0.0).count();
        assert!((80..220).contains(&empty), "{empty}");
        assert!(batches.iter().all(|(images, weight)| *weight == 1.0 || images.len() == 1));
    }
}
