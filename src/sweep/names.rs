//! Names trials by their values, so that a run keeps its folder when values are added to the sweep file.

use std::collections::HashSet;

use super::space::{Settings, are_different};
use crate::config::plain;

/// The maximum length of a name, in bytes. Longer names are hard to read, and some systems allow 255 bytes only.
const MAX_LENGTH: usize = 100;

/// A unique folder name, valid on every system, for each trial, of the keys that vary: `learning_rate=0.001,hidden=300-100`.
/// If one is too long or not unique, all trials are numbered: `trial-1`, `trial-2` and so on. All trials have the same keys.
pub fn of(trials: &[Settings]) -> Vec<String> {
    let varies = |&index: &usize| trials.iter().any(|settings| settings[index] != trials[0][index]);
    let varied: Vec<usize> = (0..trials.first().map_or(0, Vec::len)).filter(varies).collect();
    let short: Vec<&str> = varied.iter().map(|&index| last_part(&trials[0][index].0)).collect();
    let are_unique = are_different(&short);
    let name = |settings: &Settings| {
        let part = |&index: &usize| {
            let (key, value) = &settings[index];
            format!("{}={}", safe(if are_unique { last_part(key) } else { key }), safe(&plain(value)))
        };
        if varied.is_empty() { "base".into() } else { varied.iter().map(part).collect::<Vec<_>>().join(",") }
    };
    let names: Vec<String> = trials.iter().map(name).collect();
    // Some file systems do not distinguish A from a.
    let distinct: HashSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
    if distinct.len() == names.len() && names.iter().all(|name| name.len() <= MAX_LENGTH) {
        return names;
    }
    (1..=trials.len()).map(|number| format!("trial-{number}")).collect()
}

fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Keeps letters, digits, `_`, `.` and `-`, and replaces everything between them with one `-`.
fn safe(text: &str) -> String {
    let is_safe = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let words: Vec<&str> = text.split(|letter| !is_safe(letter)).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "none".into() } else { words.join("-") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(trials: &[&str]) -> Vec<String> {
        let settings = |text: &&str| text.parse::<toml::Table>().unwrap().into_iter().collect();
        of(&trials.iter().map(settings).collect::<Vec<_>>())
    }

    #[test]
    fn trial_is_named_by_the_values_that_vary() {
        let found = names(&["'a.x' = 1\n'm.hidden' = []\nz = 1", "'a.x' = 2e-5\n'm.hidden' = [300, 100]\nz = 1"]);
        assert_eq!(found, ["x=1,hidden=none", "x=0.00002,hidden=300-100"]);
        assert_eq!(names(&["d = 'wgpu:1'", "d = 'flex'"]), ["d=wgpu-1", "d=flex"]);
    }

    #[test]
    fn keys_with_the_same_last_part_are_named_in_full() {
        let found = names(&["'o.kind' = 'sgd'\n's.kind' = 'cosine'", "'o.kind' = 'adam'\n's.kind' = 'constant'"]);
        assert_eq!(found, ["o.kind=sgd,s.kind=cosine", "o.kind=adam,s.kind=constant"]);
    }

    #[test]
    fn names_that_are_too_long_or_not_unique_become_numbers() {
        assert_eq!(names(&["d = 'a/b'", "d = 'A b'"]), ["trial-1", "trial-2"]);
        let long = format!("d = '{}'", "x".repeat(99));
        assert_eq!(names(&[&long, "d = 'y'"]), ["trial-1", "trial-2"]);
    }

    #[test]
    fn single_trial_is_named_base() {
        assert_eq!(names(&["a = 3"]), ["base"]);
    }
}
