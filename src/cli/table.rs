//! Text tables for the output of commands.

use std::fmt;

use crate::text::printable;

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
            let [first, others @ ..] = &row[..] else { return String::new() };
            let mut line = format!("{first:width$}", width = widths[0]);
            others.iter().zip(&widths[1..]).for_each(|(cell, &width)| line += &format!("  {cell:>width$}"));
            line.trim_end().to_string()
        };
        f.write_str(&self.rows.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["run", "error"]);
        table.push(["a-long-name", "7 ± 1 %"]);
        table.push(["b", "-"]);
        assert_eq!(table.to_string(), "run            error\na-long-name  7 ± 1 %\nb                  -");
    }
}
