//! A sweep file: its keys, and the problems that show before any experiment is resolved. Its settings are read one by one,
//! so that one problem does not hide the next.

use std::path::PathBuf;

use serde::{Deserialize, de::DeserializeOwned};
use smart_default::SmartDefault;
use toml::{Value, de::DeTable};

use super::space::{Range, Settings, are_different, draw, grid};
use crate::config::{Problem, Setting, allowed_name, is_name, settings, table};
use crate::text::nearest;

#[derive(Debug)]
pub struct SweepFile {
    /// The base: the config file that the trials change, relative to the current folder.
    pub base: PathBuf,
    pub base_setting: Setting,
    pub name: String,
    /// The seeds that each trial is run with: at least one, all different.
    pub seeds: Vec<u64>,
    /// The keys that are varied: of a grid in the file's order, of random trials in alphabetical order.
    pub keys: Vec<Setting>,
    /// The trials, all different, each with these keys in this order.
    pub trials: Vec<Settings>,
    pub halving: Halving,
}

/// Successive halving, <https://arxiv.org/abs/1502.07943>: after each of these `epochs`, only the best trials go on.
#[derive(Debug, Clone, PartialEq, SmartDefault, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Halving {
    /// In ascending order.
    pub epochs: Vec<usize>,
    /// The fraction of the trials that go on.
    #[default(0.5)]
    pub keep: f64,
}

impl Halving {
    fn is_valid(&self) -> bool {
        let are_ascending = self.epochs.is_sorted_by(|a, b| a < b);
        self.epochs.first().is_some_and(|&first| first > 0) && are_ascending && self.keep > 0.0 && self.keep < 1.0
    }
}

const KEYS: [&str; 6] = ["base", "name", "seeds", "grid", "random", "halving"];
const BASE: &str = "text: the path of a config file, as in base = \"config/smoke.toml\"";
const SEEDS: &str = "a list of different whole numbers from 0 to 9223372036854775807, as in seeds = [1, 2, 3]";
const SEED: &str = "a whole number from 0 to 9223372036854775807";
const TRIALS: &str = "a whole number from 1 to 10000";
const HALVING: &str =
    "a section with ascending epochs, as in epochs = [2, 6], and optionally keep, a fraction between 0 and 1";
const VALUES: &str = "a list of one or more different values";
const MAX_RUNS: usize = 10_000;

/// Keys that can't be varied because the sweep sets them, each with the reason.
const NOT_VARIED: [(&str, &str); 2] = [
    ("seed", "can't be varied here: list the seeds of all trials in seeds = [..], at the top"),
    ("name", "can't be varied: the folders of a sweep are named after it and its trials"),
];
/// Keys that decide which images the trials are compared on.
const SAME_FOR_ALL: [&str; 5] = ["data.dataset", "data.dir", "data.mirrors", "data.classes", "data.validation"];

/// Reads a sweep file. `stem` is the file's name without its extension.
pub fn read(text: &str, stem: &str) -> Result<SweepFile, Vec<Problem>> {
    let document = table(text)?;
    let mut reader = Reader { text, document: document.get_ref(), problems: vec![] };
    let top: Vec<Setting> = reader.document.iter().map(|(name, value)| Setting::new(text, None, name, value)).collect();
    let unknown = top.iter().filter(|setting| !KEYS.contains(&&*setting.name));
    reader.problems.extend(unknown.map(|setting| setting.problem(unknown_key(&setting.name))));
    let base_setting = reader.required(&top, "base", BASE).cloned();
    let base = base_setting.as_ref().and_then(|it| reader.value(it, BASE, |base: &PathBuf| *base != PathBuf::new()));
    let seeds = reader.required(&top, "seeds", SEEDS);
    let seeds = seeds.and_then(|it| reader.value(it, SEEDS, |seeds: &Vec<u64>| are_different(seeds)));
    if find(&top, "name").is_none() && !is_name(stem) {
        let message = "is missing, and the file's name can't name a folder: set it, as in name = \"try\"";
        reader.problems.push(without_line("name", message));
    }
    let name = find(&top, "name").and_then(|it| reader.value(it, &allowed_name(), |name: &String| is_name(name)));
    let halving = find(&top, "halving").and_then(|it| reader.value(it, HALVING, Halving::is_valid));
    let varied = match (find(&top, "grid"), find(&top, "random")) {
        (Some(grid), None) => read_grid(&mut reader, grid),
        (None, Some(random)) => read_random(&mut reader, random),
        (Some(_), Some(random)) => reader.refuse(random.problem("conflicts with [grid]: a sweep has only one of them")),
        (None, None) => {
            let message = "is missing; list the keys to vary there, as in \"training.epochs\" = [5, 10]";
            reader.refuse(without_line("[grid] or [random]", message))
        }
    };
    let (Some(base_setting), Some(base), Some(seeds), Some((keys, trials))) = (base_setting, base, seeds, varied)
    else {
        return Err(reader.problems);
    };
    if trials.len() * seeds.len() > MAX_RUNS {
        let message = format!("make more than {MAX_RUNS} runs: remove some values or seeds");
        reader.problems.push(without_line("the trials", &message));
    }
    let (name, halving) = (name.unwrap_or_else(|| stem.to_string()), halving.unwrap_or_default());
    match reader.problems.is_empty() {
        true => Ok(SweepFile { base, base_setting, name, seeds, keys, trials, halving }),
        false => Err(reader.problems),
    }
}

fn unknown_key(name: &str) -> String {
    let keys = KEYS.join(", ");
    match nearest(name, KEYS) {
        Some(key) => format!("unknown key; did you mean {key}?"),
        None => format!("unknown key; the keys are {keys}; keys that change the base belong under [grid] or [random]"),
    }
}

fn read_grid(reader: &mut Reader<'_>, section: &Setting) -> Option<(Vec<Setting>, Vec<Settings>)> {
    let entries = reader.entries(section)?;
    let are_valid = |values: &Vec<Value>| are_different(values);
    let (keys, values) = reader.varied(entries, VALUES, are_valid, |values| values.len() > 1);
    Some((keys, grid(&values, MAX_RUNS + 1)))
}

fn read_random(reader: &mut Reader<'_>, section: &Setting) -> Option<(Vec<Setting>, Vec<Settings>)> {
    let mut entries = reader.entries(section)?;
    let count = reader.required(&entries, "trials", TRIALS);
    let count = count.and_then(|it| reader.value(it, TRIALS, |count| (1..=MAX_RUNS).contains(count)));
    let seed = find(&entries, "seed").and_then(|it| reader.value(it, SEED, |_: &u64| true));
    entries.retain(|setting| !["trials", "seed"].contains(&&*setting.key()));
    // The order in the file does not matter.
    entries.sort_by_key(Setting::key);
    let (keys, ranges) = reader.varied(entries, Range::ALLOWED, Range::is_valid, Range::varies);
    Some((keys, draw(&ranges, count?, seed.unwrap_or(1))))
}

struct Reader<'a> {
    text: &'a str,
    document: &'a DeTable<'a>,
    problems: Vec<Problem>,
}

pub fn find<'s>(settings: &'s [Setting], key: &str) -> Option<&'s Setting> {
    settings.iter().find(|setting| setting.key() == key)
}

fn without_line(setting: &str, message: &str) -> Problem {
    Problem { line: None, setting: setting.into(), message: message.into() }
}

impl Reader<'_> {
    fn refuse<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }

    /// The setting of a key that must be there.
    fn required<'s>(&mut self, settings: &'s [Setting], key: &str, allowed: &str) -> Option<&'s Setting> {
        let missing = || without_line(key, &format!("is missing; it must be {allowed}"));
        find(settings, key).or_else(|| self.refuse(missing()))
    }

    /// A value that serde accepts and that fulfils `is_valid`. Otherwise reports that it must be `allowed`.
    fn value<T: DeserializeOwned>(&mut self, setting: &Setting, allowed: &str, is_valid: fn(&T) -> bool) -> Option<T> {
        let valid = setting.value.clone().and_then(|value| value.try_into().ok()).filter(is_valid);
        valid.or_else(|| self.refuse(setting.problem(format!("must be {allowed}"))))
    }

    /// The config keys in `section`, quoted or not, in the file's order. Reports keys that are set twice, and a non-section.
    fn entries(&mut self, section: &Setting) -> Option<Vec<Setting>> {
        let Some(table) = self.document.get(&*section.name).and_then(|value| value.get_ref().as_table()) else {
            let message = format!("must be a section, [{}], with keys of the config", section.name);
            return self.refuse(section.problem(message));
        };
        let mut entries = settings(self.text, None, table, true);
        entries.sort_by_key(|entry| entry.start);
        for (index, entry) in entries.iter().enumerate() {
            if let Some(first) = entries[..index].iter().find(|first| first.key() == entry.key()) {
                let line = first.line.unwrap_or_default();
                self.problems.push(entry.problem(format!("is already set in line {line}")));
            }
        }
        Some(entries)
    }

    /// The keys that are varied, with their values. Reports those that can't be varied.
    fn varied<V: DeserializeOwned>(
        &mut self,
        entries: Vec<Setting>,
        allowed: &str,
        is_valid: fn(&V) -> bool,
        varies: fn(&V) -> bool,
    ) -> (Vec<Setting>, Vec<(String, V)>) {
        let mut varied = (vec![], vec![]);
        for setting in entries {
            let (key, values) = (setting.key(), self.value(&setting, allowed, is_valid));
            if let Some((_, message)) = NOT_VARIED.iter().find(|(name, _)| *name == key) {
                self.problems.push(setting.problem(*message));
            }
            if SAME_FOR_ALL.contains(&&*key) && values.as_ref().is_some_and(varies) {
                self.problems.push(setting.problem("must have a single value: all trials must use the same images"));
            }
            varied.extend(values.map(|values| (setting, (key, values))));
        }
        varied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "base = 'b.toml'\nseeds = [1]\n";

    fn problems(text: &str) -> Vec<String> {
        match read(text, "try") {
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
            Ok(file) => panic!("{text:?} gave {file:?}"),
        }
    }

    fn problem(text: &str) -> String {
        let all = problems(&format!("{START}{text}"));
        assert_eq!(all.len(), 1, "{text:?} gave {all:#?}");
        all.concat()
    }

    fn keys(text: &str) -> Vec<String> {
        read(&format!("{START}{text}"), "try").unwrap().keys.iter().map(Setting::key).collect()
    }

    #[test]
    fn name_is_that_of_the_file_unless_given() {
        assert_eq!(read(&format!("{START}[grid]"), "try").unwrap().name, "try");
        assert_eq!(read(&format!("{START}name = 'other'\n[grid]"), "a try").unwrap().name, "other");
        let found = read(&format!("{START}[grid]"), "a try").unwrap_err();
        assert!(found[0].to_string().starts_with("name: is missing, and the file's name can't"), "{found:?}");
    }

    #[test]
    fn keys_may_be_written_with_and_without_quotes_and_stay_in_order() {
        let text = "[grid]\n'training.epochs' = [1]\nmodel.dropout = [0.1]\nname_less = [1]\n\
                    [grid.data]\nvalidation = [9]\naugment.shear = [1]";
        assert_eq!(
            keys(text),
            ["training.epochs", "model.dropout", "name_less", "data.validation", "data.augment.shear"]
        );
        let text =
            "[random]\ntrials = 1\ntraining.epochs = { any = [1] }\n[random.'model.dropout']\nfrom = 0\nto = 0.5";
        assert_eq!(keys(text), ["model.dropout", "training.epochs"]);
    }

    #[test]
    fn sweep_file_reports_all_problems_at_once() {
        let text = "bass = 'x'\nseeds = [1, 1]\nname = 'a/b'\ncolour = 3\n[grid]\n'training.epochs' = 3\nseed = [1]";
        let found = problems(text);
        assert_eq!(found.len(), 7, "{found:#?}");
        let has = |start: &str| assert!(found.iter().any(|problem| problem.starts_with(start)), "{start}: {found:#?}");
        has("line 1: bass = 'x': unknown key; did you mean base?");
        has("base: is missing; it must be text: the path of a config file");
        has("line 2: seeds = [1, 1]: must be a list of different whole numbers");
        has("line 3: name = 'a/b': must be text: 1 to 100 letters");
        has("line 4: colour = 3: unknown key; the keys are base, name, seeds, grid, random, halving; keys that change");
        has("line 6: 'training.epochs' = 3: must be a list of one or more different values");
        has("line 7: seed = [1]: can't be varied here: list the seeds of all trials in seeds = [..]");
    }

    #[test]
    fn seeds_are_whole_numbers_up_to_the_largest_of_toml() {
        let largest = "base = 'b.toml'\nseeds = [9223372036854775807]\n[grid]";
        assert_eq!(read(largest, "try").unwrap().seeds, [u64::MAX / 2]);
        for seeds in ["[9223372036854775808]", "[18446744073709551616]", "[-1]", "[0.5]", "[]", "1"] {
            let found = problems(&format!("base = 'b.toml'\nseeds = {seeds}\n[grid]"));
            assert_eq!(found, [format!("line 2: seeds = {seeds}: must be {SEEDS}")]);
        }
        let found = problem("[random]\ntrials = 1\nseed = 9223372036854775808");
        assert_eq!(found, format!("line 5: seed = 9223372036854775808: must be {SEED}"));
    }

    #[test]
    fn sweep_file_that_is_not_toml_is_reported_like_a_config() {
        assert!(problems("[grid\n")[0].starts_with("line 1: [grid: not TOML:"));
    }

    #[test]
    fn key_in_both_spellings_is_refused() {
        let found = problem("[grid]\n'training.epochs' = [1]\ntraining.epochs = [2]");
        assert_eq!(found, "line 5: training.epochs = [2]: is already set in line 4");
    }

    #[test]
    fn sweep_file_has_either_a_grid_or_random_trials() {
        assert!(problem("").starts_with("[grid] or [random]: is missing"));
        assert!(problem("[grid]\n[random]\ntrials = 1").contains("conflicts with [grid]"));
        assert!(problem("grid = 3").ends_with("must be a section, [grid], with keys of the config"));
    }

    #[test]
    fn halving_has_ascending_epochs_and_keeps_a_part_of_the_trials() {
        let halving = |text: &str| read(&format!("{START}[grid]\n{text}"), "try").unwrap().halving;
        assert_eq!(halving("[halving]\nepochs = [2, 6]"), Halving { epochs: vec![2, 6], keep: 0.5 });
        assert_eq!(halving("[halving]\nepochs = [1]\nkeep = 0.3").keep, 0.3);
        assert!(halving("").epochs.is_empty());
        for refused in ["", "epochs = []", "epochs = [0]", "epochs = [3, 3]", "epochs = [2]\nkeep = 1", "epoch = [2]"] {
            let found = problem(&format!("[grid]\n[halving]\n{refused}"));
            assert!(
                found.ends_with(
                    "must be a section with ascending epochs, as in epochs = [2, 6], and optionally keep, a \
                fraction between 0 and 1"
                ),
                "{found}"
            );
        }
    }

    #[test]
    fn trials_must_use_the_same_images() {
        assert!(problem("[grid]\n'data.validation' = [10, 20]").contains("single value: all trials must use the same"));
        assert!(problem("[random]\ntrials = 2\ndata.validation = { from = 1, to = 2 }").contains("single value"));
    }

    #[test]
    fn random_trials_need_their_number_and_ranges() {
        assert!(problem("[random]").starts_with("trials: is missing; it must be a whole number from 1"));
        let refused = [
            "3",
            "[1, 2]",
            "{}",
            "{ from = 1 }",
            "{ from = 2, to = 1 }",
            "{ from = 1, to = inf }",
            "{ any = [] }",
            "{ from = 0, to = 1, scale = 'log' }",
            "{ from = 0.5, to = 3, whole = true }",
            "{ any = [1, 1] }",
            "{ from = 1, to = 2, step = 1 }",
            "{ from = 1, to = 2, scale = 'square' }",
            "{ any = [1], whole = true }",
        ];
        for range in refused {
            let found = problem(&format!("[random]\ntrials = 2\n'model.dropout' = {range}"));
            assert!(found.starts_with(&format!("line 5: 'model.dropout' = {range}: must be {{ from")), "{found}");
        }
    }

    #[test]
    fn table_is_shown_as_written_or_as_a_section() {
        let allowed = "must be a list of one or more different values";
        assert_eq!(problem("[grid]\nx = { a = 1 }"), format!("line 4: x = {{ a = 1 }}: {allowed}"));
        assert_eq!(problem("[grid]\nx.a = 1"), format!("line 4: [x]: {allowed}"));
        assert_eq!(problem("[grid.x]\na = 1"), format!("line 3: [grid.x]: {allowed}"));
        assert!(
            problem("[random]\ntrials = 1\n[random.'x.y']\nto = 1").starts_with("line 5: [random.'x.y']: must be {")
        );
    }

    #[test]
    fn sweep_of_more_than_10000_runs_is_refused() {
        let hundred: Vec<usize> = (1..=100).collect();
        let text = format!("[grid]\n'training.epochs' = {hundred:?}\n'training.batch_size' = {hundred:?}");
        assert!(read(&format!("{START}{text}"), "try").is_ok());
        assert!(problem(&format!("{text}\n'model.dropout' = [0, 0.1]")).contains("more than 10000 runs"));
    }
}
