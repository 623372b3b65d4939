//! Runs in temporary folders: the one that the program carries, and one of a model's file that describes itself.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::record::{DataRecord, Record};
use super::{error::RunError, folder::RunFolder};
use crate::model::{Description, WeightsError, weights};

const FILES: [(&str, &[u8]); 5] = [
    ("config.toml", include_bytes!("../../models/handwriting/config.toml")),
    ("record.json", include_bytes!("../../models/handwriting/record.json")),
    ("evaluation.json", include_bytes!("../../models/handwriting/evaluation.json")),
    ("metrics.csv", include_bytes!("../../models/handwriting/metrics.csv")),
    ("best.safetensors", include_bytes!("../../models/handwriting/best.safetensors")),
];

/// The name of the run that the program carries.
pub const BUNDLED: &str = "handwriting (built in)";

pub fn unpack_bundled() -> Result<TempDir, RunError> {
    let folder = temporary()?;
    let failed = |source| RunError::Create { path: folder.path().into(), source };
    FILES.iter().try_for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes)).map_err(failed)?;
    Ok(folder)
}

/// Makes a run of a safetensors file in a temporary folder, from what the file says of its model.
pub fn unpack_model(path: &Path) -> Result<TempDir, RunError> {
    let bytes = weights::read(path)?;
    let why = "it does not say what its model is, like those of other programs and older versions; name a run's folder";
    let description = Description::read(&bytes, path)?.ok_or_else(|| WeightsError::load(path, why))?;
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
    data.implausible().map_or(Ok(()), |reason| Err(WeightsError::load(path, reason)))?;
    let mut record = Record { version, commit, device: "auto".into(), data, ..Record::default() };
    let folder = temporary()?;
    let run = RunFolder::at(folder.path());
    run.write_config(&experiment)?;
    run.write_models(&[(RunFolder::BEST, &bytes)], &mut record)?;
    run.write_record(&record)?;
    Ok(folder)
}

fn temporary() -> Result<TempDir, RunError> {
    let folder = tempfile::Builder::new().prefix("mnist-burn-").tempdir();
    folder.map_err(|source| RunError::Create { path: std::env::temp_dir(), source })
}

#[cfg(test)]
mod tests;
