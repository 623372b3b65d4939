//! A trained network, ready to read images.

use burn::tensor::Device;

use crate::data::ImageBatcher;
use crate::device::Opened;
use crate::evaluation::{EvaluationError, Probabilities, classify};
use crate::model::Mlp;
use crate::record::Record;
use crate::run::{RunError, RunFolder};

/// A run's best model on a device, and what else is needed to use it.
#[derive(Debug)]
pub struct Reader {
    model: Mlp,
    batcher: ImageBatcher,
    size: [usize; 2],
    names: Vec<String>,
    device: Device,
}

impl Reader {
    /// The reader that `run`, whose record this is, has trained.
    ///
    /// # Errors
    /// If the run's experiment or its best model can't be loaded.
    pub fn open(run: &RunFolder, record: &Record, device: &Opened) -> Result<Self, RunError> {
        Ok(Self {
            model: run.model(&run.experiment()?, record, device)?,
            batcher: ImageBatcher::new(record.data.scaling),
            size: [record.data.height, record.data.width],
            names: record.data.names(),
            device: device.device.clone(),
        })
    }

    /// `[height, width]` of the images that it reads.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// The names of the classes that it tells apart, in their order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What it makes of each of some images, as [`picture`](crate::picture) prepares them.
    ///
    /// # Errors
    /// If the device fails, or the model gives what are no numbers.
    pub fn read(&self, images: &[&[u8]]) -> Result<Vec<Probabilities>, EvaluationError> {
        if images.is_empty() {
            return Ok(vec![]);
        }
        let logits = classify(&self.model, self.batcher.images(images.iter().copied(), &self.device))?;
        Ok(logits.iter().map(|logits| logits.probabilities()).collect())
    }
}
