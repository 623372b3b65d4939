//! The random generators of the host: a new one for each purpose, derived from it and the experiment's seed, or a
//! private training's key, so that no random choice depends on how many others were made before it.
//!
//! Two runs have the same bytes if config, data, build and device are the same: the order in `data/loader.rs` depends on seed
//! and epoch only, `model/mlp.rs` numbers the parameters for equal files, and a resumed run starts at its `Position`.

use std::io;

use parking_lot::{Mutex, MutexGuard};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Keeps Burn's generator, which all threads share, to one: a seed or a draw of another would change the numbers.
pub fn keep_burns_generator() -> MutexGuard<'static, ()> {
    static KEPT: Mutex<()> = Mutex::new(());
    KEPT.lock()
}

/// What a generator is for. Each purpose has a stream of its own under one seed.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Which training images are held out for validation.
    Split,
    /// The order of the training images in a pass through them, counted from 1.
    Order { epoch: u64 },
    /// The order of the unlabelled images in an epoch, counted from 1.
    Unlabelled { epoch: u64 },
    /// The initial weights of a layer, counted from 0; the output layer is the last one.
    Weights { layer: u64 },
    /// The low-rank matrices of all layers.
    Lora,
    /// The noise and dropout of a training step: the epoch is from 1 and below 2^24, the batch in it from 0 and below 2^32.
    Step { epoch: u64, batch: u64 },
    /// The dropout of a hidden layer, counted from 0, in one step.
    Dropout { layer: u64 },
    /// The noise of a hidden layer in a step, from 1 and below 2^16, or of the images, 0: in a part of the batch, below 2^32.
    Noise { layer: u64, part: u64 },
    /// The augmentation of a training image, by its index below 2^32, in an epoch, counted from 1 and below 2^24.
    Augmentation { epoch: u64, image: u64 },
    /// Which images a private training takes in a step, counted from 0.
    Sampling { step: u64 },
    /// The noise of a private training in a step, counted from 0.
    PrivacyNoise { step: u64 },
    /// The settings of a random trial of a sweep, counted from 0.
    Trial { trial: u64 },
}

impl Purpose {
    /// `generator` at this purpose's stream, whose number has the kind of purpose in the highest byte, and its values below.
    fn stream(self, mut generator: ChaCha8Rng) -> ChaCha8Rng {
        let (kind, which) = match self {
            Self::Split => (0, 0),
            Self::Order { epoch } => (1, epoch),
            Self::Weights { layer } => (2, layer),
            Self::Step { epoch, batch } => (3, epoch << 32 | batch),
            Self::Trial { trial } => (4, trial),
            Self::Augmentation { epoch, image } => (5, epoch << 32 | image),
            Self::Unlabelled { epoch } => (6, epoch),
            Self::Dropout { layer } => (7, layer),
            Self::Noise { layer, part } => (8, layer << 32 | part),
            Self::Sampling { step } => (9, step),
            Self::PrivacyNoise { step } => (10, step),
            Self::Lora => (11, 0),
        };
        generator.set_stream(kind << 56 | which);
        generator
    }
}

/// The generator for `purpose` under `seed`: ChaCha with 8 rounds, the same on every machine.
pub fn generator(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    purpose.stream(ChaCha8Rng::seed_from_u64(seed))
}

/// The secret key of a private training, from the operating system. Whoever has it can remove the noise.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Key([u8; 32]);

impl Key {
    pub fn new() -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self(key))
    }

    pub fn generator(&self, purpose: Purpose) -> ChaCha8Rng {
        purpose.stream(ChaCha8Rng::from_seed(self.0))
    }
}

/// A seed for `purpose` under `seed`, for a device's own generator.
pub fn derived_seed(seed: u64, purpose: Purpose) -> u64 {
    generator(seed, purpose).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_have_different_seeds() {
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
            Dropout { layer: 1 },
            Dropout { layer: 2 },
            Noise { layer: 1, part: 2 },
            Noise { layer: 2, part: 1 },
            Sampling { step: 1 },
            PrivacyNoise { step: 1 },
            Lora,
        ];
        let mut seeds: Vec<u64> = [1, 2].iter().flat_map(|&seed| purposes.map(|it| derived_seed(seed, it))).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 2 * purposes.len());
        assert_eq!(derived_seed(1, Split), derived_seed(1, Split));
    }
}
