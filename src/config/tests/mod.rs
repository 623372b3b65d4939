//! Tests of loading a config: ranges, overrides, messages, and files that are written and read again.

mod files;
mod labels;
mod messages;
mod mutations;
mod overrides;
mod privacy;
mod ranges;
mod transfer;

use super::{ConfigError, Experiment};

/// Loads a file with this text and these `--set` arguments.
fn load(text: &str, overrides: &[&str]) -> Result<Experiment, ConfigError> {
    let overrides: Vec<_> = overrides.iter().map(ToString::to_string).collect();
    super::build(text, "try.toml", None, &overrides)
}

/// The experiment of a valid file.
fn loaded(text: &str, overrides: &[&str]) -> Experiment {
    load(text, overrides).unwrap_or_else(|error| panic!("{error}"))
}

/// The problems of an invalid file, as printed.
fn problems(text: &str, overrides: &[&str]) -> Vec<String> {
    match load(text, overrides) {
        Err(ConfigError::Problems { problems, .. }) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("{text:?} with {overrides:?} gave {other:?}"),
    }
}

/// The problem of a file with one problem.
fn problem(text: &str) -> String {
    let all = problems(text, &[]);
    assert_eq!(all.len(), 1, "{text:?} gave {all:#?}");
    all.concat()
}
