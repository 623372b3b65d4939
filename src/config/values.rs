//! The values that a key may have by its JSON Schema: describes them in words, and checks a given value.
//!
//! Beyond JSON Schema, a key may have `x-allowed`, to complete "must be"; `x-unit`; and `x-items`, what a list holds.

use regex_lite::Regex;
use serde_json::Value;

/// The allowed values of a key with this schema, in words that follow "must be".
pub fn allowed(schema: &Value) -> String {
    if let Some(words) = schema["x-allowed"].as_str() {
        return words.to_string();
    }
    let words: Vec<&str> = list(schema, "oneOf").filter_map(|choice| choice["const"].as_str()).collect();
    if !words.is_empty() {
        return format!("one of \"{}\"", words.join("\", \""));
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("\"{word}\"");
    }
    let unit = schema["x-unit"].as_str().map(|unit| format!(" of {unit}")).unwrap_or_default();
    // As a person writes it: without `.0`.
    let limit = |key: &str| Some(schema.get(key)?.to_string().trim_end_matches(".0").to_string());
    let [from, above, to, below] = ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"].map(limit);
    let noun = match schema["type"].as_str() {
        Some("boolean") => return "true or false".into(),
        Some("array") => {
            let most = schema["maxItems"].as_u64().map(|most| format!(" at most {most}")).unwrap_or_default();
            let items = schema["x-items"].as_str().unwrap_or("values");
            return format!("a list [..] of{most} {items}, each {}", allowed(&schema["items"]));
        }
        Some("integer") => "a whole number",
        Some("number") => "a number",
        _ => return list(schema, "anyOf").map(allowed).collect::<Vec<_>>().join(", or "),
    };
    if let (Some(from), Some(to)) = (&from, &to) {
        return format!("{noun}{unit} from {from} to {to}");
    }
    let ends = [("of at least", from), ("greater than", above), ("at most", to), ("less than", below)];
    let range = ends.into_iter().filter_map(|(words, limit)| Some(format!(" {words} {}", limit?)));
    format!("{noun}{unit}{}", range.collect::<Vec<_>>().join(" and"))
}

pub fn accepts(schema: &Value, value: &toml::Value) -> bool {
    let any = |key: &str| schema.get(key).is_none() || list(schema, key).any(|choice| accepts(choice, value));
    let is_constant = schema["const"].as_str().is_none_or(|word| value.as_str() == Some(word));
    let is_of_type = match (schema["type"].as_str(), value) {
        (None, _) | (Some("boolean"), toml::Value::Boolean(_)) => true,
        (Some("string"), toml::Value::String(text)) => accepts_text(schema, text),
        (Some("integer" | "number"), &toml::Value::Integer(number)) => is_in_range(schema, number as f64),
        (Some("number"), &toml::Value::Float(number)) => number.is_finite() && is_in_range(schema, number),
        (Some("array"), toml::Value::Array(items)) => accepts_list(schema, items),
        (Some("object"), toml::Value::Table(table)) => accepts_table(schema, table),
        _ => false,
    };
    is_of_type && is_constant && any("anyOf") && any("oneOf")
}

fn accepts_text(schema: &Value, text: &str) -> bool {
    schema["maxLength"].as_u64().is_none_or(|most| text.chars().count() as u64 <= most)
        && schema["pattern"].as_str().is_none_or(|pattern| Regex::new(pattern).is_ok_and(|regex| regex.is_match(text)))
}

/// NaN is never in the range.
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
    let is_accepted = |(name, value): (&String, &toml::Value)| {
        accepts_text(&schema["propertyNames"], name) && accepts(&schema["additionalProperties"], value)
    };
    !table.is_empty() && table.iter().all(is_accepted)
}

/// The items of a list in a schema. Empty if there is no such list.
pub fn list<'a>(schema: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    schema[key].as_array().into_iter().flatten()
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
                "a list [..] of at most 3 widths, each a whole number",
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
}
