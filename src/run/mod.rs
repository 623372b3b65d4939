//! A run's folder, `runs/<name>-<time>/`: what is in it, and who wrote it with what.
//!
//! | file | holds |
//! | --- | --- |
//! | `config.toml` | the resolved experiment |
//! | `record.json` | a [`Record`]: program, device, data, figures of the training |
//! | `metrics.csv` | a row an epoch: [`Epoch`] |
//! | `best.safetensors`, `last.safetensors` | the models, see [`crate::model::weights`] |
//! | `checkpoint.mpk` | a [`Checkpoint`]: all that the training needs to go on |
//! | `evaluation.json` | an [`Evaluation`](crate::evaluation::Evaluation) of the best model on the test images |
//! | `report.html` | all of it as a page, see [`crate::report`] |
//! | `tensorboard/` | the curves of `metrics.csv`, if asked for, see `tensorboard.rs` |
//! | `.lock` | nothing; a process that trains here holds its lock |
//!
//! Each file appears whole or not at all. A crash can fall between two of them, so the order of writing makes every
//! prefix of it a sound folder: the record, with the checksums of the models to come beside those there are; the models;
//! the checkpoint; the metrics, which are in the checkpoint too.

mod checkpoint;
mod error;
mod file;
mod folder;
mod listing;
pub mod metrics;
mod record;
mod status;
mod summary;
mod tensorboard;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use error::RunError;
pub use file::write_whole_at;
pub use folder::{Lock, RunFolder};
pub use listing::{ListedRun, Listing, Sort, list};
pub use metrics::Epoch;
pub use record::{DataRecord, Record, Seconds, Stopwatch, TrainingRecord};
pub use status::Status;
pub use summary::Summary;
