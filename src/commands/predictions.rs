//! The prediction for each labelled image, in a file for other programs.

use std::path::Path;

use serde::Serialize;

use super::evaluation::Evaluated;
use super::output::json_lines;
use crate::Error;
use crate::evaluation::{EvaluationOutput, Probabilities};
use crate::text::csv_line;

/// A line of JSON Lines.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a String>,
    label: &'a String,
    prediction: &'a String,
    probabilities: &'a Probabilities,
}

/// The contents of the file at `path`, in the format of its ending, CSV without one.
pub fn contents(Evaluated { output, files, .. }: &Evaluated, path: &Path) -> Result<Vec<u8>, Error> {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    match ending.to_str() {
        Some("npy") => Ok(npy(output)),
        Some("jsonl") => json_lines(rows(output, files)),
        _ => Ok(csv(output, files).into()),
    }
}

fn rows<'a>(output: &'a EvaluationOutput, files: &'a [String]) -> impl Iterator<Item = Row<'a>> {
    let names = output.images.names();
    output.predictions.iter().enumerate().map(move |(index, probabilities)| Row {
        index: files.is_empty().then_some(index),
        file: files.get(index),
        label: &names[usize::from(output.images.label(index))],
        prediction: &names[probabilities.best()],
        probabilities,
    })
}

/// A column for each class has its probabilities.
fn csv(output: &EvaluationOutput, files: &[String]) -> String {
    let first = if files.is_empty() { "index" } else { "file" };
    let heading = [first, "label", "prediction"].map(String::from).into_iter();
    let mut table = csv_line(heading.chain(output.images.names().iter().cloned()));
    for Row { index, file, label, prediction, probabilities } in rows(output, files) {
        let first = file.cloned().or(index.map(|index| index.to_string())).unwrap_or_default();
        let cells = [first, label.clone(), prediction.clone()].into_iter();
        table += &csv_line(cells.chain(probabilities.0.iter().map(f64::to_string)));
    }
    table
}

/// A NumPy array of records, <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>, with the classes
/// as numbers.
fn npy(output: &EvaluationOutput) -> Vec<u8> {
    const START: &[u8] = b"\x93NUMPY\x01\x00";
    let mut header = format!(
        "{{'descr': [('index', '<i8'), ('label', '<i8'), ('prediction', '<i8'), ('probabilities', '<f8', ({},))], \
         'fortran_order': False, 'shape': ({},), }}",
        output.images.classes(),
        output.predictions.len()
    );
    // The records start at a multiple of 64 bytes.
    let length = (START.len() + 2 + header.len() + 1).next_multiple_of(64) - START.len() - 2;
    header = format!("{header:<width$}\n", width = length - 1);
    let mut bytes = [START, &(length as u16).to_le_bytes(), header.as_bytes()].concat();
    for (index, probabilities) in output.predictions.iter().enumerate() {
        let numbers = [index, usize::from(output.images.label(index)), probabilities.best()];
        bytes.extend(numbers.iter().flat_map(|&number| (number as u64).to_le_bytes()));
        bytes.extend(probabilities.0.iter().flat_map(|number| number.to_le_bytes()));
    }
    bytes
}
