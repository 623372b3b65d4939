//! Reads files up to a limit: `/dev/zero` has no end, and a damaged file may have any size.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// The bytes of the file at `path`. Refused if it can't be read, or has more than `limit` bytes.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_from(File::open(path)?, limit)
}

/// The same of standard input, if `path` is `-`.
pub fn read_or_stdin(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    if path.as_os_str() == "-" { read_from(io::stdin(), limit) } else { read(path, limit) }
}

/// The bytes that are read from `source` up to its end. Errors as for [`read`].
pub fn read_from(source: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    source.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large(limit)) } else { Ok(bytes) }
}

/// The same of a regular file. Anything else is refused too: a pipe, for instance, would wait for its writer.
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    match fs::metadata(path)? {
        it if !it.is_file() => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
        it if it.len() > limit => Err(too_large(limit)),
        _ => fs::read(path),
    }
}

fn too_large(limit: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes"))
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
        assert_eq!(read_regular(zero, 1000).unwrap_err().to_string(), "it is not a regular file");
    }
}
