//! The schema of a config file, as JSON Schema: the serde structs with their doc comments, units, ranges, defaults and
//! choices. It alone defines the keys and their allowed values. `values` checks values against it. Hints, messages,
//! `config/schema.json` and the table of keys in `docs/configuration.md` are made from it.
//!
//! Beyond JSON Schema, a key may have `x-kinds`, the values of its section's `kind` that use it, and what `values` reads.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::experiment::Experiment;
use super::toml_text::dotted;
use super::values::{allowed, list};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<Experiment>().to_value();
    simplify(&mut schema);
    schema
});

/// The JSON Schema of a config file, as text.
pub fn schema_json() -> String {
    format!("{:#}\n", *SCHEMA)
}

/// A key of the config, for its documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The dotted key, such as `training.epochs`.
    pub name: String,
    /// What values are allowed, in words that follow "must be".
    pub allowed: String,
    /// The default in TOML. `None` if the key is unset by default.
    pub default: Option<String>,
    /// The values of its section's `kind` that use it; empty if all do.
    pub kinds: Vec<String>,
    /// What it does, in Markdown.
    pub description: String,
    /// Its values with what they do, if it takes one of a few words.
    pub choices: Vec<(String, String)>,
}

/// Every key of the config: those at the top of the file, then section by section.
pub fn all_keys() -> Vec<Key> {
    let sections = sections(None);
    let places = [None].into_iter().chain(sections.iter().map(|section| Some(section.as_str())));
    places.flat_map(|place| keys(place).into_iter().filter_map(move |name| Key::of(place, &name))).collect()
}

impl Key {
    fn of(section: Option<&str>, name: &str) -> Option<Self> {
        let schema = find(section, name)?;
        let text = |schema: &Value| schema["description"].as_str().unwrap_or_default().to_string();
        let choice = |choice: &Value| Some((choice["const"].as_str()?.to_string(), text(choice)));
        Some(Self {
            name: dotted(section, name),
            allowed: allowed(schema),
            default: schema.get("default").and_then(|value| Some(toml::Value::try_from(value).ok()?.to_string())),
            kinds: kinds(section, name),
            description: text(schema),
            choices: list(schema, "oneOf").filter_map(choice).collect(),
        })
    }
}

/// Whether `name` is a section, in `section` or at the top.
pub fn is_section(section: Option<&str>, name: &str) -> bool {
    find(section, name).is_some_and(|schema| schema.get("properties").is_some())
}

/// The sections of a file, or of a section, each followed by those within it.
pub fn sections(within: Option<&str>) -> Vec<String> {
    let with_inner = |name: String| {
        let path = dotted(within, &name);
        let inner = sections(Some(&path));
        [vec![path], inner].concat()
    };
    names(within).into_iter().filter(|name| is_section(within, name)).flat_map(with_inner).collect()
}

/// The keys of a section; `None`: those outside of sections.
pub fn keys(section: Option<&str>) -> Vec<String> {
    let mut keys = names(section);
    keys.retain(|name| !is_section(section, name));
    keys
}

pub fn find(section: Option<&str>, name: &str) -> Option<&'static Value> {
    properties(section)?.get(name)
}

/// The values of the section's `kind` that use a key; empty if all do.
pub fn kinds(section: Option<&str>, name: &str) -> Vec<String> {
    let kinds = find(section, name).into_iter().flat_map(|schema| list(schema, "x-kinds"));
    kinds.filter_map(Value::as_str).map(str::to_string).collect()
}

/// Whether a key of `section` is used by `kind`, or by every kind.
pub fn kind_uses(section: &str, key: &str, kind: impl ToString) -> bool {
    let kinds = kinds(Some(section), key);
    kinds.is_empty() || kinds.contains(&kind.to_string())
}

/// The keys and sections at the top level or in a section.
fn names(section: Option<&str>) -> Vec<String> {
    properties(section).into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

fn properties(section: Option<&str>) -> Option<&'static serde_json::Map<String, Value>> {
    let mut schema: &'static Value = &SCHEMA;
    for name in section.into_iter().flat_map(|section| section.split('.')) {
        schema = schema.get("properties")?.get(name)?;
    }
    schema.get("properties")?.as_object()
}

/// Removes what has no meaning in TOML: null, Rust's number formats and empty defaults. Joins the lines of doc comments.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("format");
            if map.get("default").is_some_and(|default| default.is_null() || default.as_object().is_some()) {
                map.remove("default");
            }
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [kind] = &types[..] {
                    let kind = kind.clone();
                    map.insert("type".into(), kind);
                }
            }
            if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
                choices.retain(|choice| choice["type"] != "null");
            }
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            map.values_mut().for_each(simplify);
        }
        Value::Array(values) => values.iter_mut().for_each(simplify),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::values::accepts;
    use super::*;

    #[test]
    fn keys_say_what_they_hold_and_what_they_do() {
        for key in all_keys() {
            assert!(!key.allowed.is_empty() && !key.description.is_empty(), "{key:?}");
        }
    }

    #[test]
    fn schema_of_a_key_accepts_its_default() {
        let experiment = Experiment::default().resolved().to_toml().parse::<toml::Table>().unwrap();
        for key in all_keys() {
            let (section, name) =
                key.name.rsplit_once('.').map_or((None, &*key.name), |(section, name)| (Some(section), name));
            let mut table = Some(&experiment);
            for part in section.into_iter().flat_map(|section| section.split('.')) {
                table = table.and_then(|table| table.get(part)?.as_table());
            }
            if let (Some(schema), Some(value)) = (find(section, name), table.and_then(|table| table.get(name))) {
                assert!(accepts(schema, value), "{} = {value}", key.name);
            }
        }
    }
}
