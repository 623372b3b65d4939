//! `mnist-burn runs export`: a row for each epoch of some runs, with the keys of their configs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use toml::Value;

use super::opening::{find_run, list_runs};
use super::output::{OutputKind, json_lines};
use crate::Error;
use crate::cli::{RunsExport, warn};
use crate::config::{plain, values_by_key};
use crate::run::{Epoch, RunFolder, to_csv};
use crate::text::chain;

#[derive(Serialize)]
struct Row<'a> {
    run: &'a str,
    #[serde(flatten)]
    epoch: &'a Epoch,
    #[serde(flatten)]
    config: &'a BTreeMap<String, Value>,
}

type Named = (String, BTreeMap<String, Value>, Vec<Epoch>);

pub fn run(RunsExport { file, exported, force }: &RunsExport, folder: &Path) -> Result<(), Error> {
    let output = OutputKind::new("table of epochs", &["csv", "jsonl"], *force);
    output.check(file)?;
    let mut runs: Vec<Named> = vec![];
    if exported.is_empty() {
        for listed in list_runs(folder)? {
            match read(&RunFolder::at(&listed.path), listed.name.clone()) {
                Ok(run) => runs.push(run),
                Err(error) => warn(format!("{} is skipped: {}", listed.name, chain(&error))),
            }
        }
    }
    for name in exported {
        let run = find_run(name, folder)?;
        runs.push(read(&run, run.path().display().to_string())?);
    }
    let is_json = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("jsonl"));
    let rows = runs.iter().flat_map(|(run, config, epochs)| epochs.iter().map(move |epoch| Row { run, epoch, config }));
    let contents =
        if is_json { json_lines(rows)?.into() } else { table(&runs).map_err(|it| Error::Output(it.into()))? };
    output.save(file, &contents)
}

fn read(run: &RunFolder, name: String) -> Result<Named, Error> {
    Ok((name, values_by_key(&run.experiment()?), run.metrics()?))
}

/// The columns are the run, those of `metrics.csv`, and a key each, which is empty for runs that do not use it.
fn table(runs: &[Named]) -> csv::Result<Vec<u8>> {
    let keys: BTreeSet<&String> = runs.iter().flat_map(|(_, config, _)| config.keys()).collect();
    let mut table = csv::Writer::from_writer(vec![]);
    let metrics = to_csv(&[Epoch::default()]);
    let heading = csv::Reader::from_reader(&metrics[..]).headers()?.clone();
    table.write_record(["run"].into_iter().chain(&heading).chain(keys.iter().map(|key| key.as_str())))?;
    for (run, config, epochs) in runs {
        let values: Vec<String> = keys.iter().map(|&key| config.get(key).map(plain).unwrap_or_default()).collect();
        for row in csv::Reader::from_reader(&to_csv(epochs)[..]).records() {
            table.write_record([run.as_str()].into_iter().chain(&row?).chain(values.iter().map(String::as_str)))?;
        }
    }
    table.into_inner().map_err(|error| error.into_error().into())
}
