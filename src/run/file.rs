//! Writes files atomically: a file appears complete or not at all, even if the program or the machine crashes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;
use std::{env, thread};

use super::error::RunError;

/// Writes `<folder>/<name>` under a temporary name, then renames it.
///
/// # Errors
/// If it can't be written. An older file then stays as it is.
pub fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), RunError> {
    let path = folder.join(name);
    // The temporary name has no `tfevents` in it: TensorBoard would read the unfinished file.
    let prefix = path.file_prefix().unwrap_or_default().display();
    let unfinished = path.with_file_name(format!(".{prefix}.tmp"));
    let write = || -> io::Result<()> {
        let (start, end) = bytes.split_at(bytes.len() / 2);
        let mut file = File::create(&unfinished)?;
        file.write_all(start)?;
        pause_for_tests();
        file.write_all(end)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        // Sync the folder too, so that the new name is on the disk. Not every system can open a folder.
        match path.parent().filter(|_| cfg!(unix)) {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|source| {
        // The unfinished file takes up space, and nothing reads it.
        let _ = fs::remove_file(&unfinished);
        unwritten(folder, name, source)
    })
}

/// Writes the file at `path` atomically. It need not be in a run's folder.
///
/// # Errors
/// If it can't be written, or the path does not end in a file name.
pub fn write_whole_at(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    let unusable = || RunError::Write { path: path.into(), source: io::ErrorKind::InvalidFilename.into() };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(unusable)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    write_whole(folder, name, bytes)
}

/// The error for a file in a run's folder that can't be written.
pub fn unwritten(folder: &Path, name: &str, source: io::Error) -> RunError {
    let (run, path) = (folder.into(), folder.join(name));
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RunError::Full { run, path, source },
        _ => RunError::Write { path, source },
    }
}

/// Sleeps as many milliseconds as the environment says. Tests use it to kill the program in the middle of a write.
fn pause_for_tests() {
    let pause = env::var("MNIST_BURN_TEST_WRITE_PAUSE").ok().and_then(|text| text.parse().ok());
    pause.into_iter().for_each(|milliseconds| thread::sleep(Duration::from_millis(milliseconds)));
}
