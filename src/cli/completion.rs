//! What a shell completes: the program is called by the script of `mnist-burn completions` and answers with the words that fit.

use std::{ffi::OsStr, path::Path};

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};

use crate::config::{all_keys, variable};
use crate::run::{STANDING, list_existing};

pub fn run() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let folder = variable("MNIST_BURN_RUNS").unwrap_or("runs");
        let runs = list_existing(Path::new(folder)).unwrap_or_default().into_iter().rev().map(|run| run.name);
        let mut found = beginning(runs.chain(STANDING.map(String::from)), typed);
        found.extend(PathCompleter::any().complete(typed));
        found
    })
}

/// Completes `KEY=VALUE`, as far as its values are words.
pub fn setting() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let settings = all_keys().iter().flat_map(|key| match key.choices.is_empty() {
            true => vec![format!("{}=", key.name)],
            false => key.choices.iter().map(|(choice, _)| format!("{}={choice}", key.name)).collect(),
        });
        beginning(settings, typed)
    })
}

fn beginning(words: impl Iterator<Item = String>, typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    words.filter(|word| word.starts_with(&*typed)).map(CompletionCandidate::new).collect()
}
