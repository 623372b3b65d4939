//! A smoke run that tests share. The first of them trains it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{DEVICE, folders, program, success};

/// A finished run.
pub struct Trained {
    /// The folder of runs, which is removed at the end.
    _runs: TempDir,
    /// The run's folder.
    pub run: PathBuf,
    /// The training's stdout.
    pub stdout: String,
    /// The training's stderr.
    pub stderr: String,
}

impl Trained {
    /// Copies the run's files to `folder`, which is created.
    pub fn copy_to(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for file in fs::read_dir(&self.run).unwrap().map(|entry| entry.unwrap()) {
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
}

/// The shared run of `config/smoke.toml`.
pub fn smoke() -> &'static Trained {
    static TRAINED: OnceLock<Trained> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let runs = tempfile::tempdir().unwrap();
        let mut command = program();
        command.args(["--config", "config/smoke.toml", "--device", DEVICE, "--runs"]).arg(runs.path());
        let (stdout, stderr) = success(&mut command);
        let [run] = &folders(runs.path())[..] else { panic!("one run, one folder") };
        Trained { run: run.clone(), _runs: runs, stdout, stderr }
    })
}
