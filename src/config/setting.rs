//! One setting: a key, its value, and its location.

use serde::Deserialize;
use toml::de::{DeString, DeValue, ValueDeserializer};
use toml::{Spanned, Value};

use super::error::Problem;
use super::toml_text::{assignment, dotted, line_of, shortened};

#[derive(Debug, Clone)]
pub struct Setting {
    /// The known section that the key is in, such as `data` or `data.augment`; `None` at the top level.
    pub section: Option<String>,
    /// The key within its section.
    pub name: String,
    /// `None` for a number beyond 64 bits.
    pub value: Option<Value>,
    /// Whether the value is a table: an unknown section, `[model.hidden]`, or one of the few keys that take one.
    pub is_table: bool,
    /// The line in the file, from 1; `None` for an override.
    pub line: Option<usize>,
    /// The offset of the value in the file.
    pub start: usize,
    /// The setting in a message: `training.epochs = 0` or `--set training.epochs=0`.
    pub shown: String,
}

impl Setting {
    /// The setting `name` with `value`, both from the document `text`. A sweep shows a table as written, a config by its key.
    pub fn new(
        text: &str,
        section: Option<&str>,
        name: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
        in_sweep: bool,
    ) -> Self {
        let [typed, written] = [name.span(), value.span()].map(|span| text.get(span).unwrap_or_default());
        let key = dotted(section, typed);
        let is_table = value.get_ref().is_table();
        let shown = match is_table {
            true if !in_sweep => format!("[{key}]"),
            true if written.starts_with('[') => written.into(),
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

    /// The setting as a line of TOML, valid anywhere before the first section.
    pub fn assignment(&self) -> Option<String> {
        Some(assignment(self.section.as_deref(), &self.name, &self.value.as_ref()?.to_string()))
    }

    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { key: self.key(), line: self.line, setting: self.shown.clone(), message: message.into() }
    }
}
