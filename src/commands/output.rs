//! Output files at a path that the user chooses. They replace older files of the same kind only.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::Error;
use crate::run::write_whole_at;

/// A kind of output file.
pub struct OutputKind {
    /// The name of the kind, for messages: "exists but is not a ...".
    pub name: &'static str,
    /// A text in the first 1,024 bytes of such files, and of no others.
    pub mark: &'static str,
}

impl OutputKind {
    /// Writes the file atomically.
    ///
    /// # Errors
    /// If the path has a file of another kind, or can't be written.
    pub fn write(&self, path: &Path, contents: &[u8]) -> Result<(), Error> {
        self.refuse_others(path)?;
        Ok(write_whole_at(path, contents)?)
    }

    /// Refuses to replace a file of another kind.
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
