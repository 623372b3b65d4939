//! Splits a TOML document and its overrides into single settings.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::setting::{Setting, assignment, dotted, line_of, quoted, shortened};
use super::{error::Problem, hint::RENAMED, schema::is_section};

pub fn parse(text: &str) -> Result<Vec<Setting>, Vec<Problem>> {
    Ok(settings(text, None, table(text)?.get_ref(), false))
}

/// The document in `text`. If it is not valid TOML, the problems, at most one per line. After a syntax error, the parser
/// guesses: a section with the header `[model`, for example, loses its name. So there is no document then.
pub fn table(text: &str) -> Result<Spanned<DeTable<'_>>, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<_> = errors.iter().map(|error| syntax_problem(text, error)).collect();
    problems.sort_by_key(|problem| problem.line);
    // The parser reports some mistakes more than once.
    problems.dedup_by_key(|problem| problem.line);
    if problems.is_empty() { Ok(document) } else { Err(problems) }
}

/// Overrides `settings` by the `--set` arguments. A later argument overrides an earlier one.
pub fn apply(arguments: &[String], settings: &mut Vec<Setting>, problems: &mut Vec<Problem>) {
    for argument in arguments {
        let Some(changes) = override_settings(argument) else {
            let message = "must be written section.key=value, or key=value for a key outside of sections".to_string();
            problems.push(Problem { line: None, setting: format!("--set {argument}"), message });
            continue;
        };
        for change in changes {
            // An unknown section, here a table at the top, remains an error even if a later argument overrides it.
            settings.retain(|it| it.is_table && it.section.is_none() || it.key() != change.key());
            settings.push(Setting { line: None, shown: format!("{argument} (override)"), ..change });
        }
    }
}

/// `section.key=value` as settings: one, or several for `section={ key = value, ... }`.
fn override_settings(argument: &str) -> Option<Vec<Setting>> {
    let (path, value) = argument.split_once('=').map(|(path, value)| (path.trim(), value.trim()))?;
    let (section, name) = path.rsplit_once('.').map_or((None, path), |(section, name)| (Some(section), name));
    if name.is_empty() || section == Some("") {
        return None;
    }
    let value = if value.parse::<toml::Value>().is_ok() { value.to_string() } else { quoted(value) };
    let text = assignment(section, name, &value);
    Some(settings(&text, None, DeTable::parse(&text).ok()?.get_ref(), false))
}

/// The settings of a document or a section. Each key of a known section is a setting of its own, and in a sweep each key of
/// an old section, too: the sweep is told all their new names.
pub fn settings(text: &str, section: Option<&str>, table: &DeTable<'_>, in_sweep: bool) -> Vec<Setting> {
    let mut found = Vec::new();
    for (name, value) in table {
        let key = dotted(section, name.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) if is_section(section, name.get_ref()) || in_sweep && RENAMED.contains_key(&key) => {
                found.extend(settings(text, Some(&key), inner, in_sweep));
            }
            _ => found.push(Setting::new(text, section, name, value)),
        }
    }
    found
}

fn syntax_problem(text: &str, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or_default();
    // If something is missing at the end of the file, report the last line that has text.
    let line = line_of(text, span.start.min(text.trim_end().len()));
    let setting = shortened(text.lines().nth(line - 1).unwrap_or_default());
    let what = match error.message() {
        // If nothing follows `seed =`, the parser complains about a string without quotes.
        message if span.is_empty() && message.starts_with("string values must be quoted") => "the value is missing",
        message => message,
    };
    Problem { line: Some(line), setting, message: format!("not TOML: {what}") }
}
