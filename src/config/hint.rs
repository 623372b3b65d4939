//! Plain words for what serde refuses: what is allowed, and what may have been meant.

use super::schema;
use super::setting::{Setting, dotted};
use super::values;

/// Why serde refuses `setting`, and what it would take.
pub fn refusal(setting: &Setting) -> String {
    let section = setting.section.as_deref();
    if schema::keys(section).contains(&setting.name) {
        wrong_value(setting)
    } else if section.is_none() && schema::is_section(&setting.name) {
        format!("must be a section, [{}], with keys of its own", setting.name)
    } else if setting.is_unknown_section() {
        unknown_section(&setting.name)
    } else {
        unknown_key(section, &setting.name)
    }
}

/// A value of the wrong type, or a word that the key does not know.
fn wrong_value(setting: &Setting) -> String {
    if let Some(allowed) = values::allowed(&setting.key()) {
        return format!("must be {allowed}");
    }
    let words = schema::words(setting.section.as_deref(), &setting.name);
    let meant = nearest(setting.value.trim_matches(['"', '\'']), &words);
    let meant = meant.map(|word| format!("; did you mean \"{word}\"?")).unwrap_or_default();
    format!("must be one of \"{}\"{meant}", words.join("\", \""))
}

/// A section that does not exist.
fn unknown_section(name: &str) -> String {
    let sections = schema::sections();
    match nearest(name, &sections) {
        Some(section) => format!("unknown section; did you mean [{section}]?"),
        None => format!("unknown section; there are [{}]", sections.join("], [")),
    }
}

/// A key that does not exist, or does elsewhere.
fn unknown_key(section: Option<&str>, name: &str) -> String {
    let sections = schema::sections();
    let places = || sections.iter().map(|section| Some(section.as_str())).chain([None]);
    let homes: Vec<_> =
        places().filter(|place| schema::keys(*place).iter().any(|key| key == name)).map(title).collect();
    if !homes.is_empty() {
        return format!("unknown key here; it belongs to {}", homes.join(" or "));
    }
    // Its own section first: a slip of the finger is likelier than one and a wrong section.
    let guess = [section].into_iter().chain(places()).find_map(|place| {
        let keys = schema::keys(place);
        nearest(name, &keys).map(|key| dotted(place, key))
    });
    match guess {
        Some(key) => format!("unknown key; did you mean {key}?"),
        None => format!("unknown key; {} has {}", title(section), schema::keys(section).join(", ")),
    }
}

/// How a section is called in a sentence.
fn title(section: Option<&str>) -> String {
    section.map_or_else(|| "the top of the file".to_string(), |section| format!("[{section}]"))
}

/// The name most like `typed`, case aside, if no more than a third of its letters would have to change.
pub fn nearest<'a>(typed: &str, names: &'a [String]) -> Option<&'a String> {
    let typed = typed.to_lowercase();
    let distance = |name: &str| strsim::osa_distance(&typed, name);
    let (distance, name) = names.iter().map(|name| (distance(name), name)).min()?;
    (distance <= name.len() / 3).then_some(name)
}
