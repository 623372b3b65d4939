//! Line charts of metrics over epochs: the coordinates, which the templates turn into SVG.

use askama::Template;

use crate::run::Epoch;
use crate::text::{nats, percent};

/// The size of the drawing, in its own units.
pub const WIDTH: f64 = 460.0;
pub const HEIGHT: f64 = 280.0;
/// The ends of the lines. The labels of the values are left of them, those of the epochs below.
pub const LEFT: f64 = 52.0;
pub const RIGHT: f64 = WIDTH - 14.0;
pub const TOP: f64 = 16.0;
pub const BOTTOM: f64 = HEIGHT - 40.0;
/// The most labels on the epoch axis.
const MOST_EPOCHS: usize = 8;
/// The approximate number of labels on the value axis.
const VALUES: f64 = 5.0;

/// The values of a curve.
#[derive(Debug, Clone)]
pub struct Series {
    pub label: String,
    /// The number of its colour and dashes.
    pub style: usize,
    /// Pairs of an epoch, from 1, and a value. A value that is not finite leaves a gap.
    pub values: Vec<(usize, f64)>,
}

/// A chart's lines and labels, in the units of the drawing.
#[derive(Debug, Clone, Template)]
#[template(path = "chart.html")]
pub struct Chart {
    pub title: String,
    /// The labels of the epoch axis.
    pub epochs: Vec<Tick>,
    /// The labels of the value axis.
    pub values: Vec<Tick>,
    pub lines: Vec<Line>,
    /// The mark of the best epoch, if there is one.
    pub best: Option<Tick>,
    /// The table of the values: a row per epoch, a column per curve.
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// The position along the axis.
    pub at: f64,
    pub label: String,
}

#[derive(Debug, Clone)]
pub struct Line {
    pub label: String,
    /// The number of its colour and dashes.
    pub style: usize,
    /// The parts between gaps, as points of an SVG polyline: `x,y x,y`.
    pub parts: Vec<String>,
    pub points: Vec<Point>,
}

/// One value of a curve.
#[derive(Debug, Clone)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    pub label: String,
}

/// An epoch's values, as text.
#[derive(Debug, Clone)]
pub struct Row {
    pub epoch: usize,
    /// A value per curve; a dash where one is missing.
    pub cells: Vec<String>,
}

impl Series {
    /// The curve of a metric, where it was measured.
    pub fn new(label: &str, style: usize, epochs: &[Epoch], metric: impl Fn(&Epoch) -> Option<f64>) -> Self {
        let values = epochs.iter().filter_map(|epoch| Some((epoch.epoch, metric(epoch)?))).collect();
        Self { label: label.into(), style, values }
    }
}

impl Chart {
    /// A chart of `series`, with its values formatted by `text` and a mark at epoch `best`; `None` if there is nothing
    /// to draw. The value axis starts at 0.
    pub fn new(title: &str, series: &[Series], best: Option<usize>, text: fn(f64) -> String) -> Option<Self> {
        let finite = || series.iter().flat_map(|series| &series.values).filter(|(_, value)| value.is_finite());
        let last = finite().map(|&(epoch, _)| epoch).max()?;
        let largest = finite().map(|&(_, value)| value).fold(0.0, f64::max);
        let step = nice(largest / VALUES);
        let steps = (largest / step - 1e-9).ceil().max(1.0);
        // A single epoch is in the middle.
        let x = |epoch: usize| match last {
            1 => tenth((LEFT + RIGHT) / 2.0),
            _ => tenth(LEFT + (RIGHT - LEFT) * (epoch as f64 - 1.0) / (last as f64 - 1.0)),
        };
        let y = |value: f64| tenth(BOTTOM - (BOTTOM - TOP) * value / (steps * step));
        let label = |value: f64| if value == 0.0 { "0".into() } else { short(value, step) };

        let every = nice(last as f64 / MOST_EPOCHS as f64).ceil().max(1.0) as usize;
        let epochs = (1..=last).filter(|epoch| epoch % every == 0);
        let lines = series.iter().map(|series| {
            let point = |&(epoch, value): &(usize, f64)| {
                let label = format!("{}, epoch {epoch}: {}", series.label, text(value));
                Point { x: x(epoch), y: y(value), label }
            };
            let gapless = series.values.split(|(_, value)| !value.is_finite()).filter(|part| !part.is_empty());
            let parts = gapless.clone().map(|part| {
                let at = |&(epoch, value): &(usize, f64)| format!("{},{}", x(epoch), y(value));
                part.iter().map(at).collect::<Vec<_>>().join(" ")
            });
            let points = gapless.flatten().map(point).collect();
            Line { label: series.label.clone(), style: series.style, parts: parts.collect(), points }
        });
        let row = |epoch: usize| {
            let cell = |series: &Series| series.values.iter().find(|value| value.0 == epoch).map(|value| text(value.1));
            let cells = series.iter().map(|series| cell(series).unwrap_or_else(|| "–".into())).collect();
            Row { epoch, cells }
        };
        Some(Self {
            title: title.into(),
            epochs: epochs.map(|epoch| Tick { at: x(epoch), label: epoch.to_string() }).collect(),
            values: (0..=steps as usize)
                .map(|number| number as f64 * step)
                .map(|value| Tick { at: y(value), label: label(value) })
                .collect(),
            lines: lines.collect(),
            best: best.filter(|&epoch| epoch <= last).map(|epoch| Tick { at: x(epoch), label: epoch.to_string() }),
            rows: (1..=last).map(row).collect(),
        })
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `step`; 1 if `step` is not positive and finite.
fn nice(step: f64) -> f64 {
    if step <= 0.0 || !step.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(step.log10().floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * power >= step * (1.0 - 1e-9));
    times.unwrap_or(10.0) * power
}

/// Formats a multiple of `step` with as many decimals as the step has.
fn short(value: f64, step: f64) -> String {
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    format!("{value:.decimals$}")
}

/// The error that belongs to an accuracy, in percent.
pub fn error(accuracy: f64) -> f64 {
    100.0 * (1.0 - accuracy)
}

/// Formats an error that is in percent.
pub fn percents(error: f64) -> String {
    percent(Some(error / 100.0))
}

pub fn loss(loss: f64) -> String {
    nats(Some(loss))
}

/// Rounds a coordinate to a tenth: more digits are not visible.
pub fn tenth(coordinate: f64) -> f64 {
    (10.0 * coordinate).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[(usize, f64)], best: Option<usize>) -> Option<Chart> {
        let series = Series { label: "validation".into(), style: 1, values: values.to_vec() };
        Chart::new("loss", &[series], best, |value| format!("{value:.1}"))
    }

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn curve_goes_from_left_to_right_with_zero_at_the_bottom() {
        let chart = chart(&[(1, 1.0), (2, 0.5), (3, 0.0)], Some(3)).unwrap();
        let middle = ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0);
        assert_eq!(chart.lines[0].parts, [format!("{LEFT},{TOP} {},{} {RIGHT},{BOTTOM}", middle.0, middle.1)]);
        assert_eq!(chart.lines[0].points[1].label, "validation, epoch 2: 0.5");
        assert_eq!(chart.best, Some(Tick { at: RIGHT, label: "3".into() }));
        assert_eq!(labels(&chart.values), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!((chart.values[0].at, chart.values[5].at), (BOTTOM, TOP));
        assert_eq!(labels(&chart.epochs), ["1", "2", "3"]);
    }

    #[test]
    fn single_epoch_is_in_the_middle() {
        let chart = chart(&[(1, 0.3)], None).unwrap();
        assert_eq!((chart.lines[0].points.len(), chart.lines[0].points[0].x), (1, (LEFT + RIGHT) / 2.0));
    }

    #[test]
    fn value_that_is_not_finite_leaves_a_gap() {
        let chart = chart(&[(1, 1.0), (2, f64::NAN), (3, 1.0), (4, f64::INFINITY)], None).unwrap();
        assert_eq!((chart.lines[0].parts.len(), chart.lines[0].points.len()), (2, 2));
        assert!(super::tests::chart(&[(1, f64::NAN)], None).is_none() && super::tests::chart(&[], None).is_none());
    }

    #[test]
    fn zeros_alone_are_drawn() {
        let chart = chart(&[(1, 0.0), (2, 0.0)], None).unwrap();
        assert_eq!((chart.lines[0].points[0].y, labels(&chart.values)), (BOTTOM, vec!["0", "1"]));
    }

    #[test]
    fn many_epochs_have_few_labels() {
        let values: Vec<(usize, f64)> = (1..=90).map(|epoch| (epoch, 1.0)).collect();
        assert_eq!(labels(&chart(&values, None).unwrap().epochs), ["20", "40", "60", "80"]);
    }

    #[test]
    fn axis_steps_are_round() {
        let all = [0.011, 0.02, 0.3, 1.0, 7.0, 11.0];
        for (step, expected) in all.into_iter().zip([0.02, 0.02, 0.5, 1.0, 10.0, 20.0]) {
            assert!((nice(step) / expected - 1.0).abs() < 1e-9, "{step}: {}", nice(step));
        }
    }
}
