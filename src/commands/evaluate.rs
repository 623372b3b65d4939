//! `mnist-burn evaluate`: evaluates trained networks on images. Stores evaluations in runs.

use std::path::PathBuf;

use serde::Serialize;

use super::evaluation::{Evaluated, check_current, evaluate_run};
use super::opening::{Chosen, choose_run, lock, open_recorded};
use super::output::{OutputKind, print, print_evaluation, print_json};
use super::predictions::contents;
use super::report::write_report;
use crate::Error;
use crate::cli::{Evaluate, Split, Table, warn};
use crate::run::{EvaluationRecord, RunFolder};
use crate::text::{chain, nats, percent};

/// The evaluation of one of several runs.
#[derive(Serialize)]
struct Row {
    run: String,
    #[serde(flatten)]
    record: EvaluationRecord,
}

/// Prints the evaluation of a run's best model, or a table of several. Stores those that a run lacks.
pub fn run(arguments: &Evaluate) -> Result<(), Error> {
    let Evaluate { evaluated: names, folder, predictions, force, .. } = arguments;
    let runs = names.iter().map(|run| choose_run(Some(run), &folder.runs)).collect::<Result<Vec<_>, _>>()?;
    let output = OutputKind::new("file of predictions", &["csv", "jsonl", "npy"], *force);
    predictions.iter().try_for_each(|path| output.check(path))?;
    if let [run] = &runs[..] {
        let evaluated = evaluate(run, arguments)?;
        if let Some(path) = predictions {
            return output.save(path, &contents(&evaluated, path)?);
        }
        let record = &evaluated.record;
        return if arguments.json { print_json(record) } else { print_evaluation(&record.evaluation, "") };
    }
    if predictions.is_some() {
        return Err(Error::SeveralPredictions);
    }
    let names = names.iter().map(|name| name.display().to_string());
    let row = |(run, name)| Ok(Row { run: name, record: evaluate(run, arguments)?.record });
    let rows = runs.iter().zip(names).map(row).collect::<Result<Vec<_>, Error>>()?;
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

/// Evaluates a run, or the model of a file, on the images that the command names. Stores the evaluation if it is of the run's
/// own test images and missing.
fn evaluate((named, unpacked): &Chosen, arguments: &Evaluate) -> Result<Evaluated, Error> {
    let Evaluate { data, split, device, .. } = arguments;
    if unpacked.is_some() && (data.is_none() || *split == Split::Validation) {
        return Err(Error::NoData { path: named.name.clone().into() });
    }
    let run = &RunFolder::at(&named.path);
    let record = run.record()?;
    let device = open_recorded(device.as_deref(), &record.device)?;
    let evaluated = evaluate_run(run, &record, &device, data.as_deref(), *split)?;
    let is_missing = !matches!(run.evaluation(&record), Ok(Some(_)));
    if is_missing
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
    let report = write_report(run, evaluated);
    run.write_evaluation(&evaluated.record)?;
    Ok(report)
}
