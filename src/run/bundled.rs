//! The built-in network: a finished run that the program carries, for users who have none of their own.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::error::RunError;

/// The files of the run in `models/handwriting/`.
const FILES: [(&str, &[u8]); 5] = [
    ("config.toml", include_bytes!("../../models/handwriting/config.toml")),
    ("record.json", include_bytes!("../../models/handwriting/record.json")),
    ("evaluation.json", include_bytes!("../../models/handwriting/evaluation.json")),
    ("metrics.csv", include_bytes!("../../models/handwriting/metrics.csv")),
    ("best.safetensors", include_bytes!("../../models/handwriting/best.safetensors")),
];

/// The folder of the run that the program carries. It is temporary, and deleted with this value.
#[derive(Debug)]
pub struct Bundled {
    folder: TempDir,
}

impl Bundled {
    pub const NAME: &str = "handwriting (built in)";

    /// Writes the run's files into a new temporary folder.
    pub fn unpack() -> Result<Self, RunError> {
        let failed = |source| RunError::Create { path: std::env::temp_dir(), source };
        let folder = tempfile::Builder::new().prefix("mnist-burn-").tempdir().map_err(failed)?;
        FILES.iter().try_for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes)).map_err(failed)?;
        Ok(Self { folder })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}
