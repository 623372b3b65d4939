//! Reads the settings of a sweep file one by one, so that one problem does not hide the next.

use serde::de::DeserializeOwned;
use toml::de::DeTable;

use crate::config::{Problem, Setting, settings};

/// The text of a sweep file, and the problems found so far.
pub struct Reader<'a> {
    pub text: &'a str,
    pub document: &'a DeTable<'a>,
    /// In no particular order.
    pub problems: Vec<Problem>,
}

/// The setting of a key at the top of the file, or of a section.
pub fn find<'s>(settings: &'s [Setting], key: &str) -> Option<&'s Setting> {
    settings.iter().find(|setting| setting.key() == key)
}

impl Reader<'_> {
    /// Reports a problem that has no line in the file.
    pub fn report(&mut self, setting: &str, message: &str) {
        let (setting, message) = (setting.to_string(), message.to_string());
        self.problems.push(Problem { key: setting.clone(), line: None, setting, message });
    }

    /// The settings at the top of the file.
    pub fn top(&self) -> Vec<Setting> {
        self.document.iter().map(|(name, value)| Setting::new(self.text, None, name, value, true)).collect()
    }

    /// The value of a required key. Reports that it is missing or invalid.
    pub fn required<T: DeserializeOwned>(
        &mut self,
        settings: &[Setting],
        key: &str,
        allowed: &str,
        is_valid: fn(&T) -> bool,
    ) -> Option<T> {
        let setting = find(settings, key);
        if setting.is_none() {
            self.report(key, &format!("is missing; it must be {allowed}"));
        }
        self.value(setting?, allowed, is_valid)
    }

    /// A value that serde accepts and that fulfils `is_valid`. Otherwise reports that it must be `allowed`.
    pub fn value<T: DeserializeOwned>(
        &mut self,
        setting: &Setting,
        allowed: &str,
        is_valid: fn(&T) -> bool,
    ) -> Option<T> {
        let valid = setting.value.clone().and_then(|value| value.try_into().ok()).filter(is_valid);
        if valid.is_none() {
            self.problems.push(setting.problem(format!("must be {allowed}")));
        }
        valid
    }

    /// The config keys in the section `name`, in the file's order: `"training.epochs"`, with or without the quotes. Reports
    /// keys that are set twice, and a value that is not a section.
    pub fn entries(&mut self, section: &Setting) -> Option<Vec<Setting>> {
        let Some(table) = self.document.get(&*section.name).and_then(|value| value.get_ref().as_table()) else {
            self.problems
                .push(section.problem(format!("must be a section, [{}], with keys of the config", section.name)));
            return None;
        };
        let mut entries = settings(self.text, None, table, true);
        entries.sort_by_key(|entry| entry.start);
        for (index, entry) in entries.iter().enumerate() {
            if let Some(first) = entries[..index].iter().find(|first| first.key() == entry.key()) {
                let line = first.line.unwrap_or_default();
                self.problems.push(entry.problem(format!("is already set in line {line}")));
            }
        }
        Some(entries)
    }
}
