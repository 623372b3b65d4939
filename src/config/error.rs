use std::{io, path::PathBuf};

use thiserror::Error;

/// The most problems of a file that are listed: if there are more, it may not be a config.
const MOST_LISTED: usize = 20;

#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("cannot read the config file {path}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}", summary(origin, problems))]
    Problems {
        origin: String,
        /// At least one: first those of the file from top to bottom, then those of the overrides.
        problems: Vec<Problem>,
    },
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
