//! Explains why the schema refuses a setting: what is allowed, and what the user may have meant.

use std::{collections::BTreeMap, sync::LazyLock};

use super::setting::{Setting, dotted};
use super::{difference::plain, schema, values};
use crate::text::nearest;

/// The old names of keys, sections and values, and their new names. The error for an old name tells the new one.
pub static RENAMED: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| toml::from_str(include_str!("renamed.toml")).expect("the file is a table of names"));

/// Why the schema refuses `setting`, and what is allowed. `None` if the schema accepts it.
pub fn refusal(setting: &Setting) -> Option<String> {
    let (section, key) = (setting.section.as_deref(), setting.key());
    let value = setting.value.as_ref();
    let typed = value.map(plain).unwrap_or_default();
    if let Some(new) = RENAMED.get(&key).or(RENAMED.get(&format!("{key} = \"{typed}\""))) {
        return Some(format!("renamed to {new}"));
    }
    if schema::is_section(section, &setting.name) {
        return Some(format!("must be a section, [{key}], with the keys {}", schema::names(Some(&key)).join(", ")));
    }
    let Some(known) = schema::find(section, &setting.name) else {
        let sections = schema::sections();
        return Some(match nearest(&key, &sections).filter(|_| setting.is_table) {
            Some(meant) => format!("unknown section; did you mean [{meant}]?"),
            None if setting.is_table && section.is_none() => {
                format!("unknown section; there are [{}]", sections.join("], ["))
            }
            None => unknown_key(section, &setting.name),
        });
    };
    if value.is_some_and(|value| values::accepts(known.schema, value)) {
        return None;
    }
    let words = known.choices.iter().map(|(word, _)| word);
    let meant = nearest(&typed, words).map(|word| format!("; did you mean \"{word}\"?")).unwrap_or_default();
    Some(format!("must be {}{meant}", known.allowed))
}

/// The first key of this name, with or without its section, or the `kind` or `dir` of such a section. `-`, `.` and `_` are alike.
pub fn key_named(name: &str) -> Option<&'static str> {
    let (alike, name) = (|text: &str| text.replace(['-', '.'], "_"), name.replace(['-', '.'], "_"));
    let is_named = |key: &&str| {
        let whole = ["", "_kind", "_dir"].map(|end| format!("{name}{end}"));
        key.rsplit('.').next() == Some(&name) || whole.contains(&alike(key))
    };
    schema::all_keys().iter().map(|key| key.name.as_str()).find(is_named)
}

/// The message for a key that does not exist, or exists only in another section.
fn unknown_key(section: Option<&str>, name: &str) -> String {
    let sections = schema::sections();
    let places = || sections.iter().map(|section| Some(section.as_str())).chain([None]);
    let homes: Vec<_> = places().filter(|place| schema::find(*place, name).is_some()).map(title).collect();
    if !homes.is_empty() {
        return format!("unknown key here; it belongs to {}", homes.join(" or "));
    }
    // First look in its own section: a misspelt key is probably in the right section.
    let near = |place| Some(dotted(place, nearest(name, &schema::names(place))?));
    match [section].into_iter().chain(places()).find_map(near) {
        Some(key) => format!("unknown key; did you mean {key}?"),
        None => format!("unknown key; {} has {}", title(section), schema::names(section).join(", ")),
    }
}

fn title(section: Option<&str>) -> String {
    section.map_or_else(|| "the top of the file".to_string(), |section| format!("[{section}]"))
}
