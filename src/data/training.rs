//! The training images of an experiment, split and ready to be scaled.

use std::sync::Arc;

use super::batch::{ImageBatcher, Scaling};
use super::error::DataError;
use super::files::Files;
use super::images::Images;
use super::split::{Split, stratified};
use crate::config::{Experiment, Pixels};

/// What an experiment learns from and is selected by. The test images are not among it.
#[derive(Debug, Clone)]
pub struct TrainingData {
    /// The training images, of both splits.
    pub images: Arc<Images>,
    /// Which of them train, with and without their labels, and which validate.
    pub split: Split,
    /// How their pixels become numbers.
    pub scaling: Scaling,
}

impl TrainingData {
    /// Reads the training images, holds some of them out, and measures the scaling on those that train with
    /// their labels.
    ///
    /// # Errors
    /// If a file is damaged, `data.validation` leaves nothing to learn from, or `data.labels` can't be had.
    pub fn load(files: &Files, experiment: &Experiment) -> Result<Self, DataError> {
        let images = files.train()?;
        let data = &experiment.data;
        let split = stratified(images.labels(), data.validation, data.fraction, data.labels, experiment.seed)?;
        let scaling = match experiment.data.pixels {
            Pixels::Unit => Scaling::UNIT,
            Pixels::Standardized => Scaling::standardizing(&images, &split.training),
        };
        Ok(Self { images: Arc::new(images), split, scaling })
    }

    /// Pixels of an image.
    pub fn inputs(&self) -> usize {
        self.images.size().iter().product()
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.images.classes()
    }

    /// Scales images as this experiment does.
    pub fn batcher(&self) -> ImageBatcher {
        ImageBatcher::new(self.scaling)
    }
}
