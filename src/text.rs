//! How numbers and errors are written, and which name a mistyped one is nearest to.

use std::{error::Error, iter};

use indicatif::HumanCount;

/// A fraction in percent, `2.23 %`; a dash if there is none.
pub fn percent(fraction: Option<f64>) -> String {
    fraction.map_or_else(|| "-".into(), |fraction| format!("{:.2} %", 100.0 * fraction))
}

/// A loss in nats, `0.0734`; a dash if there is none.
pub fn nats(loss: Option<f64>) -> String {
    loss.map_or_else(|| "-".into(), |loss| format!("{loss:.4}"))
}

/// A time, `3.6 s`.
pub fn seconds(seconds: f64) -> String {
    // Adding 0 makes 0 of -0, which is what the sum of no numbers is.
    format!("{:.1} s", seconds + 0.0)
}

/// A size, `1.2 MB`.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// The local date and time of seconds of UNIX time, `2026-11-28 10:41`; a dash if there is none.
pub fn date(seconds: Option<f64>) -> String {
    seconds.and_then(|seconds| local_time(seconds, "%F %R")).unwrap_or_else(|| "-".into())
}

/// The local time of seconds of UNIX time, in a format of `strftime`.
pub fn local_time(seconds: f64, format: &str) -> Option<String> {
    let time = jiff::Timestamp::from_second(seconds as i64).ok()?.to_zoned_datetime(jiff::tz::TimeZone::system());
    Some(time.strftime(format).to_string())
}

/// The first `most` of some names, and how many more there are; `(none)` if there are none. Semicolons separate whole clauses.
pub fn listed(names: &[String], most: usize) -> String {
    let [comma, and] =
        if names.iter().any(|name| name.contains([',', ':'])) { ["; ", "; and"] } else { [", ", " and"] };
    let named = names[..names.len().min(most)].join(comma);
    match names.len() {
        0 => "(none)".into(),
        all if all > most => format!("{named}{and} {} more", all - most),
        _ => named,
    }
}

/// A row of a CSV table, RFC 4180, with the end of its line.
pub fn csv_line(cells: impl IntoIterator<Item = String>) -> String {
    let mut row = csv::Writer::from_writer(vec![]);
    let written = row.write_record(cells.into_iter().map(String::into_bytes));
    let row = written.ok().and_then(|()| row.into_inner().ok()).expect("memory takes all that is written to it");
    String::from_utf8(row).expect("the cells are text")
}

/// A line with its control characters escaped. A terminal would obey them, and they may come from a file.
pub fn printable(line: &str) -> String {
    let escape = |char: char| if char.is_control() { char.escape_default().to_string() } else { char.to_string() };
    line.chars().map(escape).collect()
}

/// A text with its control characters escaped, but for its line breaks.
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// A whole number with commas between its thousands, `60,000`.
pub fn grouped(number: usize) -> String {
    HumanCount(number as u64).to_string()
}

/// An error and its causes, in one line.
pub fn chain(error: &dyn Error) -> String {
    let errors = iter::successors(Some(error), |&error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The name nearest to `typed`, ignoring case. `None` if more than a third of the letters would have to change.
pub fn nearest<T: AsRef<str> + Ord>(typed: &str, names: impl IntoIterator<Item = T>) -> Option<T> {
    let typed = typed.to_lowercase();
    let distance = |name: &str| strsim::osa_distance(&typed, name);
    let (distance, name) = names.into_iter().map(|name| (distance(name.as_ref()), name)).min()?;
    (distance <= name.as_ref().len() / 3).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_their_units() {
        assert_eq!([percent(Some(0.0223)), nats(Some(0.07344)), seconds(3.61)], ["2.23 %", "0.0734", "3.6 s"]);
        assert_eq!([percent(None), nats(None)], ["-", "-"]);
    }

    #[test]
    fn sum_of_no_times_is_not_negative() {
        assert_eq!(seconds([0.0; 0].iter().sum()), "0.0 s");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("plain é ✓"), "plain é ✓");
        assert_eq!(printable("a\u{1b}[2J\u{9b}1mb\n\r"), r"a\u{1b}[2J\u{9b}1mb\n\r");
        assert_eq!(printable_lines("a\u{7}\nb\t"), "a\\u{7}\nb\\t");
    }

    #[test]
    fn thousands_are_separated_by_commas() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
