//! `mnist-burn runs`: lists runs, compares some of them, or exports the metrics of their epochs with the keys of their configs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use toml::Value;

use super::opening::{find_run, list_runs};
use super::output::{OutputKind, json_lines, print, print_json};
use super::{evaluation::warn_of_old_evaluations, removal, show};
use crate::Error;
use crate::cli::{Runs, RunsCommand, RunsExport, Show, Sort, Table, notice, say, warn};
use crate::config::{Difference, differences, key_named, plain, values_by_key};
use crate::run::{Epoch, ListedRun, RunFolder, Status, Summary, to_csv};
use crate::text::{bytes, chain, date, nats, percent, seconds};

pub fn run(arguments: &Runs, folder: &Path) -> Result<(), Error> {
    match (&arguments.command, &arguments.compare[..]) {
        (Some(RunsCommand::Export(arguments)), _) => export(arguments, folder),
        (Some(RunsCommand::Rm(arguments)), _) => removal::rm(arguments, folder),
        (Some(RunsCommand::Prune(arguments)), _) => removal::prune(arguments, folder),
        (Some(RunsCommand::List), _) | (None, []) => print_list(arguments, folder),
        (None, [run]) => show::run(&Show { run: run.clone(), json: arguments.json }, folder),
        (None, _) => compare(arguments, folder),
    }
}

type Cell = fn(&Summary) -> String;

/// The columns of the list after the run's name, as a heading and the text of a cell.
const COLUMNS: [(&str, Cell); 10] = [
    ("config", |it| it.config.clone()),
    ("started", |it| date(it.started)),
    ("seed", |it| it.seed.to_string()),
    ("device", |it| it.device.clone()),
    ("epochs", epochs_of),
    ("validation error", |it| percent(it.validation_error)),
    ("test error", |it| percent(it.test_error)),
    ("time", |it| seconds(it.seconds)),
    ("size", |it| bytes(it.bytes)),
    ("state", |it| it.status.to_string()),
];

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Row<'a> {
    Read {
        run: String,
        #[serde(flatten)]
        summary: &'a Summary,
        settings: BTreeMap<String, Value>,
    },
    /// A run that can't be read, and why.
    Damaged { run: String, status: Status, error: String },
}

fn print_list(arguments: &Runs, folder: &Path) -> Result<(), Error> {
    let mut listed = list_runs(folder)?;
    let is_unknown = |key: &&String| !listed.is_empty() && listed.iter().all(|run| cell(run, key).is_none());
    let keys = arguments.filter.iter().map(|(key, _)| key).chain(&arguments.columns);
    let all = COLUMNS.map(|(heading, _)| heading.to_string());
    keys.filter(is_unknown).for_each(|key| {
        warn(match key_named(key).filter(|known| known != key) {
            Some(known) => format!("no run has a key {key}: its whole name is {known}"),
            None => format!("no run has a key {key}, and the columns are {}", all.join(", ")),
        })
    });
    for (key, value) in &arguments.filter {
        // Of `5/20` epochs and `2.09 %`, the number is enough. Values may be written as in a config: 1e-3 is 0.001.
        let written = value.parse().map_or_else(|_| value.clone(), |value| plain(&value));
        let is_number = |cell: &str| cell.parse::<f64>().is_ok_and(|cell| value.parse() == Ok(cell));
        let is_part = |cell: &String| cell.split(['/', ' ']).next() == Some(value) || is_number(cell);
        let is_it = |cell: String| [value, &written].contains(&&cell) || is_part(&cell);
        listed.retain(|run| cell(run, key).is_some_and(is_it));
    }
    sort(&mut listed, arguments.sort);
    let most = arguments.limit.unwrap_or(listed.len());
    if arguments.sort == Sort::Time {
        listed.drain(..listed.len().saturating_sub(most));
    }
    listed.truncate(most);
    warn_of_old_evaluations(&listed.iter().map(|listed| RunFolder::at(&listed.path)).collect::<Vec<_>>());
    for ListedRun { name, summary, .. } in &listed {
        if let Err(error) = summary {
            say(format!("error: {name}: {}", chain(error)));
        }
    }
    if arguments.json || arguments.jsonl {
        let settings = |path| RunFolder::at(path).experiment().map(|it| values_by_key(&it)).unwrap_or_default();
        let rows = listed.iter().map(|it| (it.path.display().to_string(), settings(&it.path), &it.summary));
        let mut rows = rows.map(|(run, settings, summary)| match summary {
            Ok(summary) => Row::Read { run, summary, settings },
            Err(error) => Row::Damaged { run, status: Status::Damaged, error: chain(error) },
        });
        return match arguments.jsonl {
            true => rows.try_for_each(|row| print(json_lines([row])?.trim_end())),
            false => print_json(&rows.collect::<Vec<_>>()),
        };
    }
    if listed.is_empty() {
        let which = if arguments.filter.is_empty() { "" } else { " with these values" };
        notice(format!("no runs{which} in {}", folder.display()));
        return Ok(());
    }
    let columns = if arguments.columns.is_empty() { &all[..] } else { &arguments.columns };
    let others = columns.iter().filter(|heading| *heading != "run").cloned();
    let columns: Vec<String> = ["run".into()].into_iter().chain(others).collect();
    let mut table = Table::new(&columns);
    for run in &listed {
        table.push(columns.iter().map(|heading| cell(run, heading).unwrap_or_else(|| "-".into())));
    }
    print(&table.to_string())
}

/// The text in the column `key` of a run, `run` for its name, where blanks may be dashes, or the value of this key of its config.
fn cell(run: &ListedRun, key: &str) -> Option<String> {
    if key == "run" {
        return Some(run.name.clone());
    }
    let column = COLUMNS.iter().find(|(heading, _)| {
        let alike = |text: &str| text.replace([' ', '_'], "-");
        [*heading, heading.trim_end_matches(" error")].map(alike).contains(&alike(key))
    });
    match (&run.summary, column) {
        (Ok(summary), Some((_, text))) => Some(text(summary)),
        (Ok(_), None) => values_by_key(&RunFolder::at(&run.path).experiment().ok()?).get(key).map(plain),
        (Err(_), _) => (key == "state").then(|| Status::Damaged.to_string()),
    }
}

/// Sorts runs that are in the order of their start. Runs without the value come last.
fn sort(runs: &mut [ListedRun], sort: Sort) {
    let metric: fn(&Summary) -> Option<f64> = match sort {
        Sort::Time => return,
        Sort::Name => |_| None,
        Sort::Validation => |it| it.validation_error,
        Sort::Test => |it| it.test_error,
        Sort::Epochs => |it| Some(it.epochs as f64),
        Sort::Duration => |it| Some(it.seconds),
    };
    let value = |run: &ListedRun| run.summary.as_ref().ok().and_then(metric).unwrap_or(f64::INFINITY);
    runs.sort_by(|one, other| value(one).total_cmp(&value(other)).then_with(|| one.name.cmp(&other.name)));
}

#[derive(Debug, Serialize)]
struct Comparison {
    runs: Vec<String>,
    config: Vec<Difference>,
    results: Vec<Summary>,
}

fn compare(Runs { compare, json, .. }: &Runs, folder: &Path) -> Result<(), Error> {
    let runs = compare.iter().map(|run| find_run(run, folder)).collect::<Result<Vec<_>, _>>()?;
    warn_of_old_evaluations(&runs);
    let experiments = runs.iter().map(RunFolder::experiment).collect::<Result<Vec<_>, _>>()?;
    let (config, results) = (differences(&experiments), runs.iter().map(Summary::read).collect::<Result<_, _>>()?);
    let comparison =
        Comparison { runs: runs.iter().map(|run| run.path().display().to_string()).collect(), config, results };
    if *json {
        return print_json(&comparison);
    }
    // A column per run: first the differences of the configs, then the results.
    let mut table = Table::new([&String::new()].into_iter().chain(&comparison.runs));
    for Difference { key, values } in &comparison.config {
        let values = values.iter().map(|value| value.as_ref().map_or_else(|| "-".into(), Value::to_string));
        table.push([key.clone()].into_iter().chain(values));
    }
    let mut row = |heading: &str, cell: Cell| {
        table.push([heading.to_string()].into_iter().chain(comparison.results.iter().map(cell)));
    };
    row("epochs", epochs_of);
    row("best epoch", |it| it.best_epoch.map_or_else(|| "-".into(), |epoch| epoch.to_string()));
    row("validation error", |it| percent(it.validation_error));
    row("validation loss", |it| nats(it.validation_loss));
    row("test error", |it| percent(it.test_error));
    row("time", |it| seconds(it.seconds));
    row("state", |it| it.status.to_string());
    print(&table.to_string())
}

/// `2/5`: the epochs so far, of the maximum; none for an ensemble.
fn epochs_of(summary: &Summary) -> String {
    let Summary { epochs, planned_epochs, .. } = summary;
    if *planned_epochs > 0 { format!("{epochs}/{planned_epochs}") } else { "-".into() }
}

#[derive(Serialize)]
struct EpochRow<'a> {
    run: &'a str,
    #[serde(flatten)]
    epoch: &'a Epoch,
    #[serde(flatten)]
    config: &'a BTreeMap<String, Value>,
}

type Named = (String, BTreeMap<String, Value>, Vec<Epoch>);

fn export(RunsExport { file, exported, force }: &RunsExport, folder: &Path) -> Result<(), Error> {
    let output = OutputKind::new("table of epochs", &["csv", "jsonl"], *force);
    output.check(file)?;
    // The name of a run may stand where that of the file should.
    if file.extension().is_none() && file.as_os_str() != "-" {
        return Err(output.wrong_ending(file));
    }
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
    let rows =
        runs.iter().flat_map(|(run, config, epochs)| epochs.iter().map(move |epoch| EpochRow { run, epoch, config }));
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
    let mut table = csv::WriterBuilder::new().has_headers(false).from_writer(vec![]);
    let metrics = to_csv(&[Epoch::default()]);
    let heading = csv::Reader::from_reader(&metrics[..]).headers()?.clone();
    table.write_record(["run"].into_iter().chain(&heading).chain(keys.iter().map(|key| key.as_str())))?;
    for (run, config, epochs) in runs {
        let values: Vec<String> = keys.iter().map(|&key| config.get(key).map(plain).unwrap_or_default()).collect();
        epochs.iter().try_for_each(|epoch| table.serialize((run, epoch, &values)))?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}
