//! Figures over epochs, drawn as lines: the coordinates of a chart, which the templates turn into SVG.

use askama::Template;

/// The drawing's size and the space around its lines, in units of its own.
pub const WIDTH: f64 = 460.0;
/// See [`WIDTH`].
pub const HEIGHT: f64 = 280.0;
/// Left of the lines: the figures.
pub const LEFT: f64 = 52.0;
/// The right end of the lines.
pub const RIGHT: f64 = WIDTH - 14.0;
/// The upper end of the lines.
pub const TOP: f64 = 16.0;
/// The lower end of the lines; below it, the epochs.
pub const BOTTOM: f64 = HEIGHT - 40.0;
/// The most labels along the epochs.
const MOST_EPOCHS: usize = 8;
/// About so many labels along the figures.
const FIGURES: f64 = 5.0;

/// A curve's figures.
#[derive(Debug, Clone)]
pub struct Series {
    /// What they are.
    pub label: String,
    /// The number of its colour and dashes.
    pub style: usize,
    /// An epoch, from 1, and a figure each. What is no finite number is left out.
    pub values: Vec<(usize, f64)>,
}

/// A chart's lines and labels, in the units of the drawing.
#[derive(Debug, Clone, Template)]
#[template(path = "chart.html")]
pub struct Chart {
    /// What the figures are.
    pub title: String,
    /// The labels along the epochs, and where.
    pub epochs: Vec<Tick>,
    /// The labels along the figures, and where.
    pub figures: Vec<Tick>,
    /// The curves.
    pub lines: Vec<Line>,
    /// Where the best epoch is, if one is marked.
    pub best: Option<Tick>,
    /// The figures themselves, a row an epoch, a column a curve.
    pub rows: Vec<Row>,
}

/// A label on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Where, along the axis.
    pub at: f64,
    /// What it says.
    pub label: String,
}

/// One curve.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it shows.
    pub label: String,
    /// The number of its colour and dashes.
    pub style: usize,
    /// The parts of it without a gap, as an SVG polyline has them: `x,y x,y`.
    pub parts: Vec<String>,
    /// Its points.
    pub points: Vec<Point>,
}

/// One figure of a curve.
#[derive(Debug, Clone)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
    /// What it says.
    pub label: String,
}

/// An epoch's figures, as text.
#[derive(Debug, Clone)]
pub struct Row {
    /// The epoch.
    pub epoch: usize,
    /// A figure a curve; a dash where there is none.
    pub cells: Vec<String>,
}

impl Chart {
    /// A chart of `series`, its figures written by `text`, with a mark at epoch `best`; none where there is nothing to draw.
    /// The figures are from 0 upwards.
    pub fn new(title: &str, series: &[Series], best: Option<usize>, text: fn(f64) -> String) -> Option<Self> {
        let finite = || series.iter().flat_map(|series| &series.values).filter(|(_, figure)| figure.is_finite());
        let last = finite().map(|&(epoch, _)| epoch).max()?;
        let largest = finite().map(|&(_, figure)| figure).fold(0.0, f64::max);
        let step = nice(largest / FIGURES);
        let steps = (largest / step - 1e-9).ceil().max(1.0);
        // A single epoch stands in the middle.
        let x = |epoch: usize| match last {
            1 => tenth((LEFT + RIGHT) / 2.0),
            _ => tenth(LEFT + (RIGHT - LEFT) * (epoch as f64 - 1.0) / (last as f64 - 1.0)),
        };
        let y = |figure: f64| tenth(BOTTOM - (BOTTOM - TOP) * figure / (steps * step));
        let label = |figure: f64| if figure == 0.0 { "0".into() } else { short(figure, step) };

        let every = nice(last as f64 / MOST_EPOCHS as f64).ceil().max(1.0) as usize;
        let epochs = (1..=last).filter(|epoch| epoch % every == 0);
        let lines = series.iter().map(|series| {
            let point = |&(epoch, figure): &(usize, f64)| {
                let label = format!("{}, epoch {epoch}: {}", series.label, text(figure));
                Point { x: x(epoch), y: y(figure), label }
            };
            let gapless = series.values.split(|(_, figure)| !figure.is_finite()).filter(|part| !part.is_empty());
            let parts = gapless.clone().map(|part| {
                let at = |&(epoch, figure): &(usize, f64)| format!("{},{}", x(epoch), y(figure));
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
            figures: (0..=steps as usize)
                .map(|number| number as f64 * step)
                .map(|figure| Tick { at: y(figure), label: label(figure) })
                .collect(),
            lines: lines.collect(),
            best: best.filter(|&epoch| epoch <= last).map(|epoch| Tick { at: x(epoch), label: epoch.to_string() }),
            rows: (1..=last).map(row).collect(),
        })
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `step`; 1 for what is no step.
fn nice(step: f64) -> f64 {
    if step <= 0.0 || !step.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(step.log10().floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * power >= step * (1.0 - 1e-9));
    times.unwrap_or(10.0) * power
}

/// A multiple of `step` without more decimals than the step has.
fn short(figure: f64, step: f64) -> String {
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    format!("{figure:.decimals$}")
}

/// A coordinate to a tenth: more is not seen.
pub fn tenth(coordinate: f64) -> f64 {
    (10.0 * coordinate).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[(usize, f64)], best: Option<usize>) -> Option<Chart> {
        let series = Series { label: "validation".into(), style: 1, values: values.to_vec() };
        Chart::new("loss", &[series], best, |figure| format!("{figure:.1}"))
    }

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn a_curve_goes_from_the_left_to_the_right_and_has_zero_at_the_bottom() {
        let chart = chart(&[(1, 1.0), (2, 0.5), (3, 0.0)], Some(3)).unwrap();
        let middle = ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0);
        assert_eq!(chart.lines[0].parts, [format!("{LEFT},{TOP} {},{} {RIGHT},{BOTTOM}", middle.0, middle.1)]);
        assert_eq!(chart.lines[0].points[1].label, "validation, epoch 2: 0.5");
        assert_eq!(chart.best, Some(Tick { at: RIGHT, label: "3".into() }));
        assert_eq!(labels(&chart.figures), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!((chart.figures[0].at, chart.figures[5].at), (BOTTOM, TOP));
        assert_eq!(labels(&chart.epochs), ["1", "2", "3"]);
    }

    #[test]
    fn a_single_epoch_stands_in_the_middle() {
        let chart = chart(&[(1, 0.3)], None).unwrap();
        assert_eq!((chart.lines[0].points.len(), chart.lines[0].points[0].x), (1, (LEFT + RIGHT) / 2.0));
    }

    #[test]
    fn what_is_no_number_leaves_a_gap() {
        let chart = chart(&[(1, 1.0), (2, f64::NAN), (3, 1.0), (4, f64::INFINITY)], None).unwrap();
        assert_eq!((chart.lines[0].parts.len(), chart.lines[0].points.len()), (2, 2));
        assert!(super::tests::chart(&[(1, f64::NAN)], None).is_none() && super::tests::chart(&[], None).is_none());
    }

    #[test]
    fn zeros_alone_are_drawn() {
        let chart = chart(&[(1, 0.0), (2, 0.0)], None).unwrap();
        assert_eq!((chart.lines[0].points[0].y, labels(&chart.figures)), (BOTTOM, vec!["0", "1"]));
    }

    #[test]
    fn many_epochs_have_few_labels() {
        let values: Vec<(usize, f64)> = (1..=90).map(|epoch| (epoch, 1.0)).collect();
        assert_eq!(labels(&chart(&values, None).unwrap().epochs), ["20", "40", "60", "80"]);
    }

    #[test]
    fn steps_are_round() {
        let all = [0.011, 0.02, 0.3, 1.0, 7.0, 11.0];
        for (step, expected) in all.into_iter().zip([0.02, 0.02, 0.5, 1.0, 10.0, 20.0]) {
            assert!((nice(step) / expected - 1.0).abs() < 1e-9, "{step}: {}", nice(step));
        }
    }
}
