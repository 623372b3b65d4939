//! `mnist-burn runs export`: a row for each epoch of some runs, with the keys of their configs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use toml::Value;

use super::opening::find_run;
use super::output::{OutputKind, Replaces};
use crate::Error;
use crate::cli::{RunsExport, warn};
use crate::config::{plain, values_by_key};
use crate::run::{Epoch, RunFolder, list, to_csv};
use crate::text::chain;

/// A line of JSON Lines.
#[derive(Serialize)]
struct Row<'a> {
    run: &'a str,
    #[serde(flatten)]
    epoch: &'a Epoch,
    #[serde(flatten)]
    config: &'a BTreeMap<String, Value>,
}

/// A run's name, the keys of its config, and its epochs.
type Named = (String, BTreeMap<String, Value>, Vec<Epoch>);

/// Writes the file and prints its path.
pub fn run(RunsExport { file, exported, folder, force }: &RunsExport) -> Result<(), Error> {
    let replaces = if *force { Replaces::Anything } else { Replaces::Nothing };
    let output = OutputKind { name: "table of epochs", endings: &["csv", "jsonl"], replaces };
    output.check(file)?;
    let mut runs: Vec<Named> = vec![];
    if exported.is_empty() {
        let listing = list(&folder.runs)?;
        listing.warnings.iter().for_each(warn);
        for listed in listing.runs {
            match read(&RunFolder::at(&listed.path), listed.name.clone()) {
                Ok(run) => runs.push(run),
                Err(error) => warn(format!("{} is skipped: {}", listed.name, chain(&error))),
            }
        }
    }
    for name in exported {
        let run = find_run(name, &folder.runs)?;
        runs.push(read(&run, run.path().display().to_string())?);
    }
    let is_csv = !file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("jsonl"));
    let table = if is_csv { table(&runs).map_err(Into::into) } else { lines(&runs).map_err(Into::into) };
    output.save(file, &table.map_err(Error::Output)?)
}

fn read(run: &RunFolder, name: String) -> Result<Named, Error> {
    Ok((name, values_by_key(&run.experiment()?), run.metrics()?))
}

fn lines(runs: &[Named]) -> serde_json::Result<Vec<u8>> {
    let mut lines = vec![];
    for (run, config, epochs) in runs {
        for epoch in epochs {
            serde_json::to_writer(&mut lines, &Row { run, epoch, config })?;
            lines.push(b'\n');
        }
    }
    Ok(lines)
}

/// The columns are the run, those of `metrics.csv`, and a key each, which is empty for runs that do not use it.
fn table(runs: &[Named]) -> csv::Result<Vec<u8>> {
    let keys: BTreeSet<&String> = runs.iter().flat_map(|(_, config, _)| config.keys()).collect();
    let mut table = csv::Writer::from_writer(vec![]);
    let metrics = to_csv(&[Epoch::default()])?;
    let heading = csv::Reader::from_reader(&metrics[..]).headers()?.clone();
    table.write_record(["run"].into_iter().chain(&heading).chain(keys.iter().map(|key| key.as_str())))?;
    for (run, config, epochs) in runs {
        let values: Vec<String> = keys.iter().map(|&key| config.get(key).map(plain).unwrap_or_default()).collect();
        for row in csv::Reader::from_reader(&to_csv(epochs)?[..]).records() {
            table.write_record([run.as_str()].into_iter().chain(&row?).chain(values.iter().map(String::as_str)))?;
        }
    }
    table.into_inner().map_err(|error| error.into_error().into())
}
