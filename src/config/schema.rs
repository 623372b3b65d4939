//! The schema of a config file, as JSON Schema: the serde structs with their doc comments, units, ranges, defaults and
//! choices. It is the only place that says which keys there are and what they may hold. Values are checked against it, hints
//! and messages come from it, and so do `config/schema.json` and the table of keys in `docs/configuration.md`.
//!
//! Beyond JSON Schema, a key may have `x-allowed`, words that complete "must be"; `x-unit`, its unit; `x-items`, what a list
//! holds; and `x-kinds`, the values of its section's `kind` that use it.

use std::sync::LazyLock;

use regex_lite::Regex;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::experiment::Experiment;
use super::toml_text::dotted;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<Experiment>().to_value();
    simplify(&mut schema);
    schema
});

/// The JSON Schema of a config file, as text.
pub fn schema_json() -> String {
    let mut text = serde_json::to_string_pretty(&*SCHEMA).expect("a schema is JSON");
    text.push('\n');
    text
}

/// A key of the config, for its documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The dotted key, such as `training.epochs`.
    pub name: String,
    /// What it may hold, to complete "must be".
    pub allowed: String,
    /// The value that it has if the config does not set it, in TOML; none if it is then unset.
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
    let sections = sections();
    let places = [None].into_iter().chain(sections.iter().map(|section| Some(section.as_str())));
    places.flat_map(|place| keys(place).into_iter().filter_map(move |name| Key::of(place, &name))).collect()
}

impl Key {
    fn of(section: Option<&str>, name: &str) -> Option<Self> {
        let schema = find(section, name)?;
        let text = |schema: &Value| one_line(schema["description"].as_str().unwrap_or_default());
        let choice = |choice: &Value| Some((choice["const"].as_str()?.to_string(), text(choice)));
        Some(Self {
            name: dotted(section, name),
            allowed: allowed(schema),
            default: schema.get("default").and_then(toml_text),
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

/// The sections of a file, each followed by those within it.
pub fn sections() -> Vec<String> {
    sections_in(None)
}

fn sections_in(section: Option<&str>) -> Vec<String> {
    let with_inner = |name: String| {
        let path = dotted(section, &name);
        let inner = sections_in(Some(&path));
        [vec![path], inner].concat()
    };
    names(section).into_iter().filter(|name| is_section(section, name)).flat_map(with_inner).collect()
}

/// The keys of a section; `None`: those outside of sections.
pub fn keys(section: Option<&str>) -> Vec<String> {
    let mut keys = names(section);
    keys.retain(|name| !is_section(section, name));
    keys
}

/// Whether a key takes a table with names of the user's choice.
pub fn takes_table(section: Option<&str>, name: &str) -> bool {
    find(section, name).is_some_and(|schema| schema["additionalProperties"].is_object())
}

/// The schema of a key or of a section.
pub fn find(section: Option<&str>, name: &str) -> Option<&'static Value> {
    properties(section)?.get(name)
}

/// The values of the section's `kind` that use a key; empty if all do.
pub fn kinds(section: Option<&str>, name: &str) -> Vec<String> {
    find(section, name).into_iter().flat_map(|schema| words_in(schema, "x-kinds")).collect()
}

/// Whether a key of `section` is used by `kind`, or by every kind.
pub fn kind_uses(section: &str, key: &str, kind: &str) -> bool {
    let kinds = kinds(Some(section), key);
    kinds.is_empty() || kinds.iter().any(|name| name == kind)
}

/// The words that a key takes; none if it takes something else.
pub fn words(schema: &Value) -> Vec<String> {
    list(schema, "oneOf").filter_map(|choice| choice["const"].as_str()).map(str::to_string).collect()
}

fn words_in(schema: &Value, key: &str) -> Vec<String> {
    list(schema, key).filter_map(Value::as_str).map(str::to_string).collect()
}

/// What can stand at the top level or in a section, sections included.
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

/// What a key of this schema may hold, to complete "must be".
pub fn allowed(schema: &Value) -> String {
    if let Some(words) = schema["x-allowed"].as_str() {
        return words.to_string();
    }
    let words = words(schema);
    if !words.is_empty() {
        return format!("one of \"{}\"", words.join("\", \""));
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("\"{word}\"");
    }
    let unit = schema["x-unit"].as_str().map(|unit| format!(" of {unit}")).unwrap_or_default();
    let number = |key: &str| schema.get(key).filter(|limit| limit.is_number()).map(plain);
    let from = number("minimum");
    let (above, to, below) = (number("exclusiveMinimum"), number("maximum"), number("exclusiveMaximum"));
    let noun = match schema["type"].as_str() {
        Some("boolean") => return "true or false".into(),
        Some("array") => return allowed_list(schema),
        Some("integer") => "a whole number",
        Some("number") => "a number",
        _ => return list(schema, "anyOf").map(allowed).collect::<Vec<_>>().join(", or "),
    };
    let range = match (from, above, to, below) {
        (Some(from), None, Some(to), None) => format!(" from {from} to {to}"),
        (Some(from), None, None, Some(below)) => format!(" of at least {from} and less than {below}"),
        (Some(from), None, None, None) => format!(" of at least {from}"),
        (None, Some(above), Some(to), None) => format!(" greater than {above} and at most {to}"),
        (None, Some(above), None, Some(below)) => format!(" greater than {above} and less than {below}"),
        (None, Some(above), None, None) => format!(" greater than {above}"),
        _ => String::new(),
    };
    format!("{noun}{unit}{range}")
}

fn allowed_list(schema: &Value) -> String {
    let most = schema["maxItems"].as_u64().map(|most| format!(" at most {most}")).unwrap_or_default();
    let items = schema["x-items"].as_str().unwrap_or("values");
    format!("a list of{most} {items}, each {}", allowed(&schema["items"]))
}

/// Whether a key of this schema may hold `value`.
pub fn accepts(schema: &Value, value: &toml::Value) -> bool {
    let any = |key: &str| schema.get(key).is_none() || list(schema, key).any(|choice| accepts(choice, value));
    let is_constant =
        schema.get("const").is_none_or(|word| word.as_str().is_some_and(|word| value.as_str() == Some(word)));
    if !is_constant || !any("anyOf") || !any("oneOf") {
        return false;
    }
    match schema["type"].as_str() {
        Some("boolean") => value.is_bool(),
        Some("string") => value.as_str().is_some_and(|text| accepts_text(schema, text)),
        Some("integer") => value.as_integer().is_some_and(|number| is_in_range(schema, number as f64)),
        Some("number") => {
            let number = value.as_float().or(value.as_integer().map(|number| number as f64));
            number.is_some_and(|number| number.is_finite() && is_in_range(schema, number))
        }
        Some("array") => value.as_array().is_some_and(|items| accepts_list(schema, items)),
        Some("object") => value.as_table().is_some_and(|table| accepts_table(schema, table)),
        _ => true,
    }
}

fn accepts_text(schema: &Value, text: &str) -> bool {
    schema["maxLength"].as_u64().is_none_or(|most| text.chars().count() as u64 <= most)
        && schema["pattern"].as_str().is_none_or(|pattern| Regex::new(pattern).is_ok_and(|regex| regex.is_match(text)))
}

/// Written so that a NaN fails.
fn is_in_range(schema: &Value, number: f64) -> bool {
    let holds = |key: &str, holds: fn(f64, f64) -> bool| schema[key].as_f64().is_none_or(|limit| holds(number, limit));
    holds("minimum", |number, limit| number >= limit)
        && holds("exclusiveMinimum", |number, limit| number > limit)
        && holds("maximum", |number, limit| number <= limit)
        && holds("exclusiveMaximum", |number, limit| number < limit)
}

fn accepts_list(schema: &Value, items: &[toml::Value]) -> bool {
    let size = |key: &str| schema[key].as_u64().map(|size| size as usize);
    let are_different = || items.iter().enumerate().all(|(index, item)| !items[..index].contains(item));
    size("minItems").is_none_or(|least| items.len() >= least)
        && size("maxItems").is_none_or(|most| items.len() <= most)
        && items.iter().all(|item| accepts(&schema["items"], item))
        && (schema["uniqueItems"] != Value::Bool(true) || are_different())
}

fn accepts_table(schema: &Value, table: &toml::Table) -> bool {
    let names = &schema["propertyNames"];
    !table.is_empty()
        && table.iter().all(|(name, value)| {
            (names.is_null() || accepts_text(names, name)) && accepts(&schema["additionalProperties"], value)
        })
}

fn list<'a>(schema: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    schema[key].as_array().into_iter().flatten()
}

/// A number as a person writes it: without `.0`.
fn plain(number: &Value) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => value.to_string(),
        _ => number.to_string(),
    }
}

/// A default in TOML; none if it says that a key is unset.
fn toml_text(value: &Value) -> Option<String> {
    let value: toml::Value = serde_json::from_value(value.clone()).ok()?;
    Some(value.to_string())
}

/// The lines of a doc comment, as one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Removes what TOML does not know, and what says nothing: null, Rust's number formats, empty defaults.
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
                *text = one_line(text);
            }
            map.values_mut().for_each(simplify);
        }
        Value::Array(values) => values.iter_mut().for_each(simplify),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schema_says_in_words_what_it_accepts() {
        for (schema, words) in [
            (json!({"type": "integer", "minimum": 1, "maximum": 9}), "a whole number from 1 to 9"),
            (
                json!({"type": "number", "minimum": 0.0, "exclusiveMaximum": 1.0}),
                "a number of at least 0 and less than 1",
            ),
            (
                json!({"type": "number", "exclusiveMinimum": 0.0, "maximum": 0.5}),
                "a number greater than 0 and at most 0.5",
            ),
            (
                json!({"type": "number", "minimum": 0, "maximum": 60, "x-unit": "degrees"}),
                "a number of degrees from 0 to 60",
            ),
            (json!({"type": "boolean"}), "true or false"),
            (json!({"oneOf": [{"const": "a"}, {"const": "b"}]}), "one of \"a\", \"b\""),
            (json!({"anyOf": [{"type": "integer"}, {"const": "all"}]}), "a whole number, or \"all\""),
            (
                json!({"type": "array", "maxItems": 3, "x-items": "widths", "items": {"type": "integer"}}),
                "a list of at most 3 widths, each a whole number",
            ),
        ] {
            assert_eq!(allowed(&schema), words);
        }
    }

    #[test]
    fn schema_accepts_what_is_in_its_range_and_of_its_type() {
        let check = |schema: Value, accepted: &[&str], refused: &[&str]| {
            let value = |text: &&str| format!("x = {text}").parse::<toml::Table>().unwrap().remove("x").unwrap();
            accepted.iter().for_each(|text| assert!(accepts(&schema, &value(text)), "{schema} accepts {text}"));
            refused.iter().for_each(|text| assert!(!accepts(&schema, &value(text)), "{schema} refuses {text}"));
        };
        let open = json!({"type": "number", "exclusiveMinimum": 0.0, "exclusiveMaximum": 1.0});
        check(open, &["0.1", "1e-9"], &["0", "1", "nan", "inf", "'0.5'"]);
        check(json!({"type": "string", "pattern": "^a+$"}), &["'a'", "'aa'"], &["''", "'b'", "1"]);
        check(json!({"type": "string", "maxLength": 2}), &["''", "'éé'"], &["'aaa'", "1"]);
        let list = json!({"type": "array", "minItems": 1, "uniqueItems": true, "items": {"type": "integer"}});
        check(list, &["[1]", "[1, 2]"], &["[]", "[1, 1]", "[1.0]", "1"]);
        let table =
            json!({"type": "object", "propertyNames": {"pattern": "^a"}, "additionalProperties": {"type": "boolean"}});
        check(table, &["{ a = true }"], &["{}", "{ b = true }", "{ a = 1 }"]);
        check(json!({"anyOf": [{"type": "integer"}, {"const": "all"}]}), &["3", "'all'"], &["'ALL'", "3.0"]);
    }

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
