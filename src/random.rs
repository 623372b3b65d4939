//! Where every random choice on the host comes from: the experiment's seed and what the choice is for.
//!
//! A generator is made anew for each purpose, so that no choice depends on how many others were made before it.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a generator is for. Each purpose has a stream of its own under one seed.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Which training images are held out for validation.
    Split,
    /// The order of the training images in this epoch of theirs, counted from 1.
    Order {
        /// The epoch.
        epoch: u64,
    },
    /// The order of the images without labels in this epoch, counted from 1.
    Unlabelled {
        /// The epoch.
        epoch: u64,
    },
    /// The initial weights of a layer, counted from 0, the output layer being the last.
    Weights {
        /// The layer.
        layer: u64,
    },
    /// What a network in training draws in one step: noise, and what is dropped.
    Step {
        /// The epoch, counted from 1 and below 2^24.
        epoch: u64,
        /// The batch within the epoch, counted from 0 and below 2^32.
        batch: u64,
    },
    /// How a training image is distorted in one epoch.
    Augmentation {
        /// The epoch, counted from 1 and below 2^24.
        epoch: u64,
        /// The image's index, below 2^32.
        image: u64,
    },
    /// The settings of this random trial of a sweep, counted from 0.
    Trial {
        /// The trial.
        trial: u64,
    },
}

impl Purpose {
    /// The kind of purpose in the uppermost byte, and which one of it below.
    fn stream(self) -> u64 {
        let (kind, which) = match self {
            Self::Split => (0, 0),
            Self::Order { epoch } => (1, epoch),
            Self::Weights { layer } => (2, layer),
            Self::Step { epoch, batch } => (3, epoch << 32 | batch),
            Self::Trial { trial } => (4, trial),
            Self::Augmentation { epoch, image } => (5, epoch << 32 | image),
            Self::Unlabelled { epoch } => (6, epoch),
        };
        kind << 56 | which
    }
}

/// The generator for `purpose` under `seed`: ChaCha with 8 rounds, the same on every machine.
pub fn generator(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(purpose.stream());
    generator
}

/// A seed for `purpose` under `seed`: for a device, whose own generator then makes the numbers.
pub fn derived_seed(seed: u64, purpose: Purpose) -> u64 {
    generator(seed, purpose).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_has_numbers_of_its_own() {
        use Purpose::*;
        let purposes = [
            Split,
            Order { epoch: 1 },
            Order { epoch: 2 },
            Unlabelled { epoch: 1 },
            Weights { layer: 1 },
            Weights { layer: 2 },
            Step { epoch: 1, batch: 2 },
            Step { epoch: 2, batch: 1 },
            Trial { trial: 1 },
            Augmentation { epoch: 1, image: 2 },
            Augmentation { epoch: 2, image: 1 },
        ];
        let mut seeds: Vec<u64> = [1, 2].iter().flat_map(|&seed| purposes.map(|it| derived_seed(seed, it))).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 2 * purposes.len());
        assert_eq!(derived_seed(1, Split), derived_seed(1, Split));
    }
}
