//! Burn's view of a [`Loader`]: an epoch's batches one after the other, made ahead of their use by threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::Device;

use super::Loader;
use super::epoch::Epoch;
use crate::data::batch::Batch;
use crate::random::Purpose;

impl DataLoader<Batch> for Loader {
    /// Starts the next epoch.
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let number = self.done + self.epochs.fetch_add(1, Ordering::Relaxed) + 1;
        let unlabelled = self.pass(&self.unlabelled, Purpose::Unlabelled { epoch: number }, number);
        // What is gathered on the device, or only copied, takes less time than another thread that hands it over.
        let is_copied = self.as_bytes && self.augmentation.is_none();
        let threads = if is_copied || self.device_images().is_some() { 0 } else { self.threads };
        let loader = Self { threads, ..self.clone() };
        let epoch = Arc::new(Epoch { number, order: self.order(number), unlabelled, loader });
        let ahead = (0..threads).map(|thread| make_ahead(&epoch, thread)).collect();
        Box::new(Batches { images: epoch.images(), done: 0, epoch, ahead, next: 0 })
    }

    /// The number of images in an epoch, with and without labels.
    fn num_items(&self) -> usize {
        self.length + self.unlabelled.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self { device: device.clone(), on_device: Arc::default(), ..self.clone() })
    }

    /// The loader of the next device. Burn asks for one range of the images per device, in order. It gets every batch
    /// of that device instead, because the batches go to the devices in turn.
    fn slice(&self, _: usize, _: usize) -> Arc<dyn DataLoader<Batch>> {
        let part = self.parts.fetch_add(1, Ordering::Relaxed) % self.devices;
        let epochs = AtomicU64::new(self.epochs.load(Ordering::Relaxed));
        Arc::new(Self { part, epochs: Arc::new(epochs), ..self.clone() })
    }
}

/// The batches of the current epoch.
struct Batches {
    epoch: Arc<Epoch>,
    ahead: Vec<Receiver<Batch>>,
    /// The index of the next batch.
    next: usize,
    /// The number of images, and the number of them that have been in a batch.
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
        // Poisson sampling can take more than there are.
        Progress::new(self.done.min(self.images), self.images, Some("images".into()))
    }
}

/// Makes the batches of one thread, a few ahead of their use. Each thread has its own queue, and the queues are
/// read in turn, so the order of the batches does not depend on which thread is faster.
fn make_ahead(epoch: &Arc<Epoch>, thread: usize) -> Receiver<Batch> {
    let (sender, receiver) = sync_channel(4);
    let epoch = epoch.clone();
    let make = move || {
        let indices = (thread..).step_by(epoch.loader.threads);
        // The receiver is gone if the epoch ended early.
        indices.map_while(|index| epoch.batch(index)).all(|batch| sender.send(batch).is_ok());
    };
    // If the thread can't be started, its queue is closed, and its batches are made when they are requested.
    let _ = thread::Builder::new().name(format!("loader-{thread}")).spawn(make);
    receiver
}
