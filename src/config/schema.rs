//! The JSON Schema of a config file: the serde structs with their docs, units, ranges, defaults and choices. It alone defines
//! keys and values; messages, `config/schema.json` and the table in `docs/configuration.md` are made from it. Keys may also
//! have `x-kinds`, the values of their section's `kind` that use them, and what `values` reads.

use std::sync::LazyLock;

use schemars::{Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde::Serialize;
use serde_json::Value;

use super::values::{allowed, list};
use super::{experiment::Experiment, setting::dotted};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let settings = settings.with_transform(RecursiveTransform(simplify));
    settings.into_generator().into_root_schema_for::<Experiment>().to_value()
});

/// The JSON Schema of a config file, as text.
pub fn schema_json() -> String {
    format!("{:#}\n", *SCHEMA)
}

/// A key of the config.
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
    pub(super) section: Option<String>,
    pub(super) schema: &'static Value,
}

impl Key {
    /// Whether this `kind` of its section uses it.
    pub(super) fn is_of(&self, kind: &String) -> bool {
        self.kinds.is_empty() || self.kinds.contains(kind)
    }
}

/// Every key of the config: those at the top of the file, then section by section.
pub fn all_keys() -> &'static [Key] {
    static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| keys_within(None, &SCHEMA));
    &KEYS
}

/// The keys of a section, then those of the sections within it.
fn keys_within(section: Option<&str>, schema: &'static Value) -> Vec<Key> {
    let text = |schema: &Value| schema["description"].as_str().unwrap_or_default().to_string();
    let choice = |choice: &Value| Some((choice["const"].as_str()?.to_string(), text(choice)));
    let key = |(name, schema): (&String, &'static Value)| Key {
        name: dotted(section, name),
        allowed: allowed(schema),
        default: schema.get("default").and_then(|value| Some(toml::Value::try_from(value).ok()?.to_string())),
        kinds: list(schema, "x-kinds").filter_map(Value::as_str).map(str::to_string).collect(),
        description: text(schema),
        choices: list(schema, "oneOf").filter_map(choice).collect(),
        section: section.map(str::to_string),
        schema,
    };
    let properties = schema["properties"].as_object().into_iter().flatten();
    let (sections, keys): (Vec<_>, Vec<_>) = properties.partition(|(_, schema)| schema["properties"].is_object());
    let inner = sections.into_iter().flat_map(|(name, schema)| keys_within(Some(&dotted(section, name)), schema));
    keys.into_iter().map(key).chain(inner).collect()
}

/// The sections of a file, each followed by those within it.
pub fn sections() -> Vec<String> {
    let mut sections: Vec<String> = all_keys().iter().filter_map(|key| key.section.clone()).collect();
    sections.dedup();
    sections
}

/// Whether `name` is a section, in `section` or at the top. A name in quotes may have a dot, which a section's has not.
pub fn is_section(section: Option<&str>, name: &str) -> bool {
    !name.contains('.') && sections().contains(&dotted(section, name))
}

/// The names of the keys in a section; `None`: of those outside of sections.
pub fn names(section: Option<&str>) -> Vec<String> {
    let keys = all_keys().iter().filter(|key| key.section.as_deref() == section);
    keys.filter_map(|key| key.name.rsplit('.').next()).map(str::to_string).collect()
}

pub fn find(section: Option<&str>, name: &str) -> Option<&'static Key> {
    all_keys().iter().find(|key| key.section.as_deref() == section && key.name == dotted(section, name))
}

/// A value of a few words as a config has it.
pub fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| Some(value.as_str()?.to_string())).unwrap_or_default()
}

/// Removes what has no meaning in TOML: null, Rust's number formats and empty defaults. Joins the lines of doc comments.
fn simplify(schema: &mut Schema) {
    schema.remove("format");
    if schema.get("default").is_some_and(|default| default.is_null() || default.is_object()) {
        schema.remove("default");
    }
    // Of the two types of an optional value, the second one is null.
    if let Some(kind) = schema.get("type").and_then(|types| types.get(0)).cloned() {
        schema.insert("type".into(), kind);
    }
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{difference::values_by_key, values::accepts};
    use super::*;

    #[test]
    fn keys_say_what_they_hold_and_what_they_do() {
        for key in all_keys() {
            assert!(!key.allowed.is_empty() && !key.description.is_empty(), "{key:?}");
        }
    }

    #[test]
    fn schema_of_a_key_accepts_its_default() {
        for (name, value) in values_by_key(&Experiment::default().resolved()) {
            let key = all_keys().iter().find(|key| key.name == name).unwrap();
            assert!(accepts(key.schema, &value), "{name} = {value}");
        }
    }
}
