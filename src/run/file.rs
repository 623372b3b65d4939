//! Writes files atomically: a file appears complete or not at all, even if the program or the machine crashes.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::{env, thread, time::Duration};

use super::error::RunError;

/// The beginning and the end of the name of an unfinished file, without `tfevents`: TensorBoard would read the file.
const PREFIX: &str = ".unfinished-";
const SUFFIX: &str = ".tmp";
/// The most links to links that are followed, as on Linux.
const MOST_LINKS: usize = 40;

/// Writes any file atomically, over an older one only with `replace`. Returns a warning if the file may not outlive a crash.
pub fn write_whole_at(path: &Path, bytes: &[u8], replace: bool) -> Result<Option<String>, RunError> {
    write_atomically(path, bytes, replace).map_err(|source| RunError::Write { path: path.into(), source })
}

/// The file that writing to `path` would write: `path`, or what it links to. Refused if it is there and not regular.
fn target(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        let Ok(next) = fs::read_link(&target) else { break };
        target = folder_of(&target).join(next);
    }
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file")),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(target),
    }
}

/// Writes a file under a temporary name, then renames it. After an error, an older file stays as it is. The temporary file is
/// in the same folder, as a rename can't cross disks. Its name is unique, as others may write there too.
pub fn write_atomically(path: &Path, bytes: &[u8], replace: bool) -> io::Result<Option<String>> {
    let target = target(path)?;
    let (start, end) = bytes.split_at(bytes.len() / 2);
    // `make_in` gives the file the permissions of any new file, not those of a private temporary one.
    let create = |path: &Path| File::create_new(path);
    let mut file = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).make_in(folder_of(&target), create)?;
    file.write_all(start)?;
    pause_for_tests();
    file.write_all(end)?;
    file.as_file().sync_all()?;
    let persisted = if replace { file.persist(&target) } else { file.persist_noclobber(&target) };
    persisted?;
    sync_folder(folder_of(&target))
}

/// Puts the names of a folder's files on the disk. Returns a warning if the system can't.
pub fn sync_folder(folder: &Path) -> io::Result<Option<String>> {
    use ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    let synced = if cfg!(unix) { File::open(folder).and_then(|folder| folder.sync_all()) } else { Ok(()) };
    match synced {
        // A file system without the operation, or a folder that may be written to and not read.
        Err(error) if matches!(error.kind(), InvalidInput | Unsupported | PermissionDenied) => Ok(Some(format!(
            "the file system of {} can't sync folders: after a power failure, new files may be missing",
            folder.display()
        ))),
        synced => synced.map(|()| None),
    }
}

pub fn is_unfinished(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub fn unwritten(folder: &Path, name: &str, source: io::Error) -> RunError {
    let (run, path) = (folder.into(), folder.join(name));
    let is_full = matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    if is_full { RunError::Full { run, path, source } } else { RunError::Write { path, source } }
}

/// Sleeps as many milliseconds as the environment says. Tests use it to kill the program in the middle of a write.
fn pause_for_tests() {
    let pause = env::var("MNIST_BURN_TEST_WRITE_PAUSE").ok().and_then(|text| text.parse().ok());
    pause.into_iter().for_each(|milliseconds| thread::sleep(Duration::from_millis(milliseconds)));
}
