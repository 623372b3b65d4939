//! The path of the images, from files on disk, or on a mirror, to batches of tensors:
//!
//! 1. [`locate`] finds the files, checks them against the published checksums, and has `download` fetch those that are
//!    missing. The result is [`Files`]: four IDX files, or an `ImageFolder` of the user's images.
//! 2. [`Files::train`] and [`Files::test`] read them, IDX files with [`idx`], into [`Images`]: a byte per pixel and per label.
//! 3. [`TrainingData`] holds some training images out for validation (`stratified`), and may remove the labels of others.
//! 4. An [`EpochPlan`] divides an epoch into batches. A [`Loader`] orders the images, an [`Augmentation`] may change them, and
//!    an [`ImageBatcher`] scales each [`Batch`]. A GPU stores the images and gathers the batches itself.
//!
//! [`prepare`] turns any PNG or JPEG image into one that looks like the training images.

mod augment;
mod batch;
mod download;
mod epoch_plan;
pub(crate) mod error;
mod files;
pub mod idx;
mod image_folder;
mod images;
mod loader;
pub mod prepare;
mod training;

pub use augment::Augmentation;
pub use batch::{Batch, BatchImages, ImageBatcher, Scaling, Unlabelled};
pub use download::silent;
pub use epoch_plan::EpochPlan;
pub(crate) use error::{DataError, ImageError};
pub use files::{Files, locate};
pub(crate) use image_folder::{LARGEST_FILE as LARGEST_IMAGE_FILE, is_picture, visible};
pub use images::Images;
pub use loader::Loader;
pub use training::{Split, TrainingData};

#[cfg(test)]
mod tests {
    pub mod server;
}
