//! Burn's view of a [`Loader`]: the batches of an epoch one after the other, made ahead of their use by threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::{ops::Range, sync::Arc, thread};

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;

use super::Loader;
use crate::data::augment::{Augmentation, Sample};
use crate::data::batch::{Batch, BatchImages, Unlabelled};
use crate::random::{Key, Purpose, derived_seed};

impl DataLoader<Batch> for Loader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let number = self.epochs.fetch_add(1, Ordering::Relaxed) + 1;
        let unlabelled = self.pass(&self.unlabelled, Purpose::Unlabelled { epoch: number }, number);
        // What is gathered on the device, or only copied, takes less time than another thread that hands it over.
        let is_copied = self.as_bytes && self.augmentation.is_none();
        let threads = if is_copied || self.device_images().is_some() { 0 } else { self.threads };
        let epoch = Arc::new(Epoch { number, order: self.order(number), unlabelled, loader: self.clone() });
        let ahead = (0..threads).map(|thread| make_ahead(&epoch, thread, threads)).collect();
        Box::new(Batches { images: epoch.images(), done: 0, epoch, ahead, next: 0 })
    }

    fn num_items(&self) -> usize {
        self.plan.images + self.unlabelled.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self { device: device.clone(), on_device: Arc::default(), ..self.clone() })
    }

    /// The loader of the next device, with every batch of it, where Burn asks for a range of the images for each device.
    fn slice(&self, _: usize, _: usize) -> Arc<dyn DataLoader<Batch>> {
        let part = self.parts.fetch_add(1, Ordering::Relaxed) % self.devices;
        let epochs = AtomicU64::new(self.epochs.load(Ordering::Relaxed));
        Arc::new(Self { part, epochs: Arc::new(epochs), ..self.clone() })
    }
}

struct Batches {
    epoch: Arc<Epoch>,
    ahead: Vec<Receiver<Batch>>,
    next: usize,
    /// The number of images, and the number of them that have been in a batch.
    images: usize,
    done: usize,
}

impl Iterator for Batches {
    type Item = Result<Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let queue = self.ahead.get(self.next % self.ahead.len().max(1));
        let batch = queue.and_then(|queue| queue.recv().ok()).or_else(|| self.epoch.batch(self.next))?;
        self.next += 1;
        self.done += batch.images.len() + batch.unlabelled.as_ref().map_or(0, |unlabelled| unlabelled.plain.len());
        Some(Ok(batch))
    }
}

impl DataLoaderIterator<Batch> for Batches {
    fn progress(&self) -> Progress {
        // Poisson sampling can take more than there are.
        Progress::new(self.done.min(self.images), self.images, Some("images".into()))
    }
}

/// Makes one thread's batches, a few ahead of their use. The threads' queues are read in turn, so their speed changes no order.
fn make_ahead(epoch: &Arc<Epoch>, thread: usize, threads: usize) -> Receiver<Batch> {
    let (sender, receiver) = sync_channel(4);
    let epoch = epoch.clone();
    let make = move || {
        // The receiver is gone if the epoch ended early.
        (thread..).step_by(threads).map_while(|index| epoch.batch(index)).all(|batch| sender.send(batch).is_ok());
    };
    // If the thread can't be started, its queue is closed, and its batches are made when they are requested.
    let _ = thread::Builder::new().name(format!("loader-{thread}")).spawn(make);
    receiver
}

struct Epoch {
    /// Counted from 1.
    number: u64,
    order: Vec<Sample>,
    unlabelled: Vec<Sample>,
    loader: Loader,
}

impl Epoch {
    /// The batch at `index`, from 0, among those of this device; `None` after the last one.
    fn batch(&self, index: usize) -> Option<Batch> {
        let Loader { images, plan, devices, part, augmentation, .. } = &self.loader;
        let index = index * devices + part;
        if index >= plan.batches {
            return None;
        }
        let (samples, loss_weight) = match &self.loader.sampling {
            Some((key, rate)) => self.sampled(key, *rate, index),
            None => self.part_of_update(&self.order, plan.batch_size, index),
        };
        let step = Purpose::Step { epoch: self.number, batch: index as u64 };
        let seed = self.loader.shuffle.map_or(0, |seed| derived_seed(seed, step));
        if let Some(on_device) = self.loader.device_images() {
            let (images, targets) = on_device.at(samples.iter().map(|sample| sample.index));
            return Some(Batch { images: BatchImages::Scaled(images), targets, unlabelled: None, seed, loss_weight });
        }
        let labels: Vec<i32> = samples.iter().map(|sample| i32::from(images.labels()[sample.index])).collect();
        let targets = Tensor::from_data(TensorData::new(labels, [samples.len()]), &self.loader.device);
        let augmented = |samples: &[Sample]| self.images_of(samples, augmentation.as_ref());
        let unlabelled = (!self.unlabelled.is_empty()).then(|| {
            let (samples, loss_weight) = self.part_of_update(&self.unlabelled, plan.unlabelled_per_batch, index);
            Unlabelled { plain: self.images_of(&samples, None), augmented: augmented(&samples), loss_weight }
        });
        Some(Batch { images: augmented(&samples), targets, unlabelled, seed, loss_weight })
    }

    /// A Poisson sample for the batch at `index`, which takes each image with the probability `rate`, and its weight.
    fn sampled(&self, key: &Key, rate: f64, index: usize) -> (Vec<Sample>, f64) {
        let step = (self.number - 1) * self.loader.plan.batches as u64 + index as u64;
        let mut generator = key.generator(Purpose::Sampling { step });
        let samples: Vec<Sample> = self.order.iter().copied().filter(|_| generator.random::<f64>() < rate).collect();
        // An image that does not count stands for no image.
        if samples.is_empty() { (self.order[..1].into(), 0.0) } else { (samples, 1.0) }
    }

    fn images_of(&self, samples: &[Sample], augmentation: Option<&Augmentation>) -> BatchImages {
        let Loader { images, batcher, device, as_bytes, .. } = &self.loader;
        let bytes = match augmentation {
            Some(augmentation) => augmentation.pixels(images, samples),
            None => samples.iter().map(|sample| images.pixels(sample.index)).collect::<Vec<_>>().concat(),
        };
        let bytes = BatchImages::Bytes { bytes, area: images.area(), batcher: batcher.clone() };
        if *as_bytes { bytes } else { BatchImages::Scaled(bytes.scaled(device)) }
    }

    /// The images of the batch at `index`, among those of all devices, and their fraction of the images of its update.
    fn part_of_update(&self, samples: &[Sample], size: usize, index: usize) -> (Vec<Sample>, f64) {
        let in_update = self.loader.accumulation * self.loader.devices;
        let first = index / in_update * in_update;
        let images = self.of_batches(samples, size, index..index + 1);
        let fraction = images.len() as f64 / self.of_batches(samples, size, first..first + in_update).len() as f64;
        (images.into(), fraction)
    }

    /// The images of some batches, with `size` images in each but the last one.
    fn of_batches<'a>(&self, samples: &'a [Sample], size: usize, batches: Range<usize>) -> &'a [Sample] {
        let end = if batches.end < self.loader.plan.batches { batches.end * size } else { samples.len() };
        &samples[(batches.start * size).min(end)..end]
    }

    fn images(&self) -> usize {
        let Loader { plan, devices, part, .. } = &self.loader;
        let images = |index| {
            self.of_batches(&self.order, plan.batch_size, index..index + 1).len()
                + self.of_batches(&self.unlabelled, plan.unlabelled_per_batch, index..index + 1).len()
        };
        (*part..plan.batches).step_by(*devices).map(images).sum()
    }
}
