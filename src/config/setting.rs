//! One setting: a key, its value, and its location; and both as they are written in TOML.

use serde::Deserialize;
use toml::de::{DeString, DeValue, ValueDeserializer};
use toml::{Spanned, Value};

use super::error::Problem;

/// The maximum length of a value in a message, in characters.
const LONGEST_SHOWN: usize = 60;

#[derive(Debug, Clone)]
pub struct Setting {
    /// The known section that the key is in, such as `data` or `data.augment`; `None` at the top level.
    pub section: Option<String>,
    pub name: String,
    /// `None` for a number beyond 64 bits.
    pub value: Option<Value>,
    /// Whether the value is a table: an unknown section, `[model.hidden]`, or one of the few keys that take one.
    pub is_table: bool,
    /// The line in the file, from 1; `None` for an override.
    pub line: Option<usize>,
    /// The offset of the value in the file.
    pub start: usize,
    /// The setting in a message: `training.epochs = 0` or `training.epochs=0 (override)`.
    pub shown: String,
}

impl Setting {
    /// The setting `name` with `value` in the document `text`.
    pub fn new(text: &str, section: Option<&str>, name: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Self {
        let [typed, written] = [name.span(), value.span()].map(|span| text.get(span).unwrap_or_default());
        let key = dotted(section, typed);
        let is_table = value.get_ref().is_table();
        let shown = match is_table {
            true if written.starts_with('[') => written.into(),
            true if !written.starts_with('{') => format!("[{key}]"),
            _ => format!("{key} = {}", shortened(written)),
        };
        Self {
            section: section.map(str::to_string),
            name: name.get_ref().to_string(),
            value: Value::deserialize(ValueDeserializer::from(value.clone())).ok(),
            is_table,
            line: Some(line_of(text, name.span().start)),
            start: value.span().start,
            shown,
        }
    }

    /// The dotted key: `training.epochs`.
    pub fn key(&self) -> String {
        dotted(self.section.as_deref(), &self.name)
    }

    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { line: self.line, setting: self.shown.clone(), message: message.into() }
    }
}

pub fn dotted(section: Option<&str>, name: &str) -> String {
    section.map_or_else(|| name.to_string(), |section| format!("{section}.{name}"))
}

/// `section.name = value` as a line of TOML, valid before the first section. Dots in `section` are of nested sections.
pub fn assignment(section: Option<&str>, name: &str, value: &str) -> String {
    let path: Vec<_> = section.into_iter().flat_map(|it| it.split('.')).chain([name]).map(quoted).collect();
    format!("{} = {value}\n", path.join("."))
}

pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The line, from 1, of the byte at `offset`.
pub fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The first line of a value, shortened to [`LONGEST_SHOWN`] characters.
pub fn shortened(value: &str) -> String {
    let line = value.lines().next().unwrap_or_default().trim();
    let start: String = line.chars().take(LONGEST_SHOWN).collect();
    if start.len() < value.trim().len() { start + " ..." } else { start }
}
