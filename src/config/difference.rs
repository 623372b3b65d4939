//! Compares experiments key by key.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use toml::Value;

use super::experiment::Experiment;
use super::toml_text::dotted;

/// A key whose value is not the same in all compared experiments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The dotted key, such as `training.epochs`.
    pub key: String,
    /// Its value in each experiment, in order. `None` if the experiment does not use the key, as Adam does not use
    /// `optimizer.momentum`.
    pub values: Vec<Option<Value>>,
}

/// The keys in which resolved experiments differ, in alphabetical order.
pub fn differences(experiments: &[Experiment]) -> Vec<Difference> {
    let all: Vec<BTreeMap<String, Value>> = experiments.iter().map(values_by_key).collect();
    let names: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    let difference = |name: &String| {
        let values: Vec<Option<Value>> = all.iter().map(|keys| keys.get(name).cloned()).collect();
        let is_same = values.iter().all(|value| *value == values[0]);
        (!is_same).then(|| Difference { key: name.clone(), values })
    };
    names.into_iter().filter_map(difference).collect()
}

/// All keys of an experiment, dotted, with their values.
pub fn values_by_key(experiment: &Experiment) -> BTreeMap<String, Value> {
    let document = experiment.to_toml().parse().expect("an experiment is written as TOML");
    keys_in(None, document).collect()
}

/// A value without quotation marks, if it is text.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), Into::into)
}

fn keys_in(section: Option<&str>, table: toml::Table) -> impl Iterator<Item = (String, Value)> {
    table.into_iter().flat_map(move |(name, value)| match value {
        Value::Table(inner) => keys_in(Some(&dotted(section, &name)), inner).collect(),
        value => vec![(dotted(section, &name), value)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn experiment(overrides: &[&str]) -> Experiment {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        config::load(None, &overrides).unwrap()
    }

    #[test]
    fn differences_of_equal_experiments_are_empty() {
        assert_eq!(differences(&[experiment(&[]), experiment(&["training.epochs=5"])]), []);
    }

    #[test]
    fn differences_have_each_key_with_its_values_in_order() {
        let experiments = [experiment(&["seed=3"]), experiment(&[]), experiment(&["model.hidden=[3, 2]"])];
        let found = differences(&experiments);
        let keys: Vec<&str> = found.iter().map(|difference| difference.key.as_str()).collect();
        assert_eq!(keys, ["model.hidden", "seed"]);
        assert_eq!(found[1].values, [Some(3.into()), Some(1.into()), Some(1.into())]);
    }

    #[test]
    fn differences_reach_into_a_section_within_a_section() {
        let found = differences(&[experiment(&["data.augment.rotation=15"]), experiment(&[])]);
        assert_eq!(found, [Difference { key: "data.augment.rotation".into(), values: vec![Some(15.0.into()), None] }]);
    }

    #[test]
    fn differences_have_no_value_where_a_key_is_not_used() {
        let found = differences(&[experiment(&[]), experiment(&["optimizer.kind=sgd"])]);
        let momentum = found.iter().find(|difference| difference.key == "optimizer.momentum").unwrap();
        assert_eq!(momentum.values, [None, Some(0.0.into())]);
    }
}
