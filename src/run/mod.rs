//! A run's folder, `runs/<name>-<time>/`, and the files in it, which `docs/runs.md` lists.
//!
//! Each file is written atomically, in an order that leaves a valid folder after a crash: `record.json`, with the checksums
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
