//! Splits the training images: which are held out for validation, which train, and which of these keep their labels.

use rand::seq::SliceRandom;

use super::error::DataError;
use crate::config::Data;
use crate::random::{Purpose, generator};

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
pub fn stratified(labels: &[u8], data: &Data, seed: u64) -> Result<Split, DataError> {
    let Data { validation, fraction, labels: kept, .. } = *data;
    if validation >= labels.len() {
        return Err(DataError::Validation { validation, images: labels.len() });
    }
    let mut by_class: Vec<Vec<usize>> = vec![vec![]; 256];
    for (index, &label) in labels.iter().enumerate() {
        by_class[usize::from(label)].push(index);
    }
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
    by_remainder.sort_by_key(|&group| std::cmp::Reverse(sizes[group] * total % all));
    let left = total - shares.iter().sum::<usize>();
    for &group in &by_remainder[..left] {
        shares[group] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let ending = "takes a whole number from 3 to 135 here: the same number for each class, at least one and at \
                      most the size of the smallest class";
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
