//! Writing a file so that it appears whole or not at all, whatever happens to the program or the machine.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;
use std::{env, thread};

use super::error::RunError;

/// Writes `<folder>/<name>`, under another name first.
///
/// # Errors
/// If it can't be written; a file that was there before is still there then.
pub fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), RunError> {
    let path = folder.join(name);
    // A name without extensions: TensorBoard would take an unfinished `.tfevents` for one of its own.
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
        // The new name is in its folder, which is on the disk only after this. Not every system can open one.
        match path.parent().filter(|_| cfg!(unix)) {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|source| {
        // What is left of it takes up room, and nothing will ever read it.
        let _ = fs::remove_file(&unfinished);
        unwritten(folder, name, source)
    })
}

/// Writes the file at `path`, which need not be in a run's folder, likewise.
///
/// # Errors
/// As [`write_whole`], and if the path ends in no name.
pub fn write_whole_at(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    let unusable = || RunError::Write { path: path.into(), source: io::ErrorKind::InvalidFilename.into() };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(unusable)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    write_whole(folder, name, bytes)
}

/// The error of a file in a run's folder that can't be written.
pub fn unwritten(folder: &Path, name: &str, source: io::Error) -> RunError {
    let (run, path) = (folder.into(), folder.join(name));
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RunError::Full { run, path, source },
        _ => RunError::Write { path, source },
    }
}

/// Sleeps as many milliseconds as the environment says in the middle of writing a file, so that tests can kill the program
/// just there.
fn pause_for_tests() {
    let pause = env::var("MNIST_BURN_TEST_WRITE_PAUSE").ok().and_then(|text| text.parse().ok());
    pause.into_iter().for_each(|milliseconds| thread::sleep(Duration::from_millis(milliseconds)));
}
