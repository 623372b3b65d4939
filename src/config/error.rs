//! The errors of a config.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

/// Why a config can't be loaded.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The config file is missing, unreadable or not UTF-8.
    #[error("cannot read the config file {}", path.display())]
    Unreadable {
        /// The path of the file, as the user wrote it.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file or the overrides have errors.
    #[error("{}", summary(origin, problems))]
    Problems {
        /// The name of the config file, for the message.
        origin: String,
        /// All errors, at least one: first those of the file from top to bottom, then those of the overrides.
        problems: Vec<Problem>,
    },
}

/// An error in one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The dotted key, such as `training.epochs`; empty for a syntax error.
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

/// A line with the number of problems, then one indented line per problem.
fn summary(origin: &str, problems: &[Problem]) -> String {
    let plural = if problems.len() == 1 { "" } else { "s" };
    let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    format!("{} problem{plural} in {origin}:{lines}", problems.len())
}
