//! The images: from the IDX files on disk, or on a mirror, to batches of tensors.
//!
//! An image's way:
//!
//! 1. `source` knows, for each data set with a name, its folder, its mirrors and its published checksums.
//! 2. [`locate`] finds the folder with the four files, checks them against the published checksums and has `download`
//!    fetch those that are missing. The result is [`Files`]: four paths and what lies there; or [`Pictures`], one's own.
//! 3. [`Files::train`] and [`Files::test`] read a pair of files with [`idx`], which trusts nothing that a header says,
//!    into [`Images`]: one byte a pixel, one byte a label. The test images are read by nothing but [`Files::test`].
//! 4. [`TrainingData`] holds some of the training images out for validation, and may have others without their labels
//!    ([`stratified`]).
//! 5. A [`Loader`] decides the order, a [`Distortion`] may change the images, and an [`ImageBatcher`] scales the pixels of
//!    each [`Batch`]. Where a device has its own memory, it keeps the images (`resident`) and gathers the batches itself.

mod batch;
mod distort;
mod download;
mod error;
mod files;
pub mod idx;
mod images;
mod loader;
mod pictures;
mod resident;
mod source;
mod split;
mod training;

pub use batch::{Batch, ImageBatcher, Item, Scaling, Unlabelled};
pub use distort::Distortion;
pub use error::{Attempt, DataError, IdxError, MirrorError};
pub use files::{Files, IdxFiles, locate};
pub use images::Images;
pub use loader::Loader;
pub use pictures::Pictures;
pub use split::{Split, stratified};
pub use training::TrainingData;

#[cfg(test)]
mod server;
