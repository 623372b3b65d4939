//! Trains a multi-layer perceptron on MNIST with [Burn](https://burn.dev), from one config file, and uses it.
//!
//! An image's way through the modules:
//!
//! 1. [`data`] finds the files, reads and checks them, splits them, and makes batches of tensors;
//! 2. [`model`] turns a batch into logits;
//! 3. [`training`] adjusts the model's weights until the logits fit the labels;
//! 4. [`evaluation`] counts its right and wrong predictions;
//! 5. [`run`] keeps it all in a folder, with a [`record`] and, through [`weights`], the model; [`tensorboard`] draws it.
//!
//! A [`reader`] puts a trained model to use: at the command line, and, through [`serve`], on a page.
//!
//! A [`report`] shows it as a page, the [`terminal`] what it can of it, a [`mosaic`] the images. [`summary`] and
//! [`listing`] look back on many runs, in a [`table`]; a [`sweep`] makes many and chooses.
//!
//! A network need not start by chance: [`transfer`] has it start from the weights of another one.
//!
//! On the CPU, `dense` makes a hidden layer one operation, and the optimisers one pass, over the `numbers` behind tensors.
//!
//! [`config`] says what is to be done, and [`device`] where, be it on another machine, through [`remote`]; [`picture`]
//! prepares images from outside, and [`commands`] puts all together. Imports point from [`commands`] towards [`model`] and [`config`], never back.

#[cfg(not(any(feature = "ndarray", feature = "flex", feature = "wgpu", feature = "cuda")))]
compile_error!("no backend: build with --features ndarray, flex, wgpu, vulkan, metal or cuda");

pub mod checkpoint;
pub mod checksum;
pub mod cli;
pub mod commands;
pub mod config;
pub mod data;
mod dense;
pub mod device;
pub mod error;
pub mod evaluation;
pub mod interrupt;
pub mod listing;
pub mod metrics;
pub mod model;
pub mod mosaic;
pub mod notice;
mod numbers;
pub mod picture;
pub mod random;
pub mod reader;
pub mod record;
pub mod remote;
pub mod report;
pub mod run;
pub mod serve;
pub mod summary;
pub mod sweep;
pub mod table;
pub mod tensorboard;
pub mod tensors;
pub mod terminal;
pub mod training;
pub mod transfer;
pub mod weights;

pub use error::Error;
