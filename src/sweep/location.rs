//! Where in a sweep's file a setting stands.

use toml::Spanned;
use toml::de::{DeString, DeValue};

use crate::config::{Problem, line_of, shortened};

/// A setting in the file.
#[derive(Debug, Clone)]
pub struct Location {
    /// The key, as the config has it: `optimizer.learning_rate`.
    pub key: String,
    /// Its line, from 1.
    pub line: usize,
    /// The setting as written.
    shown: String,
}

impl Location {
    /// The place of `name` and `value` in the document `text`; `section` is what the key is in.
    pub fn new(text: &str, section: Option<&str>, name: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Self {
        let section = section.map_or_else(String::new, |section| format!("{section}."));
        let written = |span| text.get(span).unwrap_or_default();
        Self {
            key: format!("{section}{}", name.get_ref()),
            line: line_of(text, name.span().start),
            shown: format!("{section}{} = {}", written(name.span()), shortened(written(value.span()))),
        }
    }

    /// Reports this setting.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { key: self.key.clone(), line: Some(self.line), setting: self.shown.clone(), message: message.into() }
    }
}
