//! Runs in temporary folders: the finished run that the program carries, for users who have none of their own, and a file
//! of a model that describes itself.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::error::RunError;
use super::folder::RunFolder;
use super::record::{DataRecord, Record};
use crate::model::{Description, WeightsError, weights};

/// The files of the run in `models/handwriting/`.
const FILES: [(&str, &[u8]); 5] = [
    ("config.toml", include_bytes!("../../models/handwriting/config.toml")),
    ("record.json", include_bytes!("../../models/handwriting/record.json")),
    ("evaluation.json", include_bytes!("../../models/handwriting/evaluation.json")),
    ("metrics.csv", include_bytes!("../../models/handwriting/metrics.csv")),
    ("best.safetensors", include_bytes!("../../models/handwriting/best.safetensors")),
];

/// The temporary folder of a run. It is deleted with this value.
#[derive(Debug)]
pub struct Unpacked {
    folder: TempDir,
}

impl Unpacked {
    /// The name of the run that the program carries.
    pub const BUNDLED: &str = "handwriting (built in)";

    /// Unpacks the run that the program carries.
    pub fn bundled() -> Result<Self, RunError> {
        let unpacked = Self::new()?;
        let write = |(name, bytes): &(&str, &[u8])| fs::write(unpacked.path().join(name), bytes);
        FILES.iter().try_for_each(write).map_err(Self::failed)?;
        Ok(unpacked)
    }

    /// Makes a run of a safetensors file, from what the file says of its model.
    pub fn model(path: &Path) -> Result<Self, RunError> {
        let bytes = weights::read(path)?;
        let refused = |reason: &str| WeightsError::Load { path: path.into(), reason: reason.into() };
        let lacking =
            "it does not say what its model is, as older files and those of other programs; name a run's folder";
        let description = Description::read(&bytes, path)?.ok_or_else(|| refused(lacking))?;
        let experiment = description.experiment()?;
        let Description { version, commit, architecture, classes: names, pixels, .. } = description;
        let data = DataRecord {
            height: architecture.height,
            width: architecture.width,
            classes: names.len(),
            names,
            scaling: pixels.scaling,
            look: Some(pixels.preparation),
            ..DataRecord::default()
        };
        if let Some(reason) = data.implausible() {
            return Err(refused(reason).into());
        }
        let mut record = Record { version, commit, device: "auto".into(), data, ..Record::default() };
        let unpacked = Self::new()?;
        let run = RunFolder::at(unpacked.path());
        run.write_config(&experiment)?;
        run.write_models(&[(RunFolder::BEST, &bytes)], &mut record)?;
        run.write_record(&record)?;
        Ok(unpacked)
    }

    fn new() -> Result<Self, RunError> {
        let folder = tempfile::Builder::new().prefix("mnist-burn-").tempdir().map_err(Self::failed)?;
        Ok(Self { folder })
    }

    fn failed(source: std::io::Error) -> RunError {
        RunError::Create { path: std::env::temp_dir(), source }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}
