//! Several runs in one page: their results, their curves in common charts, and the differences between their configs.

use askama::Template;

use super::curves::{Chart, ERROR, LOSS, Metric, Series};
use crate::config::{Difference, differences};
use crate::run::{Epoch, RunError, RunFolder, Summary};

#[derive(Template)]
#[template(path = "runs.html")]
struct Page {
    names: Vec<String>,
    summaries: Vec<Summary>,
    charts: Vec<Chart>,
    differences: Vec<Difference>,
}

/// The page that compares several runs, made only from their files. Refused if one of them can't be read.
pub fn comparison(runs: &[RunFolder]) -> Result<String, RunError> {
    let experiments = runs.iter().map(RunFolder::experiment).collect::<Result<Vec<_>, _>>()?;
    let epochs = runs.iter().map(RunFolder::metrics).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = runs.iter().map(|run| run.path().display().to_string()).collect();
    let page = Page {
        charts: charts(&names, &epochs),
        names,
        summaries: runs.iter().map(Summary::read).collect::<Result<_, _>>()?,
        differences: differences(&experiments),
    };
    Ok(page.render().expect("writing to a string does not fail"))
}

/// A chart per metric, with a line per run. There is no chart of validation if no run is validated.
fn charts(names: &[String], runs: &[Vec<Epoch>]) -> Vec<Chart> {
    let chart = |title, metric: Metric, value: usize| {
        let runs = names.iter().zip(runs).enumerate();
        let series = runs.map(|(style, (name, epochs))| Series::new(name, style, epochs, metric, value));
        Chart::new(title, series.collect(), None, metric.text)
    };
    let charts = [
        chart("Validation error, %", ERROR, 1),
        chart("Validation loss, nats", LOSS, 1),
        chart("Training error, %", ERROR, 0),
        chart("Training loss, nats", LOSS, 0),
    ];
    charts.into_iter().flatten().collect()
}
