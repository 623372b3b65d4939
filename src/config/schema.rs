//! What the serde structs take, asked of serde itself, so that they stay the only schema.

use super::experiment::Experiment;
use super::setting::{assignment, dotted};

/// Whether `name` is a section, in `section` or at the top: whether an empty one is accepted, and only some keys in it.
pub fn is_section(section: Option<&str>, name: &str) -> bool {
    let takes_a_table = toml::from_str::<Experiment>(&assignment(section, name, "{}")).is_ok();
    takes_a_table && !names(Some(&dotted(section, name))).is_empty()
}

/// The sections of a file, each followed by those within it.
pub fn sections() -> Vec<String> {
    sections_in(None)
}

fn sections_in(section: Option<&str>) -> Vec<String> {
    let mut sections = names(section);
    sections.retain(|name| is_section(section, name));
    let with_inner = |name: String| {
        let path = dotted(section, &name);
        let inner = sections_in(Some(&path));
        [vec![path], inner].concat()
    };
    sections.into_iter().flat_map(with_inner).collect()
}

/// The keys of a section; `None`: those outside of sections.
pub fn keys(section: Option<&str>) -> Vec<String> {
    let mut keys = names(section);
    keys.retain(|name| !is_section(section, name));
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

/// What can stand at the top level or in a section, sections included.
fn names(section: Option<&str>) -> Vec<String> {
    named_in_refusal(&assignment(section, "", "0"))
}

/// The names that serde offers when it refuses an empty one: "unknown field ``, expected `name` or `seed`".
fn named_in_refusal(document: &str) -> Vec<String> {
    let Err(error) = toml::from_str::<Experiment>(document) else { return Vec::new() };
    // Between backticks is every second piece; the first of these is the empty name.
    error.message().split('`').skip(3).step_by(2).map(str::to_string).collect()
}
