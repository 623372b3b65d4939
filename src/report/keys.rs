//! The validation errors of runs over the values of each key in which their configs differ.

use super::curves::{Chart, ERROR, Series};
use crate::config::{Difference, plain};
use crate::run::Summary;

/// Keys whose values are only names.
const NAMES: [&str; 3] = ["name", "seed", "data.dir"];

/// A value of a key, as a number if it is one, as a text, and the errors of the runs that have it, in percent.
type Group = (f64, String, Vec<f64>);

/// A chart for each key: the mean of the runs that have a value, and the best of them.
pub fn charts(differences: &[Difference], summaries: &[Summary]) -> Vec<Chart> {
    let keys = differences.iter().filter(|it| !NAMES.contains(&&*it.key));
    keys.filter_map(|Difference { key, values }| {
        let mut groups: Vec<Group> = vec![];
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

#[cfg(test)]
mod tests {
    use askama::Template;

    use super::*;

    fn summary(error: f64) -> Summary {
        Summary { validation_error: Some(error), ..Summary::default() }
    }

    #[test]
    fn chart_of_a_key_has_its_values_in_order_with_mean_and_best() {
        let values = [0.01, 0.001, 0.01].map(|rate| Some(toml::Value::Float(rate)));
        let difference = Difference { key: "optimizer.learning_rate".into(), values: values.into() };
        let charts = charts(&[difference], &[summary(0.04), summary(0.08), summary(0.02)]);
        let [chart] = &charts[..] else { panic!("{charts:?}") };
        let values: Vec<_> = chart.series.iter().map(|series| series.values.clone()).collect();
        assert_eq!(values, [[(1, 8.0), (2, 3.0)], [(1, 8.0), (2, 2.0)]]);
        let drawn = chart.render().unwrap();
        assert!(drawn.contains("mean of the runs, optimizer.learning_rate 0.001: 8.00 %"), "{drawn}");
    }

    #[test]
    fn keys_that_name_things_and_values_without_a_validated_run_are_not_drawn() {
        let values = || vec![Some(toml::Value::Integer(1)), Some(toml::Value::Integer(2))];
        let difference = |key: &str| Difference { key: key.into(), values: values() };
        assert!(charts(&[difference("seed"), difference("name")], &[summary(0.1), summary(0.2)]).is_empty());
        let one = [summary(0.1), Summary::default()];
        assert!(charts(&[difference("training.epochs")], &one).is_empty());
    }
}
