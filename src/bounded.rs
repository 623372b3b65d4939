//! Reads files up to a limit: `/dev/zero` has no end, and a damaged file may have any size.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The bytes of the file at `path`.
///
/// # Errors
/// If it can't be read, or has more than `limit` bytes.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_from(File::open(path)?, limit)
}

/// The bytes that are read from `source` up to its end. Errors as for [`read`].
pub fn read_from(source: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    source.take(limit + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes"))),
        false => Ok(bytes),
    }
}

/// The bytes of a regular file of any size.
///
/// # Errors
/// If it can't be read, or is something else, such as a device.
pub fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    let mut file = File::open(path)?;
    match file.metadata()?.is_file() {
        true => file.read_to_end(&mut bytes).map(|_| bytes),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_read_up_to_its_limit_and_not_further() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "four").unwrap();
        assert_eq!(read(file.path(), 4).unwrap(), b"four");
        assert_eq!(read(file.path(), 3).unwrap_err().to_string(), "it has more than 3 bytes");
    }

    #[test]
    #[cfg(unix)]
    fn device_without_an_end_is_refused() {
        let zero = Path::new("/dev/zero");
        assert_eq!(read(zero, 1000).unwrap_err().to_string(), "it has more than 1000 bytes");
        assert_eq!(read_regular(zero).unwrap_err().to_string(), "it is not a regular file");
    }
}
