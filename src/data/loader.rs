//! The order of the images: a Burn [`DataLoader`] whose shuffling depends on the seed and the epoch alone.
//!
//! Burn's own loader advances one generator from epoch to epoch, so its order depends on what was drawn before, and with
//! several workers on which is the fastest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataloader::{DataLoader, DataLoaderIterator, Dataset, Progress};
use burn::data::dataset::DatasetError;
use burn::data::dataset::transform::{PartialDataset, SelectionDataset};
use burn::tensor::Device;
use rand::seq::SliceRandom;

use super::{Batch, ImageBatcher, Images, Item};
use crate::random::{Purpose, generator};

impl Dataset<Item> for Images {
    fn get(&self, index: usize) -> Result<Item, DatasetError> {
        Ok(Item { pixels: self.pixels(index).to_vec(), label: self.label(index) })
    }

    fn len(&self) -> usize {
        self.len()
    }
}

/// Goes through a data set in batches, the last one holding what is left.
#[derive(Clone)]
pub struct Loader {
    images: Arc<dyn Dataset<Item>>,
    batcher: ImageBatcher,
    batch_size: usize,
    /// How many batches make an update.
    accumulation: usize,
    /// The seed of the order; unset, the data set's own order.
    shuffle: Option<u64>,
    /// How often the data set has been gone through. Shared by the copies that Burn makes when it picks the device.
    epochs: Arc<AtomicU64>,
    device: Device,
}

impl Loader {
    /// Goes through the images at `indices` in batches of `batch_size`, in the given order.
    pub fn new(
        images: &Arc<Images>,
        indices: Vec<usize>,
        batcher: ImageBatcher,
        batch_size: usize,
        device: Device,
    ) -> Self {
        let images = Arc::new(SelectionDataset::<Images, Item>::from_indices_unchecked(images.clone(), indices));
        Self { images, batcher, batch_size, accumulation: 1, shuffle: None, epochs: Arc::default(), device }
    }

    /// Goes through all of `images` in their own order.
    pub fn all(images: Images, batcher: ImageBatcher, batch_size: usize, device: Device) -> Self {
        let indices = (0..images.len()).collect();
        Self::new(&Arc::new(images), indices, batcher, batch_size, device)
    }

    /// The same images, in another order every epoch.
    pub fn shuffled(self, seed: u64) -> Self {
        Self { shuffle: Some(seed), ..self }
    }

    /// The same batches, so many of them an update; the last update of an epoch has what is left.
    pub fn accumulated(self, batches: usize) -> Self {
        Self { accumulation: batches, ..self }
    }

    /// The order of epoch `epoch`, counted from 1, as positions in the data set.
    fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.images.len()).collect();
        if let Some(seed) = self.shuffle {
            order.shuffle(&mut generator(seed, Purpose::Order { epoch }));
        }
        order
    }
}

impl DataLoader<Batch> for Loader {
    /// Starts the next epoch.
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let epoch = self.epochs.fetch_add(1, Ordering::Relaxed) + 1;
        Box::new(Batches { loader: self, order: self.order(epoch), next: 0 })
    }

    fn num_items(&self) -> usize {
        self.images.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self { device: device.clone(), ..self.clone() })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<Batch>> {
        let images = Arc::new(PartialDataset::new(self.images.clone(), start, end));
        Arc::new(Self { images, epochs: Arc::default(), ..self.clone() })
    }
}

/// One epoch under way.
struct Batches<'a> {
    loader: &'a Loader,
    order: Vec<usize>,
    next: usize,
}

impl Batches<'_> {
    /// How many images there are in the update of the next batch.
    fn update_images(&self) -> usize {
        let most = self.loader.batch_size * self.loader.accumulation;
        most.min(self.order.len() - self.next / most * most)
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.order.len().min(self.next + self.loader.batch_size);
        let indices = self.order.get(self.next..end).filter(|indices| !indices.is_empty())?.to_vec();
        let share = indices.len() as f64 / self.update_images() as f64;
        self.next = end;
        let items = self.loader.images.get_many(indices);
        Some(items.map(|items| Batch { share, ..self.loader.batcher.batch(items, &self.loader.device) }))
    }
}

impl DataLoaderIterator<Batch> for Batches<'_> {
    fn progress(&self) -> Progress {
        Progress::new(self.next, self.order.len(), Some("images".into()))
    }
}
