//! The training images of an experiment: which are held out for validation, which train, and which of these keep their labels;
//! and their scaling.

use std::{cmp::Reverse, sync::Arc};

use rand::seq::SliceRandom;

use super::error::{DataError, MOST_NAMED};
use super::{batch::Scaling, files::Files, images::Images, prepare::Look};
use crate::config::{Data, Experiment, Pixels, Prepare};
use crate::random::{Purpose, generator};
use crate::text::listed;

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
            (!names.is_empty()).then(|| format!("{start} {}{end}", listed(names, MOST_NAMED)))
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
            Prepare::Auto => Look::of(&measured.collect::<Vec<_>>(), self.images.size()),
            Prepare::Mnist => Look::MNIST,
            Prepare::Resize => Look::WHOLE,
        }
    }
}

/// The indices of the training images that train and that validate, each in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// The images that train with their labels.
    pub training: Vec<usize>,
    /// The images that train without their labels, if any.
    pub unlabelled: Vec<usize>,
    /// The images that are held out for validation.
    pub validation: Vec<usize>,
}

/// Holds out `data.validation` of the images, and trains on the fraction `data.fraction`, in (0, 1], of the others, which does
/// not change those held out. The classes are in proportion to their sizes, and `seed` chooses the images. With `data.labels`,
/// only that many training images keep theirs, equally many for each class, but for one more in the first ones. The images of a
/// smaller number are among those of a larger one. Refused if no image is left to train on, or the labels can't be divided so.
fn stratified(labels: &[u8], data: &Data, seed: u64) -> Result<Split, DataError> {
    let Data { validation, fraction, labels: kept, .. } = *data;
    if validation >= labels.len() {
        return Err(DataError::Validation { validation, images: labels.len() });
    }
    let mut by_class: Vec<Vec<usize>> = vec![vec![]; 256];
    labels.iter().enumerate().for_each(|(index, &label)| by_class[usize::from(label)].push(index));
    let sizes: Vec<usize> = by_class.iter().map(Vec::len).collect();
    let held_out = proportional(&sizes, validation);
    let rest: Vec<usize> = sizes.iter().zip(&held_out).map(|(size, held_out)| size - held_out).collect();
    let used = ((labels.len() - validation) as f64 * fraction).round() as usize;
    let used = proportional(&rest, used.max(1));
    let kept = kept.map_or(Ok(used.clone()), |kept| equal(&used, kept))?;
    let mut generator = generator(seed, Purpose::Split);
    let mut split = Split::default();
    for (((mut members, held_out), used), kept) in by_class.into_iter().zip(held_out).zip(used).zip(kept) {
        members.shuffle(&mut generator);
        let (held_out, rest) = members.split_at(held_out);
        let (labelled, unlabelled) = rest[..used].split_at(kept);
        split.training.extend_from_slice(labelled);
        split.unlabelled.extend_from_slice(unlabelled);
        split.validation.extend_from_slice(held_out);
    }
    [&mut split.training, &mut split.unlabelled, &mut split.validation].into_iter().for_each(|it| it.sort_unstable());
    Ok(split)
}

/// Divides `total` labels equally, but for one more in the first ones, among the groups of these sizes with members.
fn equal(sizes: &[usize], total: usize) -> Result<Vec<usize>, DataError> {
    let equals: Vec<usize> = sizes.iter().map(|&size| size.min(1)).collect();
    let least: usize = equals.iter().sum();
    let smallest = sizes.iter().copied().filter(|&size| size > 0).min().unwrap_or_default();
    let most = (least * smallest).min(sizes.iter().sum::<usize>() - 1);
    if !(least..=most).contains(&total) {
        return Err(DataError::Labels { labels: total, least, most });
    }
    Ok(proportional(&equals, total))
}

/// Divides `total` among groups in proportion to their sizes. Rounding favours the largest remainders.
fn proportional(sizes: &[usize], total: usize) -> Vec<usize> {
    let all: usize = sizes.iter().sum();
    let mut shares: Vec<usize> = sizes.iter().map(|size| size * total / all).collect();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by_key(|&group| Reverse(sizes[group] * total % all));
    let left = total - shares.iter().sum::<usize>();
    by_remainder[..left].iter().for_each(|&group| shares[group] += 1);
    shares
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
                "no training image has the label 1, 2, 3 and 251 more, {outputs} = [0, 255] for those alone that there are"
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

    fn stratified(
        labels: &[u8],
        validation: usize,
        fraction: f64,
        kept: Option<usize>,
        seed: u64,
    ) -> Result<Split, DataError> {
        super::stratified(labels, &Data { validation, fraction, labels: kept, ..Data::default() }, seed)
    }

    /// 600 labels: 300 zeros, 200 ones, 100 twos, mixed.
    fn labels() -> Vec<u8> {
        (0..600).map(|i| [0, 0, 0, 1, 1, 2][i % 6]).collect()
    }

    #[test]
    fn split_puts_every_image_on_one_side_and_holds_out_the_exact_number() {
        let split = stratified(&labels(), 61, 1.0, None, 1).unwrap();
        assert_eq!(split.validation.len(), 61);
        let mut all = [split.training, split.validation].concat();
        all.sort_unstable();
        assert_eq!(all, (0..600).collect::<Vec<_>>());
    }

    #[test]
    fn classes_are_held_out_in_proportion() {
        let split = stratified(&labels(), 60, 1.0, None, 1).unwrap();
        let count = |class| split.validation.iter().filter(|&&i| labels()[i] == class).count();
        assert_eq!([count(0), count(1), count(2)], [30, 20, 10]);
    }

    #[test]
    fn split_depends_on_the_seed() {
        assert_eq!(stratified(&labels(), 60, 1.0, None, 1).unwrap(), stratified(&labels(), 60, 1.0, None, 1).unwrap());
        assert_ne!(stratified(&labels(), 60, 1.0, None, 1).unwrap(), stratified(&labels(), 60, 1.0, None, 2).unwrap());
    }

    #[test]
    fn split_without_validation_trains_on_all_images() {
        let split = stratified(&labels(), 0, 1.0, None, 1).unwrap();
        assert_eq!((split.training.len(), split.validation.len()), (600, 0));
    }

    #[test]
    fn fraction_applies_to_each_class_and_does_not_change_what_is_held_out() {
        let (all, tenth) =
            (stratified(&labels(), 60, 1.0, None, 1).unwrap(), stratified(&labels(), 60, 0.1, None, 1).unwrap());
        assert_eq!(tenth.validation, all.validation);
        assert!(tenth.training.iter().all(|index| all.training.contains(index)));
        let count = |class| tenth.training.iter().filter(|&&i| labels()[i] == class).count();
        assert_eq!([count(0), count(1), count(2)], [27, 18, 9]);
        assert_ne!(tenth.training, stratified(&labels(), 60, 0.1, None, 2).unwrap().training);
        assert_eq!(stratified(&labels(), 60, 1e-9, None, 1).unwrap().training.len(), 1);
    }

    #[test]
    fn labels_are_kept_for_equally_many_images_of_each_class() {
        let all = stratified(&labels(), 60, 1.0, None, 1).unwrap();
        assert_eq!(all.unlabelled, [] as [usize; 0]);
        let split = stratified(&labels(), 60, 1.0, Some(31), 1).unwrap();
        assert_eq!(split.validation, all.validation);
        let count = |class| split.training.iter().filter(|&&i| labels()[i] == class).count();
        assert_eq!([count(0), count(1), count(2)], [11, 10, 10]);
        let mut both = [split.training, split.unlabelled].concat();
        both.sort_unstable();
        assert_eq!(both, all.training);
    }

    #[test]
    fn labelled_images_depend_on_the_seed_and_fewer_are_among_more() {
        let kept = |labels_kept, seed| stratified(&labels(), 0, 0.5, Some(labels_kept), seed).unwrap().training;
        assert_eq!(kept(30, 1), kept(30, 1));
        assert_ne!(kept(30, 1), kept(30, 2));
        assert!(kept(30, 1).iter().all(|index| kept(90, 1).contains(index)));
    }

    #[test]
    fn labels_that_the_classes_cannot_share_equally_are_an_error_with_the_possible_numbers() {
        let refused = |total| stratified(&labels(), 60, 0.5, Some(total), 1).unwrap_err().to_string();
        let ending = "takes a whole number from 3 to 135 here: as many images of each class";
        assert_eq!(refused(2), format!("data.labels = 2 {ending}"));
        assert_eq!(refused(136), format!("data.labels = 136 {ending}"));
        for total in [3, 135] {
            assert_eq!(stratified(&labels(), 60, 0.5, Some(total), 1).unwrap().training.len(), total);
        }
        // At least one image must be left without a label.
        assert!(stratified(&[0, 1, 0, 1], 0, 1.0, Some(4), 1).unwrap_err().to_string().contains("from 2 to 3"));
        // No image has the label 1.
        assert_eq!(stratified(&[0, 2, 0, 2], 0, 1.0, Some(2), 1).unwrap().training.len(), 2);
    }

    #[test]
    fn validation_of_all_images_is_an_error_that_names_the_key() {
        let message = stratified(&labels(), 600, 1.0, None, 1).unwrap_err().to_string();
        assert!(message.contains("data.validation") && message.contains("600"), "{message}");
    }
}
