use std::path::{Path, PathBuf};
use std::{collections::BTreeMap, fs, io};

use thiserror::Error;

use crate::text::nearest;

/// The most problems of a file that are listed: if there are more, it may not be a config.
const MOST_LISTED: usize = 20;

#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("cannot read the config file {path}{}", meant(path))]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}", summary(origin, problems))]
    Problems {
        origin: String,
        /// At least one: first those of the file from top to bottom, then those of the overrides.
        problems: Vec<Problem>,
    },
}

/// The config file that may have been meant by a path where none is: one beside it, or in `config`.
fn meant(path: &Path) -> String {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folders = ["config".into(), Path::new(".").join(path).with_file_name("")];
    let files = folders.iter().flat_map(fs::read_dir).flatten().flatten().map(|entry| entry.path());
    let configs = files.filter(|file| file.is_file() && file.extension().is_some_and(|it| it == "toml"));
    let by_name: BTreeMap<String, PathBuf> =
        configs.map(|file| (stem(&file), file.strip_prefix(".").unwrap_or(&file).into())).collect();
    let near = nearest(&stem(path), by_name.keys()).filter(|_| !path.exists());
    near.map_or_else(String::new, |near| format!("; did you mean {}?", by_name[near].display()))
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{setting}: {message}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct Problem {
    /// The line in the config file, from 1; `None` for an override.
    pub line: Option<usize>,
    /// The setting as written: `training.epochs = 0` or `training.epochs=0 (override)`.
    pub setting: String,
    pub message: String,
}

/// A line with the number of problems, then one indented line per problem.
fn summary(origin: &str, problems: &[Problem]) -> String {
    let plural = if problems.len() == 1 { "" } else { "s" };
    let lines: String = problems.iter().take(MOST_LISTED).map(|problem| format!("\n  {problem}")).collect();
    let more = if problems.len() > MOST_LISTED { "\n  ..." } else { "" };
    format!("{} problem{plural} in {origin}:{lines}{more}", problems.len())
}
