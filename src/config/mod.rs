//! From a TOML file and `--set` arguments to one checked [`Experiment`].
//!
//! `document` cuts the file and the arguments into single settings, which serde gets one by one, so that one mistake does
//! not hide the next; `schema` knows what serde takes, `hint` puts its refusals into plain words, and `values` and
//! `combinations` look at what the settings say. Everything wrong is reported at once, before any work.

mod augment;
mod combinations;
mod devices;
mod difference;
mod document;
mod error;
mod experiment;
mod hint;
mod init;
mod optimizer;
mod resumption;
mod schedule;
mod schema;
mod semi_supervised;
mod setting;
mod table;
#[cfg(test)]
mod tests;
mod training;
mod values;

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

pub use self::augment::Augment;
pub use self::devices::Devices;
pub use self::difference::{Difference, differences};
pub(crate) use self::document::table;
pub use self::error::{ConfigError, Problem};
pub use self::experiment::{Activation, Data, Dataset, EarlyStopping, Experiment, Model, Pixels};
pub(crate) use self::hint::nearest;
pub use self::init::{Init, Weights};
pub use self::optimizer::{Optimizer, OptimizerKind};
pub use self::resumption::check_resumable;
pub use self::schedule::{Schedule, ScheduleKind};
pub(crate) use self::schema::is_section;
pub use self::semi_supervised::SemiSupervised;
use self::setting::Setting;
pub(crate) use self::setting::{dotted, line_of, shortened};
pub use self::table::Table;
pub use self::training::{BatchSize, Training};
pub(crate) use self::values::{allowed, is_name};

/// The reference recipe as a file, for runs that name none.
const BASELINE: &str = include_str!("../../config/baseline.toml");

/// The largest config file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Reads the experiment in `file` (`None`: the shipped baseline), changed by `overrides`, each `section.key=value`.
///
/// The values of overrides are TOML, or else strings; a later one wins. The result is resolved: loading its
/// [`Experiment::to_toml`] gives it again.
///
/// # Errors
///
/// [`ConfigError::Unreadable`] if there is no reading `file`, or [`ConfigError::Problems`] with all that is wrong.
pub fn load(file: Option<&Path>, overrides: &[String]) -> Result<Experiment, ConfigError> {
    let Some(path) = file else { return build(BASELINE, "the shipped baseline", overrides) };
    let text = read(path).map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
    build(&text, &path.display().to_string(), overrides)
}

/// The text of a file that is no larger than a config can be: `/dev/zero` has no end.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it has more than {LARGEST} bytes, and no experiment needs that many")));
    }
    Ok(text)
}

/// The experiment in `text`, called `origin` in messages.
fn build(text: &str, origin: &str, overrides: &[String]) -> Result<Experiment, ConfigError> {
    let (mut settings, mut problems) = document::parse(text);
    // Without the file's keys, nothing can be said about how the overrides go with them.
    let is_complete = problems.is_empty();
    document::apply(overrides, &mut settings, &mut problems);
    let (experiment, settings) = accept(settings, &mut problems);
    values::check(&experiment, &settings, &mut problems);
    if is_complete {
        combinations::check(&experiment, &settings, &mut problems);
    }
    if problems.is_empty() {
        return Ok(experiment.resolved());
    }
    // In reading order: the file from top to bottom, then the overrides.
    problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
    Err(ConfigError::Problems { origin: origin.to_string(), problems })
}

/// Puts the settings together one by one. Those that serde refuses are reported and left out, so that all are found.
///
/// Returns the experiment with the settings it holds; the others have their defaults.
fn accept(settings: Vec<Setting>, problems: &mut Vec<Problem>) -> (Experiment, Vec<Setting>) {
    let mut experiment = Experiment::default();
    let mut document = String::new();
    let mut accepted = Vec::new();
    for setting in settings {
        let longer = format!("{document}{}", setting.assignment());
        // For a section serde would take a list as well, the values of its keys in their order.
        let is_section = schema::is_section(setting.section.as_deref(), &setting.name);
        match toml::from_str(&longer) {
            Ok(read) if !is_section => {
                (experiment, document) = (read, longer);
                accepted.push(setting);
            }
            _ => problems.push(setting.problem(hint::refusal(&setting))),
        }
    }
    (experiment, accepted)
}

/// The JSON Schema of a config file, as text.
pub fn schema_json() -> String {
    String::new()
}
