//! One setting: a key, its value as written, and where that was.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::error::Problem;
use super::schema;

/// Longest value that a message repeats, in characters.
const LONGEST_SHOWN: usize = 60;

/// One key with its value, not yet looked at by serde.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The known section that the key stands in, such as `data` or `data.augment`; `None` at the top level.
    pub section: Option<String>,
    /// The key within its section.
    pub name: String,
    /// The value as written, in TOML.
    pub value: String,
    /// Whether the value is a table: an unknown section, `[model.hidden]`, or one of the few keys that take one.
    pub is_table: bool,
    /// The line in the file, from 1; `None` for an override.
    pub line: Option<usize>,
    /// How a message shows it: `training.epochs = 0` or `--set training.epochs=0`.
    pub shown: String,
}

impl Setting {
    /// The setting that stands in the document `text` as `name` and `value`.
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

    /// Whether it is a table where only sections can be: none of those there are, or its keys would be settings.
    pub fn is_unknown_section(&self) -> bool {
        self.is_table && self.section.is_none()
    }

    /// The setting as a line of TOML that can stand anywhere before the first section.
    pub fn assignment(&self) -> String {
        assignment(self.section.as_deref(), &self.name, &self.value)
    }

    /// Reports this setting.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { key: self.key(), line: self.line, setting: self.shown.clone(), message: message.into() }
    }
}

/// A table of values as the document `text` has it, in one line: it may be a section there.
fn inline(text: &str, table: &DeTable<'_>) -> String {
    let written = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::Table(_) => "{}",
        _ => text.get(value.span()).unwrap_or_default(),
    };
    let values: Vec<_> =
        table.iter().map(|(key, value)| format!("{} = {}", quoted(key.get_ref()), written(value))).collect();
    format!("{{ {} }}", values.join(", "))
}

/// `section.name`, or `name` at the top level.
pub fn dotted(section: Option<&str>, name: &str) -> String {
    section.map_or_else(|| name.to_string(), |section| format!("{section}.{name}"))
}

/// `section.name = value` as a line of TOML, whatever characters the name holds; dots divide a section into sections.
pub fn assignment(section: Option<&str>, name: &str, value: &str) -> String {
    let section = section.into_iter().flat_map(|section| section.split('.'));
    let path: Vec<_> = section.chain([name]).map(quoted).collect();
    format!("{} = {value}\n", path.join("."))
}

/// A string as TOML writes it.
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The line, from 1, of the byte at `offset`.
pub fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The first line of a value, cut where it gets long.
pub fn shortened(value: &str) -> String {
    let line = value.lines().next().unwrap_or_default().trim();
    let start: String = line.chars().take(LONGEST_SHOWN).collect();
    if start.len() < value.trim().len() { start + " ..." } else { start }
}
