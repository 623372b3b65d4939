//! Several runs in one page: their results, their curves in common charts, and the differences between their configs.

use askama::Template;
use toml::Value;

use super::curves::{Chart, Series, error, loss, percents};
use crate::config::{Difference, differences};
use crate::run::{Epoch, RunError, RunFolder, Summary};
use crate::text::{nats, percent, seconds};

#[derive(Template)]
#[template(path = "runs.html")]
struct Page {
    version: &'static str,
    runs: Vec<Row>,
    charts: Vec<Chart>,
    differences: Vec<Row>,
}

struct Row {
    name: String,
    cells: Vec<String>,
}

/// The page that compares several runs, made only from their files.
///
/// # Errors
/// If a file of a run can't be read.
pub fn comparison(runs: &[RunFolder]) -> Result<String, RunError> {
    let experiments = runs.iter().map(RunFolder::experiment).collect::<Result<Vec<_>, _>>()?;
    let epochs = runs.iter().map(RunFolder::metrics).collect::<Result<Vec<_>, _>>()?;
    let name = |run: &RunFolder| run.path().display().to_string();
    let row = |run: &RunFolder| Ok(Row { name: name(run), cells: cells(&Summary::read(run)?) });
    let difference = |Difference { key, values }: Difference| {
        let cell = |value: &Option<Value>| value.as_ref().map_or_else(|| "–".into(), Value::to_string);
        Row { name: key, cells: values.iter().map(cell).collect() }
    };
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        charts: charts(&runs.iter().map(name).collect::<Vec<_>>(), &epochs),
        runs: runs.iter().map(row).collect::<Result<_, RunError>>()?,
        differences: differences(&experiments).into_iter().map(difference).collect(),
    };
    Ok(page.render().expect("writing to a string does not fail"))
}

fn cells(summary: &Summary) -> Vec<String> {
    vec![
        percent(summary.test_error),
        percent(summary.validation_error),
        nats(summary.validation_loss),
        summary.best_epoch.map_or_else(|| "–".into(), |epoch| epoch.to_string()),
        format!("{}/{}", summary.epochs, summary.planned_epochs),
        seconds(summary.seconds),
        summary.status.to_string(),
    ]
}

/// A chart per metric, with a line per run. There is no chart of validation if no run is validated.
fn charts(names: &[String], runs: &[Vec<Epoch>]) -> Vec<Chart> {
    let chart = |title, metric: &dyn Fn(&Epoch) -> Option<f64>, text| {
        let series =
            |(style, (name, epochs)): (usize, (&String, &Vec<Epoch>))| Series::new(name, style, epochs, metric);
        let series: Vec<Series> = names.iter().zip(runs).enumerate().map(series).collect();
        Chart::new(title, &series, None, text)
    };
    let charts = [
        chart("Validation error, %", &|epoch| epoch.validation_accuracy.map(error), percents),
        chart("Validation loss, nats", &|epoch| epoch.validation_loss, loss),
        chart("Training error, %", &|epoch| Some(error(epoch.train_accuracy)), percents),
        chart("Training loss, nats", &|epoch| Some(epoch.train_loss), loss),
    ];
    charts.into_iter().flatten().collect()
}
