//! Reads the settings of a sweep file one by one, so that one problem does not hide the next.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, ValueDeserializer};

use super::location::Location;
use crate::config::{Problem, dotted, is_renamed, is_section};

/// The text of a sweep file, and the problems found so far.
pub struct Reader<'a> {
    /// The text.
    pub text: &'a str,
    /// The problems, in no particular order.
    pub problems: Vec<Problem>,
}

/// A setting's location and its value.
pub type Entry<'a> = (Location, &'a Spanned<DeValue<'a>>);

impl Reader<'_> {
    /// Reports a problem that has no line in the file.
    pub fn report(&mut self, setting: &str, message: &str) {
        let (setting, message) = (setting.to_string(), message.to_string());
        self.problems.push(Problem { key: setting.clone(), line: None, setting, message });
    }

    /// The setting `key` of the table, if present.
    pub fn find<'d>(&self, table: &'d DeTable<'d>, key: &str) -> Option<Entry<'d>> {
        let (name, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some((Location::new(self.text, None, name, value), value))
    }

    /// The value of `key`, if present and valid. Reports an invalid value.
    pub fn optional<T: DeserializeOwned>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        allowed: &str,
        is_valid: fn(&T) -> bool,
    ) -> Option<T> {
        let (location, value) = self.find(table, key)?;
        self.value(&location, value, allowed, is_valid)
    }

    /// The same for a required key: also reports that it is missing.
    pub fn required<T: DeserializeOwned>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        allowed: &str,
        is_valid: fn(&T) -> bool,
    ) -> Option<T> {
        if self.find(table, key).is_none() {
            self.report(key, &format!("is missing; it must be {allowed}"));
        }
        self.optional(table, key, allowed, is_valid)
    }

    /// A value that serde accepts and that fulfils `is_valid`. Otherwise reports that it must be `allowed`.
    pub fn value<T: DeserializeOwned>(
        &mut self,
        location: &Location,
        value: &Spanned<DeValue<'_>>,
        allowed: &str,
        is_valid: fn(&T) -> bool,
    ) -> Option<T> {
        let valid = T::deserialize(ValueDeserializer::from(value.clone())).ok().filter(is_valid);
        if valid.is_none() {
            self.problems.push(location.problem(format!("must be {allowed}")));
        }
        valid
    }

    /// The table of a section. Reports a value that is not a table.
    pub fn section<'d>(&mut self, (location, value): &Entry<'d>) -> Option<&'d DeTable<'d>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let message = format!("must be a section, [{}], with keys of the config", location.key);
            self.problems.push(location.problem(message));
        }
        table
    }

    /// The config keys in a section, in the file's order: `"training.epochs"`, with or without the quotes. Reports keys
    /// that are set twice.
    pub fn entries<'d>(&mut self, section: &'d DeTable<'d>) -> Vec<Entry<'d>> {
        let mut entries = self.entries_in(None, section);
        entries.sort_by_key(|(_, value)| value.span().start);
        for (index, (location, _)) in entries.iter().enumerate() {
            if let Some((first, _)) = entries[..index].iter().find(|(first, _)| first.key == location.key) {
                self.problems.push(location.problem(format!("is already set in line {}", first.line)));
            }
        }
        entries
    }

    fn entries_in<'d>(&self, section: Option<&str>, table: &'d DeTable<'d>) -> Vec<Entry<'d>> {
        let mut entries: Vec<Entry<'d>> = vec![];
        let key = |name: &Spanned<DeString<'_>>| dotted(section, name.get_ref());
        for (name, value) in table {
            match value.get_ref() {
                // Old section names too: their errors tell the new names.
                DeValue::Table(inner) if is_section(section, name.get_ref()) || is_renamed(&key(name)) => {
                    entries.extend(self.entries_in(Some(&key(name)), inner));
                }
                _ => entries.push((Location::new(self.text, section, name, value), value)),
            }
        }
        entries
    }
}
