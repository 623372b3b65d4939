//! Files that a command writes where the user says. An older file of the same kind is replaced, and nothing else.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::Error;
use crate::run::write_whole_at;

/// A kind of file that a command writes.
pub struct OutputKind {
    /// What it is called.
    pub name: &'static str,
    /// What the first 1,024 bytes of such a file contain, and those of no other.
    pub mark: &'static str,
}

impl OutputKind {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// If something else is there, or it can't be written.
    pub fn write(&self, path: &Path, contents: &[u8]) -> Result<(), Error> {
        self.refuse_others(path)?;
        Ok(write_whole_at(path, contents)?)
    }

    /// Refuses to replace what is not of this kind.
    ///
    /// # Errors
    /// [`Error::Occupied`].
    pub fn refuse_others(&self, path: &Path) -> Result<(), Error> {
        let mut start = vec![];
        match File::open(path).and_then(|file| file.take(1024).read_to_end(&mut start)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(_) if String::from_utf8_lossy(&start).contains(self.mark) => Ok(()),
            _ => Err(Error::Occupied { path: path.into(), kind: self.name }),
        }
    }
}
