//! What can go wrong between a config file and an experiment.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

/// Why there is no experiment.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The config file is missing, unreadable or not UTF-8.
    #[error("cannot read the config file {}", path.display())]
    Unreadable {
        /// The file as named by the user.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file or the overrides say something wrong, in reading order.
    #[error("{}", summary(origin, problems))]
    Problems {
        /// The config file, for the reader.
        origin: String,
        /// Everything wrong, at least one.
        problems: Vec<Problem>,
    },
}

/// One thing wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The dotted key, such as `training.epochs`; empty where the text is not TOML.
    pub key: String,
    /// The line in the config file, from 1; `None` for an override.
    pub line: Option<usize>,
    /// The setting as written: `training.epochs = 0` or `--set training.epochs=0`.
    pub setting: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}: {}", self.setting, self.message)
    }
}

/// A line with the count, then one indented line a problem.
fn summary(origin: &str, problems: &[Problem]) -> String {
    let plural = if problems.len() == 1 { "" } else { "s" };
    let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    format!("{} problem{plural} in {origin}:{lines}", problems.len())
}
