//! `mnist-burn evaluate`: evaluates trained networks on images, and writes their predictions for other programs.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::evaluation::{Evaluated, check_current, evaluate_run};
use super::opening::{Chosen, choose_run, lock, open_recorded};
use super::output::{OutputKind, json_lines, print, print_evaluation, print_json};
use super::report::{page_of, write_page};
use crate::Error;
use crate::cli::{Evaluate, Split, Table, notice, warn};
use crate::evaluation::{Evaluation, EvaluationOutput, Probabilities};
use crate::run::{EvaluationRecord, RunError, RunFolder};
use crate::text::{chain, csv_line, nats, percent};

#[derive(Serialize)]
struct Row {
    run: String,
    #[serde(flatten)]
    record: EvaluationRecord,
}

/// Prints the evaluation of a run's best model, or a table of several. Stores those that a run lacks.
pub fn run(arguments: &Evaluate, folder: &Path) -> Result<(), Error> {
    let Evaluate { evaluated: names, predictions, force, .. } = arguments;
    let runs = names.iter().map(|run| choose_run(Some(run), folder)).collect::<Result<Vec<_>, _>>()?;
    let output = OutputKind::new("file of predictions", &["csv", "jsonl", "npy"], *force);
    predictions.iter().try_for_each(|path| output.check(path))?;
    if let [run] = &runs[..] {
        let evaluated = evaluate(run, arguments)?;
        if let Some(path) = predictions {
            let Evaluated { output: predicted, files, .. } = &evaluated;
            // In the format of the file's ending, CSV without one.
            let table = match path.extension().unwrap_or_default().to_ascii_lowercase().to_str() {
                Some("npy") => npy(predicted),
                Some("jsonl") => json_lines(rows(predicted, files))?.into(),
                _ => csv(predicted, files).into(),
            };
            let Evaluation { accuracy, images, wrong, .. } = &evaluated.record.evaluation;
            notice(format!("accuracy {}, {wrong} of {images} wrong", percent(Some(*accuracy))));
            return output.save(path, &table);
        }
        let record = &evaluated.record;
        let heading =
            if arguments.split == Split::Test && arguments.data.is_none() { "test accuracy" } else { "accuracy" };
        return if arguments.json { print_json(record) } else { print_evaluation(&record.evaluation, heading, "") };
    }
    if predictions.is_some() {
        return Err(Error::SeveralRuns { option: "--predictions" });
    }
    let row = |run: &Chosen| Ok(Row { run: run.0.name.clone(), record: evaluate(run, arguments)?.record });
    let rows = runs.iter().map(row).collect::<Result<Vec<_>, Error>>()?;
    if arguments.json {
        return print_json(&rows);
    }
    let mut table = Table::new(["run", "images", "wrong", "error", "loss"]);
    for Row { run, record: EvaluationRecord { evaluation: it, .. } } in rows {
        let error = percent(Some(1.0 - it.accuracy));
        table.push([run, it.images.to_string(), it.wrong.to_string(), error, nats(Some(it.loss))]);
    }
    print(&table.to_string())
}

/// Evaluates on the images that the command names. Stores an evaluation on the run's own test images if the run has none.
fn evaluate((named, unpacked): &Chosen, arguments: &Evaluate) -> Result<Evaluated, Error> {
    let Evaluate { data, split, device, .. } = arguments;
    if unpacked.is_some() && (data.is_none() || *split == Split::Validation) {
        return Err(Error::NoData { path: named.name.clone().into() });
    }
    let run = &RunFolder::at(&named.path);
    let record = run.record().map_err(|error| match error {
        RunError::Read { run, .. } if data.is_none() && run.is_dir() => Error::NoRun { path: run },
        error => error.into(),
    })?;
    let device = open_recorded(device.as_deref(), &record.device)?;
    let evaluated = evaluate_run(run, &device, data.as_deref(), *split)?;
    if !matches!(run.evaluation(&record), Ok(Some(_)))
        && evaluated.record.is_of_data(&record)
        && let Err(error) = store(run, &evaluated)
    {
        warn(format!("the evaluation is not stored: {}", chain(&error)));
    }
    Ok(evaluated)
}

/// Writes an evaluation and its report into the run's folder, and returns the report's path.
pub fn store(run: &RunFolder, evaluated: &Evaluated) -> Result<Option<PathBuf>, Error> {
    let _lock = lock(run)?;
    store_locked(run, evaluated)
}

/// The same for a run that this process has locked.
pub fn store_locked(run: &RunFolder, evaluated: &Evaluated) -> Result<Option<PathBuf>, Error> {
    check_current(run, evaluated)?;
    // The evaluation comes last: with it, the run is complete.
    let report = write_page(run.path().join(RunFolder::REPORT), page_of(run, evaluated, None));
    run.write_evaluation(&evaluated.record)?;
    Ok(report)
}

#[derive(Serialize)]
struct Prediction<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a String>,
    label: &'a String,
    prediction: &'a String,
    probabilities: &'a Probabilities,
}

fn rows<'a>(output: &'a EvaluationOutput, files: &'a [String]) -> impl Iterator<Item = Prediction<'a>> {
    let names = output.images.names();
    output.predictions.iter().enumerate().map(move |(index, probabilities)| Prediction {
        index: files.is_empty().then_some(index),
        file: files.get(index),
        label: &names[usize::from(output.images.labels()[index])],
        prediction: &names[probabilities.best()],
        probabilities,
    })
}

fn csv(output: &EvaluationOutput, files: &[String]) -> String {
    let first = if files.is_empty() { "index" } else { "file" };
    let heading = [first, "label", "prediction"].map(String::from).into_iter();
    let mut table = csv_line(heading.chain(output.images.names().iter().cloned()));
    for Prediction { index, file, label, prediction, probabilities } in rows(output, files) {
        let first = file.cloned().or(index.map(|index| index.to_string())).unwrap_or_default();
        let cells = [first, label.clone(), prediction.clone()].into_iter();
        table += &csv_line(cells.chain(probabilities.0.iter().map(f64::to_string)));
    }
    table
}

/// A NumPy array of records: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>. Classes are numbers.
fn npy(output: &EvaluationOutput) -> Vec<u8> {
    const START: &[u8] = b"\x93NUMPY\x01\x00";
    let (classes, rows) = (output.images.classes(), output.predictions.len());
    let mut header = format!(
        "{{'descr': [('index', '<i8'), ('label', '<i8'), ('prediction', '<i8'), ('probabilities', '<f8', ({classes},))], \
         'fortran_order': False, 'shape': ({rows},), }}"
    );
    // The records start at a multiple of 64 bytes.
    let length = (START.len() + 2 + header.len() + 1).next_multiple_of(64) - START.len() - 2;
    header = format!("{header:<width$}\n", width = length - 1);
    let mut bytes = [START, &(length as u16).to_le_bytes(), header.as_bytes()].concat();
    for (index, probabilities) in output.predictions.iter().enumerate() {
        let numbers = [index, usize::from(output.images.labels()[index]), probabilities.best()];
        bytes.extend(numbers.iter().flat_map(|&number| (number as u64).to_le_bytes()));
        bytes.extend(probabilities.0.iter().flat_map(|number| number.to_le_bytes()));
    }
    bytes
}
