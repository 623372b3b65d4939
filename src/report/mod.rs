//! The HTML report of a run: one file that needs no network, for light and dark screens of any size.
//!
//! `page` makes the page of one run, [`comparison()`] that of several, and each file here a part of them. All labels and
//! the geometry of the drawings are in `templates/`, which escape all values.

mod calibration;
mod curves;
mod efficiency;
mod membership;
mod mistakes;
pub(crate) mod pictures;

use askama::Template;

use crate::config::{Difference, Experiment, differences, plain};
use crate::evaluation::{Attack, Evaluation, EvaluationOutput};
use crate::run::{Epoch, Record, RunError, RunFolder, Summary};
use crate::{data::Images, text::local_time};

use calibration::{BINS, Bin};
use curves::{Chart, ERROR, LOSS, Metric, Series};
use mistakes::{Ensemble, Mistake, UNFOLDED};
use {efficiency::Efficiency, membership::Membership, pictures::FirstLayer};

/// Marks the pages of this program: it is near the beginning of each, and in no other page.
pub(crate) const MARK: &str = "<meta name=\"generator\" content=\"mnist-burn ";

#[derive(Template)]
#[template(path = "run.html")]
struct Page<'a> {
    folder: String,
    experiment: Experiment,
    record: Record,
    summary: Summary,
    evaluation: &'a Evaluation,
    images: &'a Images,
    charts: Vec<Chart>,
    is_validated: bool,
    bins: Vec<Bin>,
    mistakes: Vec<Mistake<'a>>,
    layer: FirstLayer,
    membership: Option<Membership<'a>>,
    ensemble: Option<Ensemble<'a>>,
}

#[derive(Template)]
#[template(path = "runs.html")]
struct Comparison<'a> {
    names: &'a [String],
    summaries: &'a [Summary],
    efficiency: Option<Efficiency<'a>>,
    charts: Vec<Chart>,
    /// The validation errors over the values of each key that differs.
    keys: Vec<Chart>,
    differences: Vec<Difference>,
}

#[derive(Template)]
#[template(path = "range-test.html")]
struct RangeTest<'a> {
    name: &'a str,
    chart: Option<Chart>,
}

/// The page of a run, from its files and the evaluation of its best model. `weights`, `[units, pixels]`, are its first layer's.
pub(crate) fn page(
    run: &RunFolder,
    weights: &[f32],
    evaluated: &EvaluationOutput,
    attack: Option<&Attack>,
) -> Result<String, RunError> {
    let (experiment, record, epochs, summary) = (run.experiment()?, run.record()?, run.metrics()?, Summary::read(run)?);
    let EvaluationOutput { evaluation, images, predictions, .. } = evaluated;
    let is_validated = epochs.iter().any(|epoch| epoch.validation_loss.is_some());
    let confidences = predictions.iter().zip(images.labels()).map(|(probabilities, &label)| {
        let best = probabilities.best();
        (probabilities.0[best], best == usize::from(label))
    });
    let page = Page {
        folder: run.path().display().to_string(),
        experiment,
        // Without validation, the last epoch counts as the best and is not marked.
        charts: charts(&epochs, summary.best_epoch.filter(|_| is_validated)),
        summary,
        evaluation,
        images,
        is_validated,
        bins: calibration::bins(confidences),
        mistakes: mistakes::shown(evaluated),
        layer: FirstLayer::new(weights, images.size()),
        membership: attack.map(|attack| Membership { attack, privacy: record.privacy }),
        ensemble: Ensemble::new(&record.members, evaluated),
        record,
    };
    Ok(page.render().expect("writing to a string does not fail"))
}

/// The charts of one run. A style below 8 is a colour; adding 8 or 16 gives dashes in that colour.
fn charts(epochs: &[Epoch], best: Option<usize>) -> Vec<Chart> {
    let curves = [("training", 9), ("validation", 0), ("validation, weights not averaged", 18)];
    let chart = |title, metric: Metric| {
        let series = |(value, (label, style))| Series::new(label, style, epochs, metric, value);
        let series = curves.into_iter().enumerate().map(series).filter(|series| !series.values.is_empty());
        Chart::new(title, series.collect(), best, metric.text)
    };
    [chart("Error, %", ERROR), chart("Loss, nats", LOSS)].into_iter().flatten().collect()
}

/// The page that compares several runs, made only from their files. Refused if one of them can't be read.
pub fn comparison(runs: &[RunFolder]) -> Result<String, RunError> {
    let differences = differences(&runs.iter().map(RunFolder::experiment).collect::<Result<Vec<_>, _>>()?);
    let epochs = runs.iter().map(RunFolder::metrics).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = runs.iter().map(|run| run.path().display().to_string()).collect();
    let summaries = runs.iter().map(Summary::read).collect::<Result<Vec<_>, _>>()?;
    let page = Comparison {
        charts: compared(&names, &epochs),
        keys: charts_of_keys(&differences, &summaries),
        efficiency: Efficiency::new(&names, &summaries),
        names: &names,
        summaries: &summaries,
        differences,
    };
    Ok(page.render().expect("writing to a string does not fail"))
}

/// The page of a learning-rate range test: the smoothed loss of each update, over its rate.
pub fn range_test(name: &str, rates: &[f64], losses: &[f64]) -> String {
    let values = (1..).zip(losses.iter().copied()).collect();
    let series = Series { label: "smoothed loss".into(), style: 9, values };
    let chart = Chart::new("Training loss, nats", vec![series], None, LOSS.text);
    let labels = rates.iter().map(|rate| format!("{rate:.1e}")).collect();
    let page = RangeTest { name, chart: chart.map(|chart| chart.over("learning rate", labels)) };
    page.render().expect("writing to a string does not fail")
}

/// A chart per metric, with a line per run. There is no chart of validation if no run is validated.
fn compared(names: &[String], runs: &[Vec<Epoch>]) -> Vec<Chart> {
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

/// A chart for each key that differs: the validation errors over its values, as the mean of the runs that have one, and the best.
fn charts_of_keys(differences: &[Difference], summaries: &[Summary]) -> Vec<Chart> {
    // The values of these are only names.
    let keys = differences.iter().filter(|it| !["name", "seed", "data.dir"].contains(&&*it.key));
    keys.filter_map(|Difference { key, values }| {
        // Each value, as a number if it is one, and as a text, with the errors of the runs that have it, in percent.
        let mut groups: Vec<(f64, String, Vec<f64>)> = vec![];
        for (value, summary) in values.iter().zip(summaries) {
            let Some(error) = summary.validation_error.map(|error| 100.0 * error) else { continue };
            let text = value.as_ref().map_or_else(|| "–".into(), plain);
            match groups.iter_mut().find(|(_, known, _)| *known == text) {
                Some((.., errors)) => errors.push(error),
                None => groups.push((text.parse().unwrap_or(f64::INFINITY), text, vec![error])),
            }
        }
        groups.sort_by(|one, other| one.0.total_cmp(&other.0).then_with(|| one.1.cmp(&other.1)));
        let series = |label: &str, style, of: fn(&[f64]) -> f64| {
            let values = (1..).zip(&groups).map(|(at, (.., errors))| (at, of(errors))).collect();
            Series { label: label.into(), style, values }
        };
        let mean = series("mean of the runs", 0, |all| all.iter().sum::<f64>() / all.len() as f64);
        let best = series("best run", 9, |all| all.iter().copied().fold(f64::INFINITY, f64::min));
        let chart = Chart::new(&format!("Validation error, %, over {key}"), vec![mean, best], None, ERROR.text)?;
        (groups.len() > 1).then(|| chart.over(key, groups.iter().map(|(_, text, _)| text.clone()).collect()))
    })
    .collect()
}

/// The opacity, in [0, 1], of a count in the matrix: relative to the class, or for wrong ones to the commonest confusion.
fn strength(evaluation: &Evaluation, truth: usize, prediction: usize) -> f64 {
    let whole = if truth == prediction { evaluation.classes[truth].images } else { evaluation.most_confused() };
    0.1 + 0.5 * evaluation.confusion[truth][prediction] as f64 / whole.max(1) as f64
}

fn time(unix: f64) -> String {
    local_time(unix, "%Y-%m-%d %H:%M %:z").unwrap_or_else(|| "–".into())
}

#[cfg(test)]
mod tests;
