//! Which training images are held out for validation, and which of the others are used.

use rand::seq::SliceRandom;

use super::DataError;
use crate::random::{Purpose, generator};

/// The training images, by index, that train and that validate. Both in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// To learn from.
    pub training: Vec<usize>,
    /// Held out.
    pub validation: Vec<usize>,
}

/// Holds out `validation` of the images, and takes the share `limit`, in (0, 1], of the others to learn from: each class in
/// proportion to its size, chosen by `seed`. The limit does not change what is held out.
///
/// # Errors
/// If nothing would be left to learn from.
pub fn stratified(labels: &[u8], validation: usize, limit: f64, seed: u64) -> Result<Split, DataError> {
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
    let used = ((labels.len() - validation) as f64 * limit).round() as usize;
    let used = proportional(&rest, used.max(1));
    let mut generator = generator(seed, Purpose::Split);
    let mut split = Split { training: vec![], validation: vec![] };
    for ((mut members, held_out), used) in by_class.into_iter().zip(held_out).zip(used) {
        members.shuffle(&mut generator);
        split.training.extend_from_slice(&members[held_out..held_out + used]);
        split.validation.extend_from_slice(&members[..held_out]);
    }
    split.training.sort_unstable();
    split.validation.sort_unstable();
    Ok(split)
}

/// Shares `total` among groups in proportion to their sizes, what rounding leaves going to the largest remainders.
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

    /// 600 labels: 300 zeros, 200 ones, 100 twos, mixed.
    fn labels() -> Vec<u8> {
        (0..600).map(|i| [0, 0, 0, 1, 1, 2][i % 6]).collect()
    }

    #[test]
    fn every_image_is_on_one_side_and_the_held_out_number_is_exact() {
        let split = stratified(&labels(), 61, 1.0, 1).unwrap();
        assert_eq!(split.validation.len(), 61);
        let mut all = [split.training, split.validation].concat();
        all.sort_unstable();
        assert_eq!(all, (0..600).collect::<Vec<_>>());
    }

    #[test]
    fn each_class_is_held_out_in_proportion() {
        let split = stratified(&labels(), 60, 1.0, 1).unwrap();
        let count = |class| split.validation.iter().filter(|&&i| labels()[i] == class).count();
        assert_eq!([count(0), count(1), count(2)], [30, 20, 10]);
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(stratified(&labels(), 60, 1.0, 1).unwrap(), stratified(&labels(), 60, 1.0, 1).unwrap());
        assert_ne!(stratified(&labels(), 60, 1.0, 1).unwrap(), stratified(&labels(), 60, 1.0, 2).unwrap());
    }

    #[test]
    fn nothing_held_out_trains_on_everything() {
        let split = stratified(&labels(), 0, 1.0, 1).unwrap();
        assert_eq!((split.training.len(), split.validation.len()), (600, 0));
    }

    #[test]
    fn a_limit_leaves_the_same_share_of_each_class_to_learn_from_and_holds_out_the_same() {
        let (all, tenth) = (stratified(&labels(), 60, 1.0, 1).unwrap(), stratified(&labels(), 60, 0.1, 1).unwrap());
        assert_eq!(tenth.validation, all.validation);
        assert!(tenth.training.iter().all(|index| all.training.contains(index)));
        let count = |class| tenth.training.iter().filter(|&&i| labels()[i] == class).count();
        assert_eq!([count(0), count(1), count(2)], [27, 18, 9]);
        assert_ne!(tenth.training, stratified(&labels(), 60, 0.1, 2).unwrap().training);
        assert_eq!(stratified(&labels(), 60, 1e-9, 1).unwrap().training.len(), 1);
    }

    #[test]
    fn holding_out_everything_is_an_error_that_names_the_key() {
        let message = stratified(&labels(), 600, 1.0, 1).unwrap_err().to_string();
        assert!(message.contains("data.validation") && message.contains("600"), "{message}");
    }
}
