//! The training images of an experiment, split, with their scaling.

use std::sync::Arc;

use super::batch::{ImageBatcher, Scaling};
use super::error::DataError;
use super::files::Files;
use super::images::Images;
use super::split::{Split, stratified};
use crate::config::{Experiment, Pixels};

/// The images that an experiment trains on and is validated with. The test images are not among them.
#[derive(Debug, Clone)]
pub struct TrainingData {
    /// The training images of both splits.
    pub images: Arc<Images>,
    /// Which of them train, with and without their labels, and which validate.
    pub split: Split,
    /// The scaling of their pixels.
    pub scaling: Scaling,
}

impl TrainingData {
    /// Reads the training images, holds some of them out, and measures the scaling on those that train with their
    /// labels.
    ///
    /// # Errors
    /// If a file is damaged, `data.validation` leaves no image for training, or `data.labels` is impossible.
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

    /// The number of pixels of an image: the network's inputs.
    pub fn inputs(&self) -> usize {
        self.images.size().iter().product()
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.images.classes()
    }

    /// A batcher with this experiment's scaling.
    pub fn batcher(&self) -> ImageBatcher {
        ImageBatcher::new(self.scaling)
    }
}
