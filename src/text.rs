//! How numbers and errors are written.

use std::error::Error;

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
    format!("{seconds:.1} s")
}

/// A whole number with commas between its thousands, `60,000`.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let comma = |(index, digit): (usize, char)| {
        let is_group = index > 0 && (digits.len() - index).is_multiple_of(3);
        is_group.then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(comma).collect()
}

/// An error and its causes, in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
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
    fn thousands_are_separated_by_commas() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
