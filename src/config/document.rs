//! A TOML document and its overrides, cut into single settings.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Problem;
use super::schema;
use super::setting::Setting;
use super::toml_text::{assignment, dotted, line_of, quoted, shortened};

/// The settings in `text`, or, where it is not TOML, none and the problems, at most one a line.
pub fn parse(text: &str) -> (Vec<Setting>, Vec<Problem>) {
    let (document, problems) = table(text);
    // What the parser makes of the rest of a broken file is a guess: an unclosed `[model` loses its header, for one.
    let settings = if problems.is_empty() { settings(text, None, document.get_ref()) } else { Vec::new() };
    (settings, problems)
}

/// The document in `text`, and where that is not TOML, at most one problem a line.
pub fn table(text: &str) -> (Spanned<DeTable<'_>>, Vec<Problem>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<_> = errors.iter().map(|error| syntax_problem(text, error)).collect();
    problems.sort_by_key(|problem| problem.line);
    // The parser trips more than once over some mistakes.
    problems.dedup_by_key(|problem| problem.line);
    (document, problems)
}

/// Lays the `--set` arguments over `settings`, a later one over an earlier one.
pub fn apply(arguments: &[String], settings: &mut Vec<Setting>, problems: &mut Vec<Problem>) {
    for argument in arguments {
        let shown = format!("--set {argument}");
        let Some(changes) = override_settings(argument) else {
            let message = "must be written section.key=value, or key=value for a key outside of sections".to_string();
            problems.push(Problem { key: String::new(), line: None, setting: shown, message });
            continue;
        };
        for change in changes {
            // An unknown section stays wrong, whatever comes after it.
            settings.retain(|it| it.is_unknown_section() || it.key() != change.key());
            settings.push(Setting { line: None, shown: shown.clone(), ..change });
        }
    }
}

/// `section.key=value` as settings: one, or several for `section={ key = value, ... }`.
fn override_settings(argument: &str) -> Option<Vec<Setting>> {
    let (path, value) = argument.split_once('=')?;
    let (path, value) = (path.trim(), value.trim());
    let (section, name) = path.rsplit_once('.').map_or((None, path), |(section, name)| (Some(section), name));
    if name.is_empty() || section == Some("") {
        return None;
    }
    let is_toml = value.parse::<toml::Value>().is_ok();
    let value = if is_toml { value.to_string() } else { quoted(value) };
    let text = assignment(section, name, &value);
    let document = DeTable::parse(&text).ok()?;
    Some(settings(&text, None, document.get_ref()))
}

/// The keys of a document, or of a section in it, those of known sections one by one.
fn settings(text: &str, section: Option<&str>, table: &DeTable<'_>) -> Vec<Setting> {
    let mut found = Vec::new();
    for (name, value) in table {
        match value.get_ref() {
            DeValue::Table(inner) if schema::is_section(section, name.get_ref()) => {
                found.extend(settings(text, Some(&dotted(section, name.get_ref())), inner));
            }
            _ => found.push(Setting::new(text, section, name, value)),
        }
    }
    found
}

/// A mistake in the TOML itself, shown with the line that it is on.
fn syntax_problem(text: &str, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or_default();
    // What is missing at the end of the file is missing after its last word.
    let line = line_of(text, span.start.min(text.trim_end().len()));
    let setting = shortened(text.lines().nth(line - 1).unwrap_or_default());
    let what = match error.message() {
        // The parser takes the nothing after `seed =` for a string without quotes.
        message if span.is_empty() && message.starts_with("string values must be quoted") => "the value is missing",
        message => message,
    };
    Problem { key: String::new(), line: Some(line), setting, message: format!("not TOML: {what}") }
}
