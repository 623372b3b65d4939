//! The HTML report of a run: one file that needs no network, for light and dark screens of any size.
//!
//! `page` makes the page of one run, [`comparison`] that of several. `curves` draws metrics over epochs,
//! `calibration` and `reliability` compare confidence with accuracy, `mistakes` lists the wrong predictions, `weights`
//! draws the weights of the first layer, `data_uri` embeds images in the page. `image_grid` makes a PNG of many
//! images. The HTML is in `templates/`, which escape all values.

mod calibration;
mod comparison;
mod curves;
mod data_uri;
pub(crate) mod image_grid;
mod mistakes;
mod reliability;
mod weights;

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use comparison::comparison;

use crate::config::Experiment;
use crate::evaluation::{ClassMetrics, Evaluation, EvaluationOutput};
use crate::run::{Epoch, Record, RunError, RunFolder, Summary};
use crate::text::{grouped, nats, percent, seconds};

use calibration::BINS;
use curves::{Chart, Series, error, loss, percents};
use mistakes::Mistake;
use reliability::Reliability;
use weights::FirstLayer;

/// Marks the pages of this program: it is near the beginning of each, and in no other page.
pub(crate) const MARK: &str = "<meta name=\"generator\" content=\"mnist-burn ";

/// The number of mistakes that are visible at first; the others are folded.
const UNFOLDED: usize = 60;

#[derive(Template)]
#[template(path = "run.html")]
struct Page {
    version: &'static str,
    name: String,
    folder: String,
    tiles: Vec<Fact>,
    charts: Vec<Chart>,
    is_validated: bool,
    has_dropout: bool,
    has_noise: bool,
    confusion: Vec<Vec<Cell>>,
    classes: Vec<ClassMetrics>,
    mistakes: Vec<Mistake>,
    wrong: usize,
    reliability: Reliability,
    layer: FirstLayer,
    hidden: Vec<usize>,
    has_black_of_zero: bool,
    image: [usize; 2],
    facts: Vec<Fact>,
    config: String,
}

/// A label and its value.
type Fact = (String, String);

/// One count of the confusion matrix.
#[derive(Debug, Clone)]
struct Cell {
    count: usize,
    is_right: bool,
    /// The count in words.
    words: String,
    /// The opacity of its colour, in [0, 1].
    strength: String,
}

/// The page of a run, made from its files and from the evaluation of its best model on the test images. `weights`,
/// `[units, pixels]`, are those of the model's first layer.
pub(crate) fn page(run: &RunFolder, weights: &[f32], evaluated: &EvaluationOutput) -> Result<String, RunError> {
    let (experiment, record, epochs, summary) = (run.experiment()?, run.record()?, run.metrics()?, Summary::read(run)?);
    let EvaluationOutput { evaluation, images, predictions } = evaluated;
    let is_validated = epochs.iter().any(|epoch| epoch.validation_loss.is_some());
    let confidences = predictions.iter().zip(images.labels()).map(|(probabilities, &label)| {
        let best = probabilities.best();
        (probabilities.0[best], best == usize::from(label))
    });
    let reliability = Reliability::new(calibration::bins(confidences));
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        name: experiment.name.clone(),
        folder: run.path().display().to_string(),
        tiles: tiles(evaluation, &summary, &reliability),
        // Without validation, the last epoch counts as the best and is not marked.
        charts: charts(&epochs, summary.best_epoch.filter(|_| is_validated)),
        is_validated,
        has_dropout: experiment.model.dropout > 0.0,
        has_noise: experiment.model.noise > 0.0,
        confusion: cells(evaluation),
        classes: evaluation.classes.clone(),
        mistakes: mistakes::shown(evaluated),
        wrong: evaluation.wrong,
        reliability,
        // Without hidden layers, the units of the first layer are the classes.
        layer: FirstLayer::new(weights, images.size(), |index| match experiment.model.hidden.is_empty() {
            true => format!("class {}", evaluation.classes[index].name),
            false => format!("unit {index}"),
        }),
        hidden: experiment.model.hidden.clone(),
        has_black_of_zero: record.data.scaling.mean == 0.0,
        image: images.size(),
        facts: facts(&experiment, &record, &summary),
        config: experiment.to_toml(),
    };
    Ok(page.render().expect("writing to a string does not fail"))
}

fn tiles(evaluation: &Evaluation, summary: &Summary, reliability: &Reliability) -> Vec<Fact> {
    let Evaluation { wrong, images, .. } = *evaluation;
    let best = summary.best_epoch.map_or_else(|| "–".into(), |best| format!("{best} of {}", summary.epochs));
    [
        ("test error", percent(Some(wrong as f64 / images.max(1) as f64))),
        (&format!("mistakes of {}", grouped(images)), grouped(wrong)),
        ("test loss", nats(Some(evaluation.loss))),
        ("calibration error", reliability.error.clone()),
        ("best epoch", best),
        ("training time", seconds(summary.seconds)),
    ]
    .map(|(label, value)| (label.into(), value))
    .into()
}

/// The charts of one run. A style below 8 is a colour; adding 8 or 16 gives dashes in that colour.
fn charts(epochs: &[Epoch], best: Option<usize>) -> Vec<Chart> {
    let series = |label: &str, style: usize, metric: &dyn Fn(&Epoch) -> Option<f64>| {
        Some(Series::new(label, style, epochs, metric)).filter(|series| !series.values.is_empty())
    };
    let errors = [
        series("training", 9, &|epoch| Some(error(epoch.train_accuracy))),
        series("validation", 0, &|epoch| epoch.validation_accuracy.map(error)),
        series("validation, weights not averaged", 18, &|epoch| epoch.raw_validation_accuracy.map(error)),
    ];
    let losses = [
        series("training", 9, &|epoch| Some(epoch.train_loss)),
        series("validation", 0, &|epoch| epoch.validation_loss),
        series("validation, weights not averaged", 18, &|epoch| epoch.raw_validation_loss),
    ];
    let chart = |title, series: [Option<Series>; 3], text| {
        Chart::new(title, &series.into_iter().flatten().collect::<Vec<_>>(), best, text)
    };
    let charts = [chart("Error, %", errors, percents), chart("Loss, nats", losses, loss)];
    charts.into_iter().flatten().collect()
}

/// The confusion matrix. The colour of correct predictions is as strong as their fraction of the class, that of wrong
/// ones as their fraction of the most frequent confusion.
fn cells(evaluation: &Evaluation) -> Vec<Vec<Cell>> {
    let most = evaluation.most_confused().max(1);
    let name = |class: usize| &evaluation.classes[class].name;
    let row = |(truth, counts): (usize, &Vec<usize>)| {
        let all = counts.iter().sum::<usize>().max(1);
        let cell = |(class, &count): (usize, &usize)| {
            let whole = if class == truth { all } else { most };
            Cell {
                count,
                is_right: class == truth,
                words: format!("{} classified as {}: {count} of {all}", name(truth), name(class)),
                strength: format!("{:.2}", 0.1 + 0.5 * count as f64 / whole as f64),
            }
        };
        counts.iter().enumerate().map(cell).collect()
    };
    evaluation.confusion.iter().enumerate().map(row).collect()
}

fn facts(experiment: &Experiment, record: &Record, summary: &Summary) -> Vec<Fact> {
    let Record { version, commit, adapter, data, training, .. } = record;
    let commit = commit.as_ref().map_or_else(String::new, |commit| format!(", commit {commit}"));
    let mut images = grouped(data.training_images);
    for (count, what) in [(data.unlabelled_images, "unlabelled"), (data.validation_images, "for validation")] {
        if count > 0 {
            images += &format!(", and {} {what}", grouped(count));
        }
    }
    let mut facts = vec![
        ("device", format!("{} ({adapter})", record.devices())),
        ("seed", record.seed.to_string()),
        ("parameters", grouped(record.parameters)),
        ("training images", images),
        ("images", format!("{} × {} pixels, {} classes", data.height, data.width, data.classes)),
        ("epochs", format!("{} of at most {}", summary.epochs, experiment.training.epochs)),
        ("started", time(record.started)),
        ("training time", seconds(summary.seconds)),
    ];
    if let Some(training) = training {
        facts.push(("CPU time", seconds(training.cpu_seconds)));
        let operations = format!("{:.3e} floating-point operations", training.floating_point_operations as f64);
        facts.push(("matrix products", operations));
        facts.extend(training.stopped.as_ref().map(|reason| ("stopped because", reason.clone())));
    }
    facts.extend(record.failure.as_ref().map(|failure| ("failed", failure.clone())));
    facts.push(("made with", format!("mnist-burn {version}{commit}")));
    facts.into_iter().map(|(label, value)| (label.into(), value)).collect()
}

/// Formats a UNIX time, in seconds, in the local time zone.
fn time(unix: f64) -> String {
    let zoned = Timestamp::from_second(unix as i64).map(|time| time.to_zoned_datetime(TimeZone::system()));
    zoned.map_or_else(|_| "–".into(), |time| time.strftime("%Y-%m-%d %H:%M %:z").to_string())
}

#[cfg(test)]
mod tests;
