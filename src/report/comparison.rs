//! Several runs in one page: their results, their curves in common charts, and the differences between their configs.

use askama::Template;

use super::curves::{Chart, Series, error, loss, percents};
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

/// The page that compares several runs, made only from their files.
///
/// # Errors
/// If a file of a run can't be read.
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
    let chart = |title, metric: &dyn Fn(&Epoch) -> Option<f64>, text| {
        let series =
            |(style, (name, epochs)): (usize, (&String, &Vec<Epoch>))| Series::new(name, style, epochs, metric);
        let series = names.iter().zip(runs).enumerate().map(series);
        Chart::new(title, series.collect(), None, text)
    };
    let charts = [
        chart("Validation error, %", &|epoch| epoch.validation_accuracy.map(error), percents),
        chart("Validation loss, nats", &|epoch| epoch.validation_loss, loss),
        chart("Training error, %", &|epoch| Some(error(epoch.train_accuracy)), percents),
        chart("Training loss, nats", &|epoch| Some(epoch.train_loss), loss),
    ];
    charts.into_iter().flatten().collect()
}
