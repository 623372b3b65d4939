//! What the serde structs take, asked of serde itself, so that they stay the only schema.

use super::experiment::Experiment;
use super::setting::assignment;

/// Whether `[name]` is a section: whether an empty one is accepted.
pub fn is_section(name: &str) -> bool {
    toml::from_str::<Experiment>(&assignment(None, name, "{}")).is_ok()
}

/// The sections of a file.
pub fn sections() -> Vec<String> {
    names(None).into_iter().filter(|name| is_section(name)).collect()
}

/// The keys of a section; `None`: those outside of sections.
pub fn keys(section: Option<&str>) -> Vec<String> {
    let mut keys = names(section);
    keys.retain(|name| section.is_some() || !is_section(name));
    keys
}

/// The words that a key takes; none if it takes something else.
pub fn words(section: Option<&str>, name: &str) -> Vec<String> {
    named_in_refusal(&assignment(section, name, "''"))
}

/// Whether a key takes a table with names of the user's choice, for numbers or for words.
pub fn takes_table(section: Option<&str>, name: &str) -> bool {
    let takes = |value| toml::from_str::<Experiment>(&assignment(section, name, value)).is_ok();
    takes("{ a = 1.0 }") || takes("{ a = 'a' }")
}

/// What can stand at the top level, sections included, or in a section.
fn names(section: Option<&str>) -> Vec<String> {
    named_in_refusal(&assignment(section, "", "0"))
}

/// The names that serde offers when it refuses an empty one: "unknown field ``, expected `name` or `seed`".
fn named_in_refusal(document: &str) -> Vec<String> {
    let Err(error) = toml::from_str::<Experiment>(document) else { return Vec::new() };
    // Between backticks is every second piece; the first of these is the empty name.
    error.message().split('`').skip(3).step_by(2).map(str::to_string).collect()
}
