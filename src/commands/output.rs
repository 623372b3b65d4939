//! The results of commands: on stdout as text or JSON, and in files at a path that the user chooses.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use serde::Serialize;

use crate::cli::{notice, terminal, warn};
use crate::run::{RunError, write_whole_at};
use crate::{Error, evaluation::Evaluation, text::printable_lines};

/// Writes a result to stdout, with control characters escaped.
pub fn print(text: &str) -> Result<(), Error> {
    print_styled(&printable_lines(text))
}

/// The same for a text whose names from files are escaped already. Strips its colours if stdout does not show them.
pub fn print_styled(text: &str) -> Result<(), Error> {
    unless_closed(writeln!(anstream::stdout().lock(), "{text}"))
}

/// What became of writing to stdout. A closed pipe, as in `| head`, is not an error.
pub fn unless_closed(written: io::Result<()>) -> Result<(), Error> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}

pub fn print_json(value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    print(&serde_json::to_string_pretty(value).map_err(|error| Error::Output(error.into()))?)
}

pub fn print_evaluation(evaluation: &Evaluation, heading: &str, ending: &str) -> Result<(), Error> {
    print_styled(&(terminal::evaluation(evaluation, heading) + &printable_lines(ending)))
}

pub struct OutputKind {
    /// The name of the kind, for messages: "exists but is not a ...".
    pub name: &'static str,
    pub endings: &'static [&'static str],
    pub replaces: Replaces,
}

/// The regular files that an output file may replace.
#[derive(Clone, Copy)]
pub enum Replaces {
    Nothing,
    /// Those of the same kind: they have this text in their first 1,024 bytes, and no others have it.
    Marked(&'static str),
    Anything,
}

const STDOUT: &str = "-";
/// Endings by which people and programs tell what is in a file.
const KNOWN_ENDINGS: &str = "bin bmp ckpt csv gguf gif gz h5 hdf5 htm html jpeg jpg json jsonl keras mpk npy npz onnx parquet pdf \
                             pickle pkl png pt pth py safetensors svg tar tflite tif tiff toml txt webp xlsx zip";

impl OutputKind {
    /// A kind of file that replaces any file with `force`, and none without.
    pub fn new(name: &'static str, endings: &'static [&'static str], force: bool) -> Self {
        Self { name, endings, replaces: if force { Replaces::Anything } else { Replaces::Nothing } }
    }

    /// Writes the file atomically and prints its path. `-` is standard output.
    pub fn save(&self, path: &Path, contents: &[u8]) -> Result<(), Error> {
        self.check(path)?;
        if path.as_os_str() == STDOUT {
            let mut stdout = io::stdout().lock();
            return unless_closed(stdout.write_all(contents).and_then(|()| stdout.flush()));
        }
        let replaced = path.exists();
        match write_whole_at(path, contents, !matches!(self.replaces, Replaces::Nothing)) {
            Err(RunError::Write { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {
                return Err(Error::Exists { path: path.into() });
            }
            written => written?.iter().for_each(warn),
        }
        if replaced {
            notice(format!("{} is replaced", path.display()));
        }
        print(&path.display().to_string())
    }

    pub fn wrong_ending(&self, path: &Path) -> Error {
        Error::Ending { path: path.into(), kind: self.name, endings: self.endings.join(" or .") }
    }

    /// Refuses a path with the ending of another kind of file, and one that exists and may not be replaced.
    pub fn check(&self, path: &Path) -> Result<(), Error> {
        if path.as_os_str() == STDOUT {
            return Ok(());
        }
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if KNOWN_ENDINGS.split(' ').any(|known| known == ending) && !self.endings.contains(&ending.as_str()) {
            return Err(self.wrong_ending(path));
        }
        let has = |mark| {
            let mut start = vec![];
            let read = File::open(path).and_then(|file| file.take(1024).read_to_end(&mut start));
            read.is_ok() && String::from_utf8_lossy(&start).contains(mark)
        };
        match (fs::metadata(path), self.replaces) {
            (Err(error), _) if error.kind() == ErrorKind::NotFound => Ok(()),
            (Ok(found), _) if !found.is_file() => Err(Error::NotAFile { path: path.into() }),
            (_, Replaces::Nothing) => Err(Error::Exists { path: path.into() }),
            (_, Replaces::Marked(mark)) if !has(mark) => Err(Error::Occupied { path: path.into(), kind: self.name }),
            _ => Ok(()),
        }
    }
}

pub fn json_lines<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Result<String, Error> {
    let lines = rows.into_iter().map(|row| Ok(serde_json::to_string(&row)? + "\n"));
    lines.collect::<serde_json::Result<_>>().map_err(|error| Error::Output(error.into()))
}
