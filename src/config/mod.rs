//! Loads one checked [`Experiment`] from a TOML file and `--set` arguments.
//!
//! The structs of `experiment` and its sections are the `schema`; `resolve` fills in their optional keys. `document` splits
//! the file and the arguments into single settings. `values` checks each, so that one mistake does not hide the next. `hint`
//! explains refusals, and `combinations` checks the keys that depend on each other. All problems are reported together,
//! before any work. `difference` compares experiments, and decides which keys may change when a run is resumed.

mod combinations;
mod data;
mod devices;
mod difference;
mod document;
mod error;
mod experiment;
mod hint;
mod home;
mod init;
mod optimizer;
mod resolve;
mod schema;
mod setting;
#[cfg(test)]
mod tests;
mod training;
mod values;

use std::{io, path::Path};

pub use self::data::{Augment, Data, Dataset, Pixels, Prepare};
pub use self::devices::Devices;
pub(crate) use self::difference::{Difference, check_resumable, differences, plain, values_by_key, what_trains};
pub(crate) use self::document::{settings, table};
pub(crate) use self::error::{ConfigError, Problem};
pub use self::experiment::{Activation, EarlyStopping, Experiment, Model};
pub(crate) use self::home::{expand_home, variable};
pub use self::init::{Init, Lora, Weights};
pub use self::optimizer::{Optimizer, OptimizerKind, Schedule, ScheduleKind};
pub use self::schema::{Key, all_keys, schema_json};
use self::setting::assignment;
pub use self::training::{BatchSize, ClassWeights, Distillation, Gradients, Privacy, SemiSupervised, Training};
pub(crate) use self::{experiment::BATCH_NORM_MOMENTUM, hint::key_named, schema::word, setting::Setting};
use crate::bounded;

/// The reference recipe, the config of runs without a config file.
const BASELINE: &str = include_str!("../../config/baseline.toml");
/// The keys that a run in `init.from` brings along: those of its network and of its pixels, where the config has no others.
const INHERITED: [&str; 5] =
    ["data.pixels", "model.hidden", "model.activation", "model.batch_norm", "model.batch_norm_momentum"];
const STANDARD_INPUT: &str = "-";
/// The maximum size of a config file, in bytes.
const LARGEST: u64 = 1 << 20;

/// Reads the experiment in `file` (`None`: the shipped baseline; `-`: standard input), changed by `overrides`, each `section.key=value`.
///
/// The value of an override is TOML. If it is not valid TOML, it is a string. A later override replaces an earlier one. A run in
/// `init.from` gives the keys of its network and its pixels where neither sets them. The result is resolved: loading its
/// [`Experiment::to_toml`] gives the same experiment.
///
/// # Errors
/// `ConfigError::Unreadable` if `file` can't be read, or `ConfigError::Problems` with all problems.
pub fn load(file: Option<&Path>, overrides: &[String]) -> Result<Experiment, ConfigError> {
    let Some(path) = file else { return build(BASELINE, "the shipped baseline", None, overrides) };
    let text = read(path).map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
    let origin = if path == STANDARD_INPUT { "standard input".into() } else { path.display().to_string() };
    let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| path != STANDARD_INPUT && is_name(stem));
    build(&text, &origin, stem, overrides)
}

/// Reads a file up to the maximum size of a config: some files, such as `/dev/zero`, have no end. `-` is standard input.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let bytes = bounded::read_or_stdin(path, LARGEST).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => io::Error::other(format!("{error}, and no experiment needs that many")),
        _ => error,
    })?;
    let other = |encoding| io::Error::new(io::ErrorKind::InvalidData, format!("it is {encoding}: save it as UTF-8"));
    // In UTF-16, which editors on Windows write, every other byte of plain English is 0.
    if bytes.contains(&0) {
        return Err(other("UTF-16"));
    }
    String::from_utf8(bytes).map_err(|_| other("not UTF-8"))
}

/// The experiment in `text`, called `origin` in messages, and `name` if the text does not name it.
fn build(text: &str, origin: &str, name: Option<&str>, overrides: &[String]) -> Result<Experiment, ConfigError> {
    let parsed = document::parse(text);
    // If the file is not valid TOML, its keys are unknown. So the overrides can't be checked against them.
    let is_complete = parsed.is_ok();
    let (mut settings, mut problems) = parsed.map_or_else(|problems| (vec![], problems), |settings| (settings, vec![]));
    document::apply(overrides, &mut settings, &mut problems);
    if let Some(name) = name.filter(|_| settings.iter().all(|it| it.key() != "name")) {
        document::apply(&[format!("name=\"{name}\"")], &mut settings, &mut problems);
    }
    for inherited in inherited(&settings) {
        // The reference recipe's own keys are nobody's choice.
        settings.retain(|it| text != BASELINE || it.line.is_none() || it.key() != inherited.key());
        if settings.iter().all(|it| it.key() != inherited.key()) {
            settings.push(inherited);
        }
    }
    // A setting that the schema refuses is reported, and its key has its default.
    let mut refused = vec![];
    settings.retain(|setting| {
        let Some(message) = hint::refusal(setting) else { return true };
        problems.push(setting.problem(message));
        refused.push(setting.key());
        false
    });
    let line = |it: &Setting| Some(assignment(it.section.as_deref(), &it.name, &it.value.as_ref()?.to_string()));
    let document: String = settings.iter().filter_map(line).collect();
    let experiment = toml::from_str(&document).unwrap_or_else(|error: toml::de::Error| {
        // The schema comes from the structs that serde reads: it accepts nothing else.
        problems.push(Problem { line: None, setting: "the config".into(), message: error.message().into() });
        Experiment::default()
    });
    if is_complete {
        combinations::check(&experiment, &settings, &refused, &mut problems);
    }
    if problems.is_empty() {
        return Ok(experiment.resolved());
    }
    // In reading order: the file from top to bottom, then the overrides.
    problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
    Err(ConfigError::Problems { origin: origin.to_string(), problems })
}

/// The settings that the run in `init.from` brings along. None if it is no run: whoever loads the weights reports that.
fn inherited(settings: &[Setting]) -> Vec<Setting> {
    let from = settings.iter().find(|it| it.key() == "init.from").and_then(|it| it.value.as_ref());
    let path = from.and_then(|path| path.as_str().map(|path| expand_home(path.as_ref()).join("config.toml")));
    let Some((path, text)) = path.and_then(|path| read(&path).ok().map(|text| (path, text))) else { return vec![] };
    let keys = document::parse(&text).unwrap_or_default().into_iter().filter(|it| INHERITED.contains(&&*it.key()));
    keys.map(|it| Setting { line: None, shown: format!("{} (in {})", it.shown, path.display()), ..it }).collect()
}

/// Whether this is a valid folder name on every system, and not a hidden one: the rule of the key `name`.
pub(crate) fn is_name(name: &str) -> bool {
    schema::find(None, "name").is_some_and(|key| values::accepts(key.schema, &name.into()))
}

/// What the key `name` may hold, to complete "must be".
pub(crate) fn allowed_name() -> String {
    schema::find(None, "name").map(|key| key.allowed.clone()).unwrap_or_default()
}
