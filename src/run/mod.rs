//! A run's folder, `runs/<name>-<time>/`, and the files in it.
//!
//! | file | contents |
//! | --- | --- |
//! | `config.toml` | the resolved experiment |
//! | `record.json` | a [`Record`]: program version, device, data, results of the training |
//! | `metrics.csv` | a row per epoch: [`Epoch`] |
//! | `best.safetensors`, `last.safetensors` | the models, see [`crate::model::weights`] |
//! | `adapter.safetensors` | of low-rank adaptation, the matrices of the best model, and what else has learned |
//! | `checkpoint.mpk` | a [`Checkpoint`]: all that is needed to resume the training |
//! | `evaluation.json` | an [`EvaluationRecord`]: the best model on the test images, with the SHA-256 of both |
//! | `report.html` | the HTML report, see [`crate::report`] |
//! | `tensorboard/` | the curves of `metrics.csv` for TensorBoard, if `training.tensorboard` is set |
//! | `privacy.key` | the secret key of a private training, until it is finished |
//! | `.lock` | empty; the process that trains here holds a lock on it |
//!
//! Each file is written atomically, in an order that leaves a valid folder after a crash: the record, with the checksums
//! of old and new models; the models; the checkpoint; the metrics, also in the checkpoint. `usage` measures what a training takes.

mod checkpoint;
mod error;
mod file;
mod folder;
mod listing;
pub(crate) mod metrics;
mod record;
mod summary;
mod tensorboard;
mod unpacked;
mod usage;

pub use checkpoint::Checkpoint;
pub(crate) use error::RunError;
pub(crate) use file::write_whole_at;
pub use folder::RunFolder;
pub(crate) use folder::lock::Lock;
pub(crate) use listing::{ListedRun, STANDING, find, is_run, list, list_existing};
pub use metrics::Epoch;
pub(crate) use metrics::to_csv;
pub use record::{DataRecord, EvaluationRecord, Member, PrivacyRecord, Record};
pub(crate) use record::{Status, TrainingRecord};
pub use summary::Summary;
pub(crate) use unpacked::{BUNDLED, unpack_bundled, unpack_model};
pub use usage::{Meter, Usage};
