//! The test errors of runs over the operations of their trainings, on logarithmic axes, with the Pareto front.

use askama::Template;

use super::curves::{BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, tenth};
use crate::run::Summary;

/// The smallest error that is drawn, as a fraction.
const LEAST: f64 = 1e-4;
/// The errors that have a label, where they are within the chart.
const ERRORS: [f64; 10] = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5];

#[derive(Template)]
#[template(path = "efficiency.html")]
pub struct Efficiency<'a> {
    /// Sorted by operations, and equal ones by error.
    points: Vec<Point<'a>>,
    /// The decimal logarithms of the smallest and the largest number of operations, and of the errors.
    operations: [f64; 2],
    errors: [f64; 2],
}

#[derive(Debug, Clone, Copy)]
struct Point<'a> {
    run: &'a str,
    config: &'a str,
    operations: f64,
    error: f64,
    is_int8: bool,
}

impl<'a> Efficiency<'a> {
    /// The chart of the runs with these `names` that are trained and tested; `None` if there are fewer than two.
    pub fn new(names: &'a [String], runs: &'a [Summary]) -> Option<Self> {
        let of_run = |(run, summary): (&'a String, &'a Summary)| {
            let operations = summary.floating_point_operations.filter(|&it| it > 0);
            let point = move |(error, is_int8): (Option<f64>, bool)| {
                let (operations, error) = (operations? as f64, error?.max(LEAST));
                Some(Point { run, config: &summary.config, operations, error, is_int8 })
            };
            [(summary.test_error, false), (summary.int8_test_error, true)].into_iter().filter_map(point)
        };
        let mut points: Vec<_> = names.iter().zip(runs).flat_map(of_run).collect();
        points.sort_by(|a, b| a.operations.total_cmp(&b.operations).then(a.error.total_cmp(&b.error)));
        let range = |of: fn(&Point) -> f64| {
            let logarithms = points.iter().map(|point| of(point).log10());
            // With room for what is drawn at the ends, and for labels.
            logarithms.fold([f64::MAX, f64::MIN], |[low, high], it| [low.min(it - 0.2), high.max(it + 0.6)])
        };
        let chart = Self { operations: range(|point| point.operations), errors: range(|point| point.error), points };
        (chart.labelled().len() > 1).then_some(chart)
    }

    /// The networks that make fewer errors than all with as many operations or fewer, from the cheapest on.
    fn front(&self) -> Vec<Point<'a>> {
        let mut points = self.points.clone();
        points.dedup_by(|point, last_kept| point.error >= last_kept.error);
        points
    }

    /// The networks that have a label, and whether it is below: another one with as many operations may stand just above.
    fn labelled(&self) -> Vec<(Point<'a>, bool)> {
        let labelled = || self.points.iter().filter(|point| !point.is_int8);
        let is_beside = |a: f64, b: f64| (self.x(a) - self.x(b)).abs() < 12.0;
        let is_above = |a: f64, b: f64| (0.1..20.0).contains(&(self.y(b) - self.y(a)));
        let crowds = |a: &Point, b: &Point| is_beside(a.operations, b.operations) && is_above(a.error, b.error);
        labelled().map(|one| (*one, labelled().any(|other| crowds(other, one)))).collect()
    }

    fn steps(&self) -> String {
        let front = self.front();
        let corners = front.windows(2).map(|pair| (pair[1].operations, pair[0].error));
        let mut steps: Vec<_> = front.iter().map(|point| (point.operations, point.error)).chain(corners).collect();
        steps.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        steps.iter().map(|&(x, y)| format!("{},{}", self.x(x), self.y(y))).collect::<Vec<_>>().join(" ")
    }

    fn x(&self, operations: f64) -> f64 {
        let [low, high] = self.operations;
        tenth(LEFT + (RIGHT - LEFT) * (operations.log10() - low) / (high - low))
    }

    fn y(&self, error: f64) -> f64 {
        let [low, high] = self.errors;
        tenth(BOTTOM - (BOTTOM - TOP) * (error.log10() - low) / (high - low))
    }

    /// The powers of ten of the operations, and their exponents.
    fn decades(&self) -> Vec<(f64, i32)> {
        let [low, high] = self.operations.map(|end| end.floor() as i32);
        (low + 1..=high).map(|exponent| (10f64.powi(exponent), exponent)).collect()
    }

    fn labelled_errors(&self) -> Vec<f64> {
        let [low, high] = self.errors;
        ERRORS.into_iter().filter(|error| (low..high).contains(&error.log10())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(operations: u64, test_error: f64, int8_test_error: Option<f64>) -> Summary {
        let (test_error, floating_point_operations) = (Some(test_error), Some(operations));
        Summary { config: "deep".into(), test_error, int8_test_error, floating_point_operations, ..Summary::default() }
    }

    #[test]
    fn front_has_the_networks_that_no_cheaper_one_equals() {
        let runs = [
            run(5_000, 0.01, Some(0.011)),
            run(1_000, 0.05, None),
            run(2_000, 0.05, None),
            run(9_000, 0.02, None),
            run(1_000, 0.06, None),
            run(80_000, 0.004, Some(0.003)),
        ];
        let names = ["a", "b", "c", "d", "e", "f"].map(String::from);
        let chart = Efficiency::new(&names, &runs).unwrap();
        let front: Vec<_> = chart.front().iter().map(|point| (point.run, point.is_int8)).collect();
        assert_eq!(front, [("b", false), ("a", false), ("f", true)]);
        // Down at each network's place, and level between them.
        let steps: Vec<_> = chart.steps().split(' ').map(String::from).collect();
        let at = |operations, error| format!("{},{}", chart.x(operations), chart.y(error));
        let expected = [(1e3, 0.05), (5e3, 0.05), (5e3, 0.01), (8e4, 0.01), (8e4, 0.003)];
        assert_eq!(steps, expected.map(|(operations, error)| at(operations, error)));
    }

    #[test]
    fn axes_are_logarithmic_and_hold_all_points() {
        let names = ["a", "b"].map(String::from);
        let runs = [run(1_000, 0.1, None), run(1_000_000, 0.001, None)];
        let chart = Efficiency::new(&names, &runs).unwrap();
        let distance = |a: f64, b: f64| chart.x(b) - chart.x(a);
        assert!((distance(1e3, 1e4) - distance(1e5, 1e6)).abs() < 0.2, "rounded to a tenth");
        for (operations, error) in [(1e3, 0.1), (1e6, 0.001)] {
            assert!((LEFT..=RIGHT).contains(&chart.x(operations)) && (TOP..=BOTTOM).contains(&chart.y(error)));
        }
        assert_eq!(chart.decades().iter().map(|decade| decade.1).collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert_eq!(chart.labelled_errors(), [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1]);
    }

    #[test]
    fn chart_needs_two_runs_that_are_trained_and_tested() {
        let names = ["a", "b"].map(String::from);
        let untested = Summary { test_error: None, ..run(1_000, 0.1, None) };
        assert!(Efficiency::new(&names, &[run(1_000, 0.1, Some(0.2)), untested]).is_none());
        let untrained = Summary { floating_point_operations: None, ..run(1_000, 0.1, None) };
        assert!(Efficiency::new(&names, &[run(1_000, 0.1, None), untrained]).is_none());
        // No mistakes at all have no logarithm.
        let perfect = [run(1_000, 0.1, None), run(2_000, 0.0, None)];
        assert!(Efficiency::new(&names, &perfect).unwrap().steps().split(' ').all(|point| !point.contains("NaN")));
    }
}
