//! Trains a multi-layer perceptron on MNIST with [Burn](https://burn.dev), from one config file, and uses it.
//!
//! # The rooms
//!
//! Imports point downwards only: a room uses rooms below it, and no two files use each other. The test `architecture` reads
//! this table and checks both.
//!
//! | room | owns |
//! | --- | --- |
//! | `main` | the process: it parses the command line, runs the command, reports errors, and alone ends the process |
//! | [`commands`] | one file a command: from its arguments to its output |
//! | [`error`] | the one error that a command returns |
//! | [`cli`] | the command line as typed, what a terminal shows, signals |
//! | [`serve`] | a page to draw digits on, and its JSON API |
//! | [`report`] | the HTML report of a run, the comparison of several, grids of images |
//! | [`sweep`] | variants of an experiment over several seeds, and the choice among them |
//! | [`training`] | Burn's `Learner` and what goes into it: steps, losses, optimisers, learning rates, checkpoints |
//! | [`run`] | a run's folder and each file in it; lists and summaries of runs |
//! | [`evaluation`] | predictions against the true classes; a trained network put to use |
//! | [`model`] | the network, its weights in files, and the weights of other networks that it starts from |
//! | [`data`] | from files to batches: IDX files, image folders, downloads, splits, augmentation; one image prepared |
//! | [`config`] | one experiment: its keys, their ranges, their combinations |
//! | [`device`] | devices by name, the backends of this build, devices of other machines |
//! | [`random`] | the generator of every random choice |
//! | [`checksum`] | SHA-256 sums |
//! | [`text`] | how numbers and errors are written |
//!
//! # From a file to a verdict
//!
//! Six files lead one image through the program:
//!
//! 1. `data/idx.rs` reads the bytes of the images and labels, and trusts no number in the file;
//! 2. `data/loader.rs` decides the order and makes the batches, with `data/batch.rs`, where bytes become numbers;
//! 3. `model/mlp.rs` is the network: from a batch `[batch, 784]` to logits `[batch, 10]`;
//! 4. `training/step.rs` computes the loss and its gradients, and updates the weights;
//! 5. `training/session.rs` puts Burn's `Learner` together and runs it to its end;
//! 6. `evaluation/mod.rs` counts the predictions on the test images: the verdict.
//!
//! At first, skip `model/dense/` (a hidden layer as one operation on the CPU), `device/remote/` (other machines) and
//! `serve/`.

#[cfg(not(any(feature = "ndarray", feature = "flex", feature = "wgpu", feature = "cuda")))]
compile_error!("no backend: build with --features ndarray, flex, wgpu, vulkan, metal or cuda");

pub mod checksum;
pub mod cli;
pub mod commands;
pub mod config;
pub mod data;
pub mod device;
pub mod error;
pub mod evaluation;
pub mod model;
pub mod random;
pub mod report;
pub mod run;
pub mod serve;
pub mod sweep;
pub mod text;
pub mod training;

pub use error::Error;
