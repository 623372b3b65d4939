//! The trials of a sweep: a grid of values, or random draws from ranges; and a name for each, so that a run keeps its folder
//! when values are added.

use std::collections::HashSet;

use rand::RngExt;
use serde::Deserialize;
use toml::Value;

use crate::config::plain;
use crate::random::{Purpose, generator};

/// The keys that a trial changes in the base, dotted, with their values.
pub type Settings = Vec<(String, Value)>;

pub fn are_different<T: PartialEq>(values: &[T]) -> bool {
    !values.is_empty() && values.iter().enumerate().all(|(index, value)| !values[..index].contains(value))
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Range {
    /// One of these values, all equally likely.
    Any { any: Vec<Value> },
    Between {
        from: f64,
        to: f64,
        #[serde(default)]
        scale: Scale,
        /// Whole numbers only, both ends included.
        #[serde(default)]
        whole: bool,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    #[default]
    Linear,
    /// Their logarithms: 0.001 to 0.01 is as likely as 0.01 to 0.1.
    Log,
}

/// The trials of a grid, at most `most` of them: all combinations of each key's values. The last key changes fastest.
pub fn grid(keys: &[(String, Vec<Value>)], most: usize) -> Vec<Settings> {
    keys.iter().fold(vec![vec![]], |trials, (key, values)| {
        let with = |trial: &Settings, value: &Value| [&trial[..], &[(key.clone(), value.clone())]].concat();
        trials.iter().flat_map(|trial| values.iter().map(move |value| with(trial, value))).take(most).collect()
    })
}

/// `count` independent draws from each key's range, without repetitions. With more of the same `seed`, the first stay the same.
pub fn draw(keys: &[(String, Range)], count: usize, seed: u64) -> Vec<Settings> {
    let mut trials: Vec<Settings> = vec![];
    for trial in 0..count as u64 {
        let mut generator = generator(seed, Purpose::Trial { trial });
        let settings = keys.iter().map(|(key, range)| (key.clone(), range.draw(&mut generator))).collect();
        if !trials.contains(&settings) {
            trials.push(settings);
        }
    }
    trials
}

impl Range {
    /// A description of valid ranges, to follow "must be".
    pub const ALLOWED: &str = "{ from = .., to = .. } with from less than to, optionally with whole = true (both ends \
        whole) or scale = \"log\" (from above 0), or { any = [..] } with different values";

    pub fn is_valid(&self) -> bool {
        // Above 2^53, `f64` can't represent every whole number.
        let is_whole = |number: f64| number.fract() == 0.0 && number.abs() <= 2f64.powi(53);
        match self {
            Self::Any { any } => are_different(any),
            &Self::Between { from, to, scale, whole } => {
                from < to
                    && (to - from).is_finite()
                    && (scale == Scale::Linear || from > 0.0)
                    && (!whole || is_whole(from) && is_whole(to))
            }
        }
    }

    pub fn varies(&self) -> bool {
        !matches!(self, Self::Any { any } if any.len() == 1)
    }

    fn draw(&self, generator: &mut impl RngExt) -> Value {
        let (from, to, scale, whole) = match self {
            Self::Any { any } => return any[generator.random_range(0..any.len())].clone(),
            &Self::Between { from, to, scale, whole } => (from, to, scale, whole),
        };
        let at: f64 = generator.random();
        // A whole number n stands for the interval [n, n + 1).
        let end = if whole { to + 1.0 } else { to };
        let number = match scale {
            Scale::Linear => from + at * (end - from),
            Scale::Log => (from.ln() + at * (end.ln() - from.ln())).exp(),
        };
        if whole {
            return Value::Integer(number.floor().clamp(from, to) as i64);
        }
        // Four significant digits are precise enough, easier to read, and the same on every platform, unlike `exp`.
        let rounded: f64 = format!("{number:.3e}").parse().unwrap_or(number);
        Value::Float(rounded.clamp(from, to))
    }
}

/// The maximum length of a name, in bytes. Longer names are hard to read, and some systems allow 255 bytes only.
const MAX_LENGTH: usize = 100;

/// A unique folder name, valid on every system, for each trial, of the keys that vary: `learning_rate=0.001,hidden=300-100`.
/// If one is too long or not unique, all trials are numbered: `trial-1`, `trial-2` and so on. All trials have the same keys.
pub fn names(trials: &[Settings]) -> Vec<String> {
    let varies = |&index: &usize| trials.iter().any(|settings| settings[index] != trials[0][index]);
    let varied: Vec<usize> = (0..trials.first().map_or(0, Vec::len)).filter(varies).collect();
    let are_unique = are_different(&varied.iter().map(|&index| last_part(&trials[0][index].0)).collect::<Vec<_>>());
    let name = |settings: &Settings| {
        let part = |&index: &usize| {
            let (key, value) = &settings[index];
            format!("{}={}", safe(if are_unique { last_part(key) } else { key }), safe(&plain(value)))
        };
        if varied.is_empty() { "base".into() } else { varied.iter().map(part).collect::<Vec<_>>().join(",") }
    };
    let found: Vec<String> = trials.iter().map(name).collect();
    // Some file systems do not distinguish A from a.
    let distinct: HashSet<String> = found.iter().map(|name| name.to_lowercase()).collect();
    if distinct.len() == found.len() && found.iter().all(|name| name.len() <= MAX_LENGTH) {
        return found;
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
    use super::super::file;
    use super::*;

    /// The values of each trial.
    fn trials(text: &str) -> Vec<Vec<Value>> {
        let trials = file::read(&format!("base = 'b.toml'\nseeds = [1]\n{text}"), "try").unwrap().trials;
        trials.into_iter().map(|settings| settings.into_iter().map(|(_, value)| value).collect()).collect()
    }

    /// The values of a single key in 1000 random trials.
    fn draws(range: &str) -> Vec<f64> {
        let trials = trials(&format!("[random]\ntrials = 1000\nx = {range}"));
        let number = |value: &Value| value.as_float().or(value.as_integer().map(|whole| whole as f64)).unwrap();
        trials.iter().map(|values| number(&values[0])).collect()
    }

    #[test]
    fn grid_is_every_combination_and_the_last_key_changes_fastest() {
        let found = trials("[grid]\nb = [1, 2]\na = ['x', 'y', 'z']");
        let shown: Vec<String> = found.iter().map(|trial| format!("{}{}", trial[0], trial[1])).collect();
        assert_eq!(shown, ["1\"x\"", "1\"y\"", "1\"z\"", "2\"x\"", "2\"y\"", "2\"z\""]);
    }

    #[test]
    fn random_trials_are_the_same_each_time_and_stay_when_more_are_added() {
        let text = |trials, seed| {
            format!(
                "[random]\ntrials = {trials}\nseed = {seed}\na = {{ from = 0, to = 1 }}\nb = {{ from = 0, to = 1 }}"
            )
        };
        let five = trials(&text(5, 1));
        assert_eq!(five, trials(&text(5, 1)));
        assert_eq!(five, trials(&text(9, 1))[..5]);
        assert_ne!(five, trials(&text(5, 2)));
        assert!(five.iter().all(|trial| trial[0] != trial[1]), "each key is drawn independently: {five:?}");
    }

    #[test]
    fn random_trials_do_not_depend_on_the_order_of_the_keys() {
        let text = |a, b| format!("[random]\ntrials = 5\n{a} = {{ from = 0, to = 1 }}\n{b} = {{ from = 0, to = 1 }}");
        assert_eq!(trials(&text("a", "b")), trials(&text("b", "a")));
    }

    #[test]
    fn random_numbers_are_uniform_on_their_scale_and_have_few_digits() {
        let fraction =
            |draws: &[f64], below: f64| draws.iter().filter(|&&draw| draw < below).count() as f64 / draws.len() as f64;
        let linear = draws("{ from = 1, to = 3 }");
        assert!(linear.iter().all(|draw| (1.0..=3.0).contains(draw)));
        assert!((fraction(&linear, 1.5) - 0.25).abs() < 0.05 && (fraction(&linear, 2.0) - 0.5).abs() < 0.05);
        let log = draws("{ from = 1e-4, to = 1e-2, scale = 'log' }");
        assert!(log.iter().all(|draw| (1e-4..=1e-2).contains(draw)));
        assert!((fraction(&log, 1e-3) - 0.5).abs() < 0.05, "{}", fraction(&log, 1e-3));
        assert!(log.iter().all(|draw| format!("{draw:e}").len() <= "1.234e-4".len()), "{log:?}");
    }

    #[test]
    fn random_whole_numbers_include_both_ends_and_drop_repetitions() {
        let mut whole = draws("{ from = 1, to = 4, whole = true }");
        whole.sort_by(f64::total_cmp);
        assert_eq!(whole, [1.0, 2.0, 3.0, 4.0]);
        let mut log = draws("{ from = 8, to = 11, whole = true, scale = 'log' }");
        log.sort_by(f64::total_cmp);
        assert_eq!(log, [8.0, 9.0, 10.0, 11.0]);
    }

    #[test]
    fn random_any_draws_each_of_its_values() {
        let found = trials("[random]\ntrials = 100\nmodel.hidden = { any = [[], [3, 2]] }");
        assert_eq!(found.len(), 2);
    }

    fn named(trials: &[&str]) -> Vec<String> {
        let settings = |text: &&str| text.parse::<toml::Table>().unwrap().into_iter().collect();
        names(&trials.iter().map(settings).collect::<Vec<_>>())
    }

    #[test]
    fn trial_is_named_by_the_values_that_vary() {
        let found = named(&["'a.x' = 1\n'm.hidden' = []\nz = 1", "'a.x' = 2e-5\n'm.hidden' = [300, 100]\nz = 1"]);
        assert_eq!(found, ["x=1,hidden=none", "x=0.00002,hidden=300-100"]);
        assert_eq!(named(&["d = 'wgpu:1'", "d = 'flex'"]), ["d=wgpu-1", "d=flex"]);
    }

    #[test]
    fn keys_with_the_same_last_part_are_named_in_full() {
        let found = named(&["'o.kind' = 'sgd'\n's.kind' = 'cosine'", "'o.kind' = 'adam'\n's.kind' = 'constant'"]);
        assert_eq!(found, ["o.kind=sgd,s.kind=cosine", "o.kind=adam,s.kind=constant"]);
    }

    #[test]
    fn names_that_are_too_long_or_not_unique_become_numbers() {
        assert_eq!(named(&["d = 'a/b'", "d = 'A b'"]), ["trial-1", "trial-2"]);
        let long = format!("d = '{}'", "x".repeat(99));
        assert_eq!(named(&[&long, "d = 'y'"]), ["trial-1", "trial-2"]);
    }

    #[test]
    fn single_trial_is_named_base() {
        assert_eq!(named(&["a = 3"]), ["base"]);
    }
}
