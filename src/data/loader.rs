//! The order of the images: a Burn [`DataLoader`] whose shuffling depends on the seed and the epoch alone.
//!
//! Burn's own loader advances one generator from epoch to epoch, so its order depends on what was drawn before, and with
//! several workers on which is the fastest.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::{Device, Tensor};
use rand::seq::SliceRandom;

use super::distort::Turn;
use super::resident::Resident;
use super::{Batch, Distortion, ImageBatcher, Images, Unlabelled};
use crate::random::{Purpose, derived_seed, generator};

/// Goes through a data set in batches, the last one holding what is left; beside it, if asked for, through images without
/// labels.
#[derive(Clone)]
pub struct Loader {
    images: Arc<Images>,
    /// Which of the images, in the order that they have unshuffled.
    indices: Arc<[usize]>,
    /// How many of them an epoch has: of more than there are, some come again.
    length: usize,
    /// The images without labels, and how many of them come with each batch.
    unlabelled: (Arc<[usize]>, usize),
    batcher: ImageBatcher,
    batch_size: usize,
    /// How many batches of a device make an update.
    accumulation: usize,
    /// How many devices take the batches in turn.
    devices: usize,
    /// Which of them this loader is for.
    part: usize,
    /// How many loaders for one device have been made of this one.
    parts: Arc<AtomicUsize>,
    /// The seed of the order; unset, the data set's own order.
    shuffle: Option<u64>,
    /// What is done to the images of each epoch.
    distortion: Option<Distortion>,
    /// How many epochs there have been. Shared by the copies that Burn makes when it picks the device.
    epochs: Arc<AtomicU64>,
    /// How many threads make batches ahead of their use; with none, each is made when it is asked for.
    threads: usize,
    device: Device,
    /// The images on the device, from the first epoch on; unset, each batch is sent there.
    resident: Option<Arc<OnceLock<Resident>>>,
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
        Self {
            images: images.clone(),
            length: indices.len(),
            indices: indices.into(),
            unlabelled: (Arc::default(), 0),
            batcher,
            batch_size,
            accumulation: 1,
            devices: 1,
            part: 0,
            parts: Arc::default(),
            shuffle: None,
            distortion: None,
            epochs: Arc::default(),
            threads: 0,
            device,
            resident: None,
        }
    }

    /// The same images, in another order every epoch.
    pub fn shuffled(self, seed: u64) -> Self {
        Self { shuffle: Some(seed), ..self }
    }

    /// The same, so many images an epoch: each comes once, in any order, before one comes again, and the next epoch goes on
    /// where this one ended.
    pub fn lasting(self, images: usize) -> Self {
        Self { length: images, ..self }
    }

    /// The same, with the next `count` of the images at `indices` beside each batch, without their labels.
    pub fn beside(self, indices: Vec<usize>, count: usize) -> Self {
        Self { unlabelled: (indices.into(), count), ..self }
    }

    /// The same images, distorted in another way every epoch.
    pub fn distorted(self, distortion: Option<Distortion>) -> Self {
        Self { distortion, ..self }
    }

    /// The same, as if the first `epochs` epochs had been gone through.
    pub fn after(self, epochs: usize) -> Self {
        Self { epochs: Arc::new(AtomicU64::new(epochs as u64)), ..self }
    }

    /// The same batches, so many of each device an update; the last update of an epoch has what is left.
    pub fn accumulated(self, batches: usize) -> Self {
        Self { accumulation: batches, ..self }
    }

    /// The same batches, taken in turn by so many devices: an update has what it would have with as many times the batches
    /// and one device. Burn then makes a slice for each.
    pub fn shared_by(self, devices: usize) -> Self {
        Self { devices, ..self }
    }

    /// The same batches, made ahead by so many threads.
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// The same batches, gathered on the device, to which all their images are sent once; if they are distorted, come with
    /// others that are, or are too many, they are made here all the same.
    pub fn resident(self, resident: bool) -> Self {
        Self { resident: resident.then(Arc::default), ..self }
    }

    /// The images on the device, if batches are gathered there.
    fn on_device(&self) -> Option<&Resident> {
        let Self { images, indices, batcher, device, .. } = self;
        let is_made_here = self.distortion.is_some()
            || !self.unlabelled.0.is_empty()
            || indices.is_empty()
            || !Resident::fits(images, indices.len());
        let resident = self.resident.as_ref().filter(|_| !is_made_here)?;
        Some(resident.get_or_init(|| Resident::new(images, indices, batcher, device)))
    }

    /// The images in the order of epoch `epoch`, counted from 1.
    fn order(&self, epoch: u64) -> Vec<Turn> {
        let images = self.indices.len().max(1) as u64;
        let start = (epoch - 1) * self.length as u64;
        let passes = start / images..(start + self.length as u64).div_ceil(images);
        let pass = |epoch| self.pass(&self.indices, Purpose::Order { epoch }, epoch);
        let turns = passes.flat_map(|passed| pass(passed + 1));
        turns.skip((start % images) as usize).take(self.length).collect()
    }

    /// Once through the images at `indices`, in an order of that purpose.
    fn pass(&self, indices: &[usize], order: Purpose, epoch: u64) -> Vec<Turn> {
        let mut turns: Vec<Turn> = indices.iter().map(|&index| Turn { index, epoch }).collect();
        if let Some(seed) = self.shuffle {
            turns.shuffle(&mut generator(seed, order));
        }
        turns
    }

    /// How many images an epoch has, all together.
    fn images(&self) -> usize {
        self.length + self.unlabelled.0.len()
    }
}

impl DataLoader<Batch> for Loader {
    /// Starts the next epoch.
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let number = self.epochs.fetch_add(1, Ordering::Relaxed) + 1;
        let unlabelled = self.pass(&self.unlabelled.0, Purpose::Unlabelled { epoch: number }, number);
        // There is nothing to make ahead of what is gathered.
        let threads = if self.on_device().is_some() { 0 } else { self.threads };
        let loader = Self { threads, ..self.clone() };
        let epoch = Arc::new(Epoch { number, order: self.order(number), unlabelled, loader });
        let ahead = (0..threads).map(|thread| Epoch::make_ahead(&epoch, thread)).collect();
        Box::new(Batches { images: epoch.images(), done: 0, epoch, ahead, next: 0 })
    }

    fn num_items(&self) -> usize {
        self.images()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        let resident = self.resident.as_ref().map(|_| Arc::default());
        Arc::new(Self { device: device.clone(), resident, ..self.clone() })
    }

    /// The batches of the next device. Burn asks for a stretch of the images for each, one after the other; what it gets is
    /// every batch that is the device's turn.
    fn slice(&self, _: usize, _: usize) -> Arc<dyn DataLoader<Batch>> {
        let part = self.parts.fetch_add(1, Ordering::Relaxed) % self.devices;
        let epochs = AtomicU64::new(self.epochs.load(Ordering::Relaxed));
        Arc::new(Self { part, epochs: Arc::new(epochs), ..self.clone() })
    }
}

/// One time through the data set.
struct Epoch {
    /// Counted from 1.
    number: u64,
    order: Vec<Turn>,
    unlabelled: Vec<Turn>,
    loader: Loader,
}

impl Epoch {
    /// The batch of that index among those of this device, counted from 0, until there are no more.
    fn batch(&self, index: usize) -> Option<Batch> {
        let Loader { images, batch_size, unlabelled: (_, beside), devices, part, .. } = &self.loader;
        let index = index * devices + part;
        let turns = self.order.chunks(*batch_size).nth(index)?;
        let share = turns.len() as f64 / self.images_in_update(index) as f64;
        let step = Purpose::Step { epoch: self.number, batch: index as u64 };
        let seed = self.loader.shuffle.map_or(0, |seed| derived_seed(seed, step));
        if let Some(resident) = self.loader.on_device() {
            let (images, targets) = resident.at(turns.iter().map(|turn| turn.index));
            return Some(Batch { images, targets, unlabelled: None, seed, share });
        }
        let labels = turns.iter().map(|turn| i32::from(images.label(turn.index))).collect();
        let unlabelled = self.unlabelled.chunks((*beside).max(1)).nth(index);
        let unlabelled =
            unlabelled.map(|turns| Unlabelled { plain: self.plain(turns), distorted: self.distorted(turns) });
        Some(Batch { unlabelled, seed, share, ..Batch::new(self.distorted(turns), labels) })
    }

    /// The images as they are in their epochs.
    fn distorted(&self, turns: &[Turn]) -> Tensor<2> {
        let Loader { images, batcher, distortion, device, .. } = &self.loader;
        let Some(distortion) = distortion else { return self.plain(turns) };
        let area = images.size().iter().product();
        batcher.images(distortion.pixels(images, turns).chunks_exact(area), device)
    }

    /// The images as the data set has them.
    fn plain(&self, turns: &[Turn]) -> Tensor<2> {
        let Loader { images, batcher, device, .. } = &self.loader;
        batcher.images(turns.iter().map(|turn| images.pixels(turn.index)), device)
    }

    /// How many images there are in the update that the batch of that index, among those of all devices, is part of.
    fn images_in_update(&self, index: usize) -> usize {
        let batches = self.loader.accumulation * self.loader.devices;
        let most = self.loader.batch_size * batches;
        most.min(self.order.len() - index / batches * most)
    }

    /// How many images the batches of this device have, all together.
    fn images(&self) -> usize {
        let Loader { batch_size, unlabelled: (_, beside), devices, part, .. } = &self.loader;
        let of = |turns: &[Turn], size: usize| -> usize {
            turns.chunks(size.max(1)).skip(*part).step_by(*devices).map(<[Turn]>::len).sum()
        };
        of(&self.order, *batch_size) + of(&self.unlabelled, *beside)
    }

    /// Makes every batch whose turn it is for `thread`, a few ahead of their use. Each thread has its own queue and they
    /// are emptied in turn, so the order of the batches does not depend on which thread is faster.
    fn make_ahead(epoch: &Arc<Self>, thread: usize) -> Receiver<Batch> {
        let (sender, receiver) = sync_channel(4);
        let epoch = epoch.clone();
        let make = move || {
            let turns = (thread..).step_by(epoch.loader.threads);
            // A receiver that is gone has ended the epoch early.
            turns.map_while(|index| epoch.batch(index)).all(|batch| sender.send(batch).is_ok());
        };
        // Without a thread the queue is closed, and its batches are made when they are asked for.
        let _ = thread::Builder::new().name(format!("loader-{thread}")).spawn(make);
        receiver
    }
}

/// An epoch under way.
struct Batches {
    epoch: Arc<Epoch>,
    ahead: Vec<Receiver<Batch>>,
    /// The index of the next batch.
    next: usize,
    /// How many images there are, and how many have been in a batch.
    images: usize,
    done: usize,
}

impl Iterator for Batches {
    type Item = Result<Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let made = match self.ahead.len() {
            0 => None,
            threads => self.ahead[self.next % threads].recv().ok(),
        };
        let batch = made.or_else(|| self.epoch.batch(self.next))?;
        self.next += 1;
        self.done += batch.size();
        Some(Ok(batch))
    }
}

impl DataLoaderIterator<Batch> for Batches {
    fn progress(&self) -> Progress {
        Progress::new(self.done, self.images, Some("images".into()))
    }
}
