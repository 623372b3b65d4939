//! Writes keys and values as TOML, and finds lines in a file.

/// The maximum length of a value in a message, in characters.
const LONGEST_SHOWN: usize = 60;

/// `section.name`, or `name` at the top level.
pub fn dotted(section: Option<&str>, name: &str) -> String {
    section.map_or_else(|| name.to_string(), |section| format!("{section}.{name}"))
}

/// `section.name = value` as a line of TOML. The name may have any characters. Dots in `section` separate nested sections.
pub fn assignment(section: Option<&str>, name: &str, value: &str) -> String {
    let section = section.into_iter().flat_map(|section| section.split('.'));
    let path: Vec<_> = section.chain([name]).map(quoted).collect();
    format!("{} = {value}\n", path.join("."))
}

/// A string in TOML, with its quotes.
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The line, from 1, of the byte at `offset`.
pub fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The first line of a value, shortened to [`LONGEST_SHOWN`] characters.
pub fn shortened(value: &str) -> String {
    let line = value.lines().next().unwrap_or_default().trim();
    let start: String = line.chars().take(LONGEST_SHOWN).collect();
    if start.len() < value.trim().len() { start + " ..." } else { start }
}
