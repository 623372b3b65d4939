//! The location of a setting in a sweep file.

use toml::Spanned;
use toml::de::{DeString, DeValue};

use crate::config::{Problem, line_of, shortened};

#[derive(Debug, Clone)]
pub struct Location {
    /// The config key: `optimizer.learning_rate`.
    pub key: String,
    /// The line, from 1.
    pub line: usize,
    /// The setting as written, shortened.
    shown: String,
}

impl Location {
    /// The location of `name` and `value` in the document `text`. `section` is the section of the key.
    pub fn new(text: &str, section: Option<&str>, name: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Self {
        let section = section.map_or_else(String::new, |section| format!("{section}."));
        let written = |span| text.get(span).unwrap_or_default();
        let (typed, setting) = (written(name.span()), written(value.span()));
        let is_header = matches!(value.get_ref(), DeValue::Table(_)) && setting.starts_with('[');
        Self {
            key: format!("{section}{}", name.get_ref()),
            line: line_of(text, name.span().start),
            shown: if is_header { setting.into() } else { format!("{section}{typed} = {}", shortened(setting)) },
        }
    }

    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { key: self.key.clone(), line: Some(self.line), setting: self.shown.clone(), message: message.into() }
    }
}
