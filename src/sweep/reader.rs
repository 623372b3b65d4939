//! Reads the settings of a sweep's file one by one, so that one mistake does not hide the next.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::location::Location;
use crate::config::{Problem, dotted, is_section};

/// The text of the file, and what was found wrong with it so far.
pub struct Reader<'a> {
    /// What the places are in.
    pub text: &'a str,
    /// In no order.
    pub problems: Vec<Problem>,
}

/// A setting with its value.
pub type Entry<'a> = (Location, &'a Spanned<DeValue<'a>>);

impl Reader<'_> {
    /// Reports what has no line.
    pub fn report(&mut self, setting: &str, message: &str) {
        let (setting, message) = (setting.to_string(), message.to_string());
        self.problems.push(Problem { key: setting.clone(), line: None, setting, message });
    }

    /// The setting of `key`, if it is there.
    pub fn find<'d>(&self, table: &'d DeTable<'d>, key: &str) -> Option<Entry<'d>> {
        let (name, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some((Location::new(self.text, None, name, value), value))
    }

    /// The value of `key`, if it is there and sound, with its place.
    pub fn optional<T: DeserializeOwned>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        allowed: &str,
        holds: fn(&T) -> bool,
    ) -> Option<(Location, T)> {
        let (place, value) = self.find(table, key)?;
        let value = self.value(&place, value, allowed, holds)?;
        Some((place, value))
    }

    /// The same; that it is not there is reported.
    pub fn required<T: DeserializeOwned>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        allowed: &str,
        holds: fn(&T) -> bool,
    ) -> Option<(Location, T)> {
        if self.find(table, key).is_none() {
            self.report(key, &format!("is missing; it must be {allowed}"));
        }
        self.optional(table, key, allowed, holds)
    }

    /// A value that serde takes and that fulfils `holds`; else it is reported that it must be `allowed`.
    pub fn value<T: DeserializeOwned>(
        &mut self,
        place: &Location,
        value: &Spanned<DeValue<'_>>,
        allowed: &str,
        holds: fn(&T) -> bool,
    ) -> Option<T> {
        let read = T::deserialize(ValueDeserializer::from(value.clone())).ok().filter(holds);
        if read.is_none() {
            self.problems.push(place.problem(format!("must be {allowed}")));
        }
        read
    }

    /// The table of a section.
    pub fn section<'d>(&mut self, (place, value): &Entry<'d>) -> Option<&'d DeTable<'d>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let message = format!("must be a section, [{}], with keys of the config", place.key);
            self.problems.push(place.problem(message));
        }
        table
    }

    /// The keys of the config in a section, in the file's order: `"training.epochs"` with or without the quotes.
    pub fn entries<'d>(&mut self, section: &'d DeTable<'d>) -> Vec<Entry<'d>> {
        let mut entries = self.entries_in(None, section);
        entries.sort_by_key(|(_, value)| value.span().start);
        for (index, (place, _)) in entries.iter().enumerate() {
            if let Some((first, _)) = entries[..index].iter().find(|(first, _)| first.key == place.key) {
                self.problems.push(place.problem(format!("is there already, in line {}", first.line)));
            }
        }
        entries
    }

    fn entries_in<'d>(&self, section: Option<&str>, table: &'d DeTable<'d>) -> Vec<Entry<'d>> {
        let mut entries: Vec<Entry<'d>> = vec![];
        for (name, value) in table {
            match value.get_ref() {
                DeValue::Table(inner) if is_section(section, name.get_ref()) => {
                    entries.extend(self.entries_in(Some(&dotted(section, name.get_ref())), inner));
                }
                _ => entries.push((Location::new(self.text, section, name, value), value)),
            }
        }
        entries
    }
}
