//! Where every random choice on the host comes from: the experiment's seed and what the choice is for.
//!
//! A generator is made anew for each purpose, so that no choice depends on how many others were made before it.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a generator is for. Each purpose has a stream of its own under one seed.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Which training images are held out for validation.
    Split,
    /// The order of the training images in this epoch, counted from 1.
    Order {
        /// The epoch.
        epoch: u64,
    },
    /// The settings of this random trial of a sweep, counted from 0.
    Trial {
        /// The trial.
        trial: u64,
    },
}

/// The generator for `purpose` under `seed`: ChaCha with 8 rounds, the same on every machine.
pub fn generator(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let stream = match purpose {
        Purpose::Split => 0,
        Purpose::Order { epoch } => epoch,
        Purpose::Trial { trial } => 1 << 63 | trial,
    };
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    generator
}
