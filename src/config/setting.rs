//! One setting: a key, its value as written, and its location.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::error::Problem;
use super::schema;
use super::toml_text::{assignment, dotted, line_of, quoted, shortened};

/// One key with its value as text, before it is parsed.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The known section that the key is in, such as `data` or `data.augment`; `None` at the top level.
    pub section: Option<String>,
    /// The key within its section.
    pub name: String,
    /// The value as written, in TOML.
    pub value: String,
    /// Whether the value is a table: an unknown section, `[model.hidden]`, or one of the few keys that take one.
    pub is_table: bool,
    /// The line in the file, from 1; `None` for an override.
    pub line: Option<usize>,
    /// The setting in a message: `training.epochs = 0` or `--set training.epochs=0`.
    pub shown: String,
}

impl Setting {
    /// The setting `name` with `value`, both from the document `text`.
    pub fn new(text: &str, section: Option<&str>, name: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Self {
        let key = dotted(section, text.get(name.span()).unwrap_or_default());
        let line = Some(line_of(text, name.span().start));
        let is_table = matches!(value.get_ref(), DeValue::Table(_));
        let value = match value.get_ref() {
            DeValue::Table(table) if schema::takes_table(section, name.get_ref()) => inline(text, table),
            DeValue::Table(_) => "{}".into(),
            _ => text.get(value.span()).unwrap_or_default().to_string(),
        };
        let shown = if is_table { format!("[{key}]") } else { format!("{key} = {}", shortened(&value)) };
        let section = section.map(str::to_string);
        Self { section, name: name.get_ref().to_string(), value, is_table, line, shown }
    }

    /// The dotted key: `training.epochs`.
    pub fn key(&self) -> String {
        dotted(self.section.as_deref(), &self.name)
    }

    /// Whether it is a table at the top level. All known sections are split into settings, so this one is unknown.
    pub fn is_unknown_section(&self) -> bool {
        self.is_table && self.section.is_none()
    }

    pub fn parsed(&self) -> Option<toml::Value> {
        format!("value = {}\n", self.value).parse::<toml::Table>().ok()?.remove("value")
    }

    /// The setting as a line of TOML, valid anywhere before the first section.
    pub fn assignment(&self) -> String {
        assignment(self.section.as_deref(), &self.name, &self.value)
    }

    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { key: self.key(), line: self.line, setting: self.shown.clone(), message: message.into() }
    }
}

/// A table as an inline table. In the document `text`, it may be a section of several lines.
fn inline(text: &str, table: &DeTable<'_>) -> String {
    let written = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::Table(_) => "{}",
        _ => text.get(value.span()).unwrap_or_default(),
    };
    let values: Vec<_> =
        table.iter().map(|(key, value)| format!("{} = {}", quoted(key.get_ref()), written(value))).collect();
    format!("{{ {} }}", values.join(", "))
}
