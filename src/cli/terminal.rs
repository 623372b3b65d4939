//! Output for terminals: tables, and with colours (not with a file, a pipe or `NO_COLOR`) images, bars and a confusion matrix.
//! The colours are from the 256-colour palette, which practically all terminals support.

use std::{fmt, io};

use anstream::{AutoStream, ColorChoice};
use anstyle::{Ansi256Color, Style};

use crate::evaluation::{Evaluation, Probabilities};
use crate::text::printable;

/// Shades from pale to strong: blue for correct predictions, orange for wrong ones, even for colour-blind people.
const RIGHT: [u8; 5] = [153, 111, 75, 33, 27];
const WRONG: [u8; 5] = [230, 222, 215, 208, 202];
const GREYS: usize = 24;
const BAR: usize = 24;

pub fn is_coloured() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// An evaluation's text with a shaded matrix: correct predictions relative to the class, wrong ones to the commonest confusion.
pub fn evaluation(evaluation: &Evaluation, heading: &str) -> String {
    let (confusion, most) = (&evaluation.confusion, evaluation.most_confused());
    evaluation.text(heading, |truth, prediction| match confusion[truth][prediction] {
        0 => Style::new().dimmed(),
        count if truth == prediction => shade(&RIGHT, count, confusion[truth].iter().sum()),
        count => shade(&WRONG, count, most),
    })
}

fn shade(shades: &[u8], part: usize, whole: usize) -> Style {
    let index = (part * shades.len() / whole.max(1)).min(shades.len() - 1);
    Ansi256Color(16).on(Ansi256Color(shades[index]))
}

/// An image, `[height, width]`, beside a bar per class, the best in bold. If lines run out, the least probable are omitted.
pub fn prediction(pixels: &[u8], width: usize, probabilities: &Probabilities, names: &[String]) -> String {
    let image = picture(pixels, width);
    let lines = image.len().max(probabilities.0.len().min(10));
    let mut classes = probabilities.ranked();
    let best = probabilities.best();
    classes.truncate(lines);
    classes.sort_unstable();
    let names: Vec<_> = names.iter().map(|name| printable(name)).collect();
    let longest = classes.iter().map(|&class| names[class].chars().count()).fold(3, usize::max);
    let above = (lines - classes.len()) / 2;
    let line = |line: usize| {
        let left = image.get(line).cloned().unwrap_or_else(|| " ".repeat(width));
        let Some(&class) = line.checked_sub(above).and_then(|index| classes.get(index)) else { return left };
        let style = if class == best { Style::new().bold() } else { Style::new() };
        let (name, probability) = (&names[class], probabilities.0[class]);
        format!("{left}  {style}{name:>longest$} {} {:5.1} %{style:#}", bar(probability), 100.0 * probability)
    };
    (0..lines).map(line).collect::<Vec<_>>().join("\n")
}

/// A line for two rows of pixels: the upper half block in the colour of the upper pixel, on the colour of the lower one.
fn picture(pixels: &[u8], width: usize) -> Vec<String> {
    let rows: Vec<&[u8]> = pixels.chunks(width).collect();
    let line = |pair: &[&[u8]]| {
        let block = |column: usize| {
            let lower = pair.get(1).map_or(0, |row| row[column]);
            let style = grey(pair[0][column]).on(grey(lower));
            format!("{style}▀{style:#}")
        };
        (0..width).map(block).collect()
    };
    rows.chunks(2).map(line).collect()
}

fn grey(pixel: u8) -> Ansi256Color {
    Ansi256Color(232 + ((usize::from(pixel) * (GREYS - 1) + 127) / 255) as u8)
}

/// A bar for a fraction in [0, 1]: [`BAR`] characters wide, precise to an eighth of one, padded with blanks.
fn bar(fraction: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (fraction.clamp(0.0, 1.0) * (8 * BAR) as f64).round() as usize;
    format!("{:BAR$}", "█".repeat(eighths / 8) + PARTS[eighths % 8])
}

/// Rows of cells under headings. The first column is left-aligned, the others are right-aligned.
#[derive(Debug, Clone)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<T: Into<String>>(headings: impl IntoIterator<Item = T>) -> Self {
        Self { rows: vec![headings.into_iter().map(Into::into).collect()] }
    }

    /// Adds a row, with a cell per heading. A cell is one line.
    pub fn push<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell.into())).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Count characters, not bytes: `±` has two bytes.
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let others = row[1..].iter().zip(&widths[1..]).map(|(cell, &width)| format!("  {cell:>width$}"));
            let line = format!("{:width$}{}", row[0], others.collect::<String>(), width = widths[0]);
            line.trim_end().to_string()
        };
        f.write_str(&self.rows.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text without its colours.
    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn coloured_evaluation_has_the_same_text() {
        let counted = Evaluation::new(vec![vec![5, 1], vec![0, 4]], &["0".into(), "1".into()], 0.5);
        let without = counted.text("test accuracy", |_, _| Style::new());
        assert_eq!(plain(&evaluation(&counted, "test accuracy")), without);
        assert!(evaluation(&counted, "test accuracy").len() > without.len());
    }

    #[test]
    fn bar_is_as_long_as_its_fraction() {
        assert_eq!(bar(1.0), "█".repeat(BAR));
        assert_eq!(bar(0.5), "█".repeat(BAR / 2) + &" ".repeat(BAR / 2));
        assert_eq!(bar(1.0 / (8 * BAR) as f64).trim_end(), "▏");
        assert_eq!(bar(0.0), " ".repeat(BAR));
    }

    #[test]
    fn image_has_a_line_for_two_rows_of_pixels() {
        let lines = picture(&[0, 255, 255, 0, 9, 9], 2);
        assert_eq!(lines.iter().map(|line| plain(line)).collect::<Vec<_>>(), ["▀▀", "▀▀"]);
        assert!(lines[0].contains("38;5;232") && lines[0].contains("48;5;255"), "{:?}", lines[0]);
    }

    fn numbers(classes: usize) -> Vec<String> {
        (0..classes).map(|class| class.to_string()).collect()
    }

    #[test]
    fn prediction_has_a_bar_for_each_class_beside_the_image() {
        let shown = plain(&prediction(&[0; 28 * 28], 28, &Probabilities(vec![0.1; 10]), &numbers(10)));
        assert_eq!((shown.lines().count(), shown.matches(" 10.0 %").count()), (14, 10));
    }

    #[test]
    fn prediction_with_more_classes_than_lines_omits_the_least_probable() {
        let mut probabilities = vec![0.0; 40];
        (probabilities[7], probabilities[35]) = (0.25, 0.75);
        let shown = plain(&prediction(&[0; 6], 3, &Probabilities(probabilities), &numbers(40)));
        assert_eq!(shown.lines().count(), 10);
        assert!(shown.contains("  7 ") && shown.contains(" 35 ") && shown.contains("75.0 %"), "{shown}");
    }

    #[test]
    fn table_columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["run", "error"]);
        table.push(["a-long-name", "7 ± 1 %"]);
        table.push(["b", "-"]);
        assert_eq!(table.to_string(), "run            error\na-long-name  7 ± 1 %\nb                  -");
    }
}
