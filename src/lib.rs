//! Trains a multi-layer perceptron on MNIST with [Burn](https://burn.dev), from one config file, and classifies images with it.
//!
//! # The rooms
//!
//! A room imports only rooms below it, and no two files import each other. The test `architecture` checks both by this table.
//!
//! | room | owns |
//! | --- | --- |
//! | `main` | parses the command line, runs the command, reports errors; no other file ends the process |
//! | [`commands`] | one file a command: from its arguments to its output |
//! | [`error`] | the one error that a command returns |
//! | [`cli`] | the command line as typed, what a terminal shows, signals |
//! | `serve` | a page to draw digits on, and its JSON API |
//! | [`report`] | the HTML report of a run, the comparison of several, grids of images |
//! | `sweep` | variants of an experiment over several seeds, and the choice among them |
//! | `export` | trained networks in files that other programs run |
//! | [`training`] | Burn's `Learner` and what goes into it: steps, losses, optimisers, learning rates, checkpoints |
//! | [`run`] | a run's folder and each file in it; lists and summaries of runs |
//! | [`evaluation`] | predictions against the true classes; a trained network as a classifier |
//! | [`model`] | the network, its weights in files, and the weights of other networks that it starts from |
//! | [`data`] | from files to batches: IDX files, image folders, downloads, splits, augmentation; one image prepared |
//! | [`config`] | one experiment: its keys, their ranges, their combinations |
//! | [`device`] | devices by name, the backends of this build, devices of other machines |
//! | `random` | the random generators, each derived from its purpose and a seed or a key; what makes two runs equal |
//! | [`checksum`] | SHA-256 sums |
//! | `bounded` | files read up to a limit |
//! | `protobuf` | the messages in the files of some other programs |
//! | `text` | how numbers and errors are written, and what a mistyped name may mean |
//!
//! The first lines of each room's `mod.rs`, or of its only file, are a map of that room.
//!
//! # From a file to a test error
//!
//! These files lead one image through the program:
//!
//! 1. `commands/train.rs` has all steps of a run, from the config to the report;
//! 2. `data/batch.rs` turns bytes into scaled numbers: a batch `[batch, 784]`;
//! 3. `model/mlp.rs` is the network: it computes logits `[batch, 10]`;
//! 4. `training/step.rs` computes the loss, the gradients and the new weights. On a CPU, `training/closed_form.rs` computes
//!    loss and gradients, with the network's own `model/passes/mod.rs`;
//! 5. `training/session.rs` builds Burn's `Learner` and launches it; `training/history.rs` may end it early;
//! 6. `evaluation/mod.rs` compares the predictions on the test images with the labels.

#[cfg(not(any(feature = "ndarray", feature = "flex", feature = "wgpu", feature = "cuda")))]
compile_error!("no backend: build with --features flex, ndarray, wgpu, vulkan, metal or cuda");

/// A value, computed with the widest vectors of this processor by all that the compiler inlines into the expression.
macro_rules! vectorized {
    ($value:expr) => {{
        // A closure that gives a value away can be called once only, directly: others by a function that is not inlined.
        let once = std::cell::Cell::new(());
        macerator::AutoArch::new().dispatch(#[inline(always)] || (once, $value).1)
    }};
}

mod bounded;
pub mod checksum;
pub mod cli;
pub mod commands;
pub mod config;
pub mod data;
pub mod device;
pub mod error;
pub mod evaluation;
mod export;
pub mod model;
mod protobuf;
mod random;
pub mod report;
pub mod run;
mod serve;
mod sweep;
mod text;
pub mod training;

pub use error::Error;
