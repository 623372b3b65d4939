//! Line charts of metrics over epochs, or over the values of a key: the scales, with which the template draws SVG.

use askama::Template;

use crate::run::Epoch;
use crate::text::{nats, percent};

pub const WIDTH: f64 = 460.0;
pub const HEIGHT: f64 = 280.0;
/// The ends of the lines. The labels of the values are left of them, those of the epochs below.
pub const LEFT: f64 = 52.0;
pub const RIGHT: f64 = WIDTH - 14.0;
pub const TOP: f64 = 16.0;
pub const BOTTOM: f64 = HEIGHT - 40.0;
const MOST_EPOCHS: usize = 8;
const VALUES: f64 = 5.0;

#[derive(Clone, Copy)]
pub struct Metric {
    /// Its values: in training, in validation, and in validation of the weights that are not averaged.
    pub of: fn(&Epoch) -> [Option<f64>; 3],
    pub text: fn(f64) -> String,
}

pub const ERROR: Metric = Metric {
    of: |epoch| {
        let accuracies = [Some(epoch.train_accuracy), epoch.validation_accuracy, epoch.raw_validation_accuracy];
        accuracies.map(|accuracy| Some(100.0 * (1.0 - accuracy?)))
    },
    text: |error| percent(Some(error / 100.0)),
};
pub const LOSS: Metric = Metric {
    of: |epoch| [Some(epoch.train_loss), epoch.validation_loss, epoch.raw_validation_loss],
    text: |loss| nats(Some(loss)),
};

#[derive(Debug, Clone)]
pub struct Series {
    pub label: String,
    /// The number of its colour and dashes.
    pub style: usize,
    /// Pairs of an epoch, or the number of a label, from 1, and a value. A value that is not finite leaves a gap.
    pub values: Vec<(usize, f64)>,
}

/// A chart of curves over the epochs. The value axis starts at 0.
#[derive(Debug, Clone, Template)]
#[template(path = "chart.html")]
pub struct Chart {
    title: String,
    pub series: Vec<Series>,
    best: Option<usize>,
    text: fn(f64) -> String,
    /// What the horizontal axis has, and its labels in order; numbers if there are none.
    axis: String,
    labels: Vec<String>,
    last: usize,
    /// The distance between the labels of the value axis, and how many there are besides 0.
    step: f64,
    steps: usize,
}

impl Series {
    /// The curve of one of the three values of a metric, where it was measured.
    pub fn new(label: &str, style: usize, epochs: &[Epoch], metric: Metric, value: usize) -> Self {
        let values = epochs.iter().filter_map(|epoch| Some((epoch.epoch, (metric.of)(epoch)[value]?))).collect();
        Self { label: label.into(), style, values }
    }

    fn parts(&self) -> impl Iterator<Item = &[(usize, f64)]> {
        self.values.split(|(_, value)| !value.is_finite()).filter(|part| !part.is_empty())
    }

    fn points(&self) -> Vec<(usize, f64)> {
        self.parts().flatten().copied().collect()
    }

    fn at(&self, epoch: usize) -> Option<f64> {
        self.values.iter().find(|value| value.0 == epoch).map(|value| value.1)
    }
}

impl Chart {
    /// A chart of `series`, with values written by `text` and a mark at epoch `best`, if there is something to draw.
    pub fn new(title: &str, series: Vec<Series>, best: Option<usize>, text: fn(f64) -> String) -> Option<Self> {
        let points = || series.iter().flat_map(Series::points);
        let last = points().map(|(epoch, _)| epoch).max()?;
        let largest = points().map(|(_, value)| value).fold(0.0, f64::max);
        let step = nice(largest / VALUES);
        let steps = (largest / step - 1e-9).ceil().max(1.0) as usize;
        let (title, axis, best) = (title.into(), "epoch".into(), best.filter(|&epoch| epoch <= last));
        Some(Self { title, series, best, text, axis, labels: vec![], last, step, steps })
    }

    /// The same chart over these labels in place of epochs.
    pub fn over(self, axis: &str, labels: Vec<String>) -> Self {
        Self { axis: axis.into(), labels, ..self }
    }

    fn label(&self, at: usize) -> String {
        self.labels.get(at - 1).cloned().unwrap_or_else(|| at.to_string())
    }

    /// The position of an epoch. A single one is in the middle.
    fn x(&self, epoch: usize) -> f64 {
        match self.last {
            1 => tenth((LEFT + RIGHT) / 2.0),
            last => tenth(LEFT + (RIGHT - LEFT) * (epoch as f64 - 1.0) / (last as f64 - 1.0)),
        }
    }

    fn y(&self, value: f64) -> f64 {
        tenth(BOTTOM - (BOTTOM - TOP) * value / (self.steps as f64 * self.step))
    }

    fn epochs(&self) -> Vec<usize> {
        let every = nice(self.last as f64 / MOST_EPOCHS as f64).ceil().max(1.0) as usize;
        (1..=self.last).filter(|epoch| epoch % every == 0).collect()
    }

    /// The values that have a label, and the labels, with as many decimals as the step has.
    fn values(&self) -> Vec<(f64, String)> {
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        let label = |value: f64| if value == 0.0 { "0".into() } else { format!("{value:.decimals$}") };
        (0..=self.steps).map(|number| number as f64 * self.step).map(|value| (value, label(value))).collect()
    }

    fn text(&self, value: f64) -> String {
        (self.text)(value)
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

/// Rounds a coordinate to a tenth: more digits are not visible.
pub fn tenth(coordinate: f64) -> f64 {
    (10.0 * coordinate).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[(usize, f64)], best: Option<usize>) -> Option<Chart> {
        let series = Series { label: "validation".into(), style: 1, values: values.to_vec() };
        Chart::new("loss", vec![series], best, |value| format!("{value:.1}"))
    }

    fn labels(chart: &Chart) -> Vec<String> {
        chart.values().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn curve_goes_from_left_to_right_with_zero_at_the_bottom() {
        let chart = chart(&[(1, 1.0), (2, 0.5), (3, 0.0)], Some(3)).unwrap();
        let (x, y) = ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0);
        let html = chart.render().unwrap();
        assert!(html.contains(&format!("points=\"{LEFT},{TOP} {x},{y} {RIGHT},{BOTTOM}\"")), "{html}");
        assert!(html.contains("<title>validation, epoch 2: 0.5</title>"), "{html}");
        assert!(html.contains(&format!("class=\"best\" x1=\"{RIGHT}\"")) && html.contains("best epoch, 3"), "{html}");
        assert_eq!(labels(&chart), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!((chart.y(0.0), chart.y(1.0)), (BOTTOM, TOP));
        assert_eq!(chart.epochs(), [1, 2, 3]);
    }

    #[test]
    fn single_epoch_is_in_the_middle() {
        let chart = chart(&[(1, 0.3)], None).unwrap();
        assert_eq!((chart.series[0].points().len(), chart.x(1)), (1, (LEFT + RIGHT) / 2.0));
    }

    #[test]
    fn value_that_is_not_finite_leaves_a_gap() {
        let drawn = chart(&[(1, 1.0), (2, f64::NAN), (3, 1.0), (4, f64::INFINITY)], None).unwrap();
        assert_eq!((drawn.series[0].parts().count(), drawn.series[0].points().len()), (2, 2));
        assert!(chart(&[(1, f64::NAN)], None).is_none() && chart(&[], None).is_none());
    }

    #[test]
    fn zeros_alone_are_drawn() {
        let chart = chart(&[(1, 0.0), (2, 0.0)], None).unwrap();
        assert_eq!((chart.y(0.0), labels(&chart)), (BOTTOM, vec!["0".to_string(), "1".into()]));
    }

    #[test]
    fn many_epochs_have_few_labels() {
        let values: Vec<(usize, f64)> = (1..=90).map(|epoch| (epoch, 1.0)).collect();
        assert_eq!(chart(&values, None).unwrap().epochs(), [20, 40, 60, 80]);
    }

    #[test]
    fn axis_steps_are_round() {
        let all = [0.011, 0.02, 0.3, 1.0, 7.0, 11.0];
        for (step, expected) in all.into_iter().zip([0.02, 0.02, 0.5, 1.0, 10.0, 20.0]) {
            assert!((nice(step) / expected - 1.0).abs() < 1e-9, "{step}: {}", nice(step));
        }
    }
}
