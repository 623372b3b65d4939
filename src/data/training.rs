//! The training images of an experiment, split, with their scaling.

use std::sync::Arc;

use super::batch::Scaling;
use super::error::{DataError, MOST_NAMED};
use super::files::Files;
use super::images::Images;
use super::prepare::Look;
use super::split::{Split, stratified};
use crate::config::{Experiment, Pixels, Prepare};
use crate::text::first;

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
    /// labels. Refused if a file is damaged, `data.validation` leaves nothing to train on, or `data.labels` is impossible.
    pub fn load(files: &Files, experiment: &Experiment) -> Result<Self, DataError> {
        let images = files.train()?;
        let data = &experiment.data;
        let split = stratified(images.labels(), data, experiment.seed)?;
        let standardized = || Scaling::standardizing(&images, &split.training);
        let scaling = if data.pixels == Pixels::Unit { Scaling::UNIT } else { standardized() };
        Ok(Self { images: Arc::new(images), split, scaling })
    }

    /// Classes that the network can't learn, and those that `test` says nothing about, with what to do.
    pub fn warnings(&self, test: &Images) -> Vec<String> {
        let Self { images, split, .. } = self;
        let absent = images.classes_without(0..images.len());
        let others = |names: Vec<String>| names.into_iter().filter(|name| !absent.contains(name)).collect::<Vec<_>>();
        let used = others(images.names().into()).join(", ");
        let untrained = others(images.classes_without(split.training.iter().copied()));
        let untested = others(test.classes_without(0..test.len()));
        let holes = format!(
            ", but the network has an output for each label up to the largest one: set data.classes = [{used}] for those \
             alone that there are"
        );
        let more = " from: lower data.validation, or raise data.fraction or data.labels";
        let uncounted = ": the test error does not count mistakes of these classes";
        let warning = |start: &str, names: &[String], end: &str| {
            (!names.is_empty()).then(|| format!("{start} {}{end}", first(names, MOST_NAMED)))
        };
        let absent = warning("no training image has the label", &absent, &holes);
        let untrained = warning("no image is left to learn", &untrained, more);
        [absent, untrained, warning("no test image shows", &untested, uncounted)].into_iter().flatten().collect()
    }

    /// What the images look like that train with their labels, for the preparation of other pictures.
    pub fn look(&self, prepare: Prepare) -> Look {
        // More of them change little.
        const MEASURED: usize = 10_000;
        let step = self.split.training.len().div_ceil(MEASURED).max(1);
        let measured = self.split.training.iter().step_by(step).map(|&index| self.images.pixels(index));
        match prepare {
            Prepare::Auto => Look::of(measured, self.images.size()),
            Prepare::Mnist => Look::MNIST,
            Prepare::Resize => Look::WHOLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The warnings about training images of these labels, of which those in `training` train.
    fn warnings(labels: &[u8], training: Vec<usize>, test: &[u8]) -> Vec<String> {
        let images = |labels: &[u8], classes| Images::new(vec![0; labels.len()], labels.into(), [1, 1], classes);
        let classes = usize::from(labels.iter().copied().max().unwrap()) + 1;
        let (images, test) = (Arc::new(images(labels, classes)), images(test, classes));
        let split = Split { training, ..Split::default() };
        TrainingData { images, split, scaling: Scaling::UNIT }.warnings(&test)
    }

    #[test]
    fn labels_with_holes_are_a_warning_with_the_labels_that_there_are() {
        let outputs = "but the network has an output for each label up to the largest one: set data.classes";
        assert_eq!(
            warnings(&[0, 255, 0], (0..3).collect(), &[0, 255]),
            [format!(
                "no training image has the label 1; 2; 3; and 251 more, {outputs} = [0, 255] for those alone that there are"
            )]
        );
        let from_one: Vec<u8> = (1..=10).collect();
        let [warning] = &warnings(&from_one, (0..10).collect(), &from_one)[..] else { panic!("one warning") };
        assert!(
            warning.starts_with(&format!("no training image has the label 0, {outputs} = [1, 2, 3, ")),
            "{warning}"
        );
        assert_eq!(warnings(&[1, 0, 2], (0..3).collect(), &[2, 1, 0]), [] as [&str; 0]);
    }

    #[test]
    fn class_without_images_to_train_on_or_to_test_with_is_a_warning() {
        assert_eq!(
            warnings(&[0, 1, 2, 0, 1], vec![0, 1, 3], &[0, 2]),
            [
                "no image is left to learn 2 from: lower data.validation, or raise data.fraction or data.labels",
                "no test image shows 1: the test error does not count mistakes of these classes"
            ]
        );
    }
}
