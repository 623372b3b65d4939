//! Compares experiments key by key, and decides which keys may change when a run is resumed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use toml::Value;

use super::error::{ConfigError, Problem};
use super::{data::Dataset, experiment::Experiment, optimizer::ScheduleKind, setting::dotted};

/// Keys that change no result.
const HARMLESS: [&str; 5] =
    ["data.dir", "data.mirrors", "data.loader_threads", "training.gradients", "training.tensorboard"];

/// A key whose value is not the same in all compared experiments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The dotted key, such as `training.epochs`.
    pub key: String,
    /// Its value in each experiment, in order. `None` if the experiment does not use the key.
    pub values: Vec<Option<Value>>,
}

/// The keys in which resolved experiments differ, in alphabetical order.
pub fn differences(experiments: &[Experiment]) -> Vec<Difference> {
    let all: Vec<BTreeMap<String, Value>> = experiments.iter().map(values_by_key).collect();
    let names: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    let difference = |name: &String| {
        let values: Vec<Option<Value>> = all.iter().map(|keys| keys.get(name).cloned()).collect();
        values.iter().any(|value| *value != values[0]).then(|| Difference { key: name.clone(), values })
    };
    names.into_iter().filter_map(difference).collect()
}

/// What the result of a training depends on: the keys that change it with their values, and the number of devices. The
/// folder of a published data set only tells where it is; that of other images tells which.
pub fn what_trains(experiment: &Experiment) -> (BTreeMap<String, Value>, usize) {
    let is_own = matches!(experiment.data.dataset, Dataset::Idx | Dataset::ImageFolder);
    let mut keys = values_by_key(experiment);
    keys.retain(|key, _| !HARMLESS.contains(&&**key) || is_own && key == "data.dir");
    keys.retain(|key, _| key != "device" && key != "name");
    (keys, experiment.device.count())
}

/// All keys of an experiment, dotted, with their values.
pub fn values_by_key(experiment: &Experiment) -> BTreeMap<String, Value> {
    keys_in(None, experiment.to_toml().parse().expect("an experiment is written as TOML")).collect()
}

pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), Into::into)
}

fn keys_in(section: Option<&str>, table: toml::Table) -> impl Iterator<Item = (String, Value)> {
    table.into_iter().flat_map(move |(name, value)| match value {
        Value::Table(inner) => keys_in(Some(&dotted(section, &name)), inner).collect(),
        value => vec![(dotted(section, &name), value)],
    })
}

/// Checks that a run with `epochs` complete epochs, started with `before`, may be resumed with `after`. Only the device, the
/// paths of the data, the epochs, the conditions for stopping, and keys that change no result may change.
pub fn check_resumable(before: &Experiment, after: &Experiment, epochs: usize) -> Result<(), ConfigError> {
    let refused = |Difference { key, values }: Difference| {
        let message = refusal(&key, before, after, epochs)?;
        let value = values[1].as_ref().map_or_else(|| "unset".into(), ToString::to_string);
        Some(Problem { line: None, setting: format!("{key} = {value}"), message })
    };
    let problems: Vec<_> = differences(&[before.clone(), after.clone()]).into_iter().filter_map(refused).collect();
    let origin = "the resumed experiment (`mnist-burn resume` keeps all its settings)".into();
    if problems.is_empty() { Ok(()) } else { Err(ConfigError::Problems { origin, problems }) }
}

fn refusal(key: &str, before: &Experiment, after: &Experiment, epochs: usize) -> Option<String> {
    match key {
        "device" => (before.device.count() != after.device.count()).then(|| {
            "an update has a batch of each device, so their number can't change; name a device more than once, if need be"
                .into()
        }),
        "distillation.teacher" | "early_stopping.target_error" | "early_stopping.patience" => None,
        _ if HARMLESS.contains(&key) => None,
        "training.epochs" if after.training.epochs < epochs => {
            Some(format!("{epochs} epochs are done already; it can only grow"))
        }
        "training.epochs" if after.privacy.is_on() => {
            Some("the noise of a private training is made for its number of epochs; start a new run".into())
        }
        "training.epochs" => match before.schedule.kind {
            ScheduleKind::Constant | ScheduleKind::Step | ScheduleKind::Exponential | ScheduleKind::Plateau => None,
            ScheduleKind::Cosine | ScheduleKind::OneCycle => Some(
                "the learning rates of the schedule depend on the number of epochs, so earlier epochs would have had other \
                 rates; start a new run"
                    .into(),
            ),
        },
        _ => Some("can't change within a run, because the epochs so far were trained without the change; start a new run".into()),
    }
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

    fn changed(change: impl FnOnce(&mut Experiment)) -> Experiment {
        let mut experiment = Experiment::default().resolved();
        change(&mut experiment);
        experiment.resolved()
    }

    /// What is refused of a change after three epochs.
    fn refused(before: &Experiment, after: &Experiment) -> String {
        check_resumable(before, after, 3).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn resume_allows_more_epochs_another_device_and_other_stopping() {
        let after = changed(|it| {
            it.training.epochs = 20;
            it.device = "flex".into();
            it.early_stopping.patience = Some(3);
        });
        assert_eq!(refused(&changed(|_| {}), &after), "");
    }

    #[test]
    fn resume_refuses_all_other_changes_at_once_and_with_the_reason() {
        let message = refused(
            &changed(|_| {}),
            &changed(|it| {
                it.seed = 2;
                it.model.hidden = vec![64];
                it.training.epochs = 2;
            }),
        );
        assert!(message.contains("3 problems"), "{message}");
        for part in ["seed = 2", "model.hidden = [64]", "training.epochs = 2: 3 epochs are done already"] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }

    #[test]
    fn schedule_over_all_epochs_can_not_be_made_longer() {
        let before = changed(|it| it.schedule.kind = ScheduleKind::Cosine);
        let after = Experiment { training: changed(|it| it.training.epochs = 20).training, ..before.clone() };
        assert!(refused(&before, &after).contains("depend on the number of epochs"), "{}", refused(&before, &after));
    }
}
