//! Where two experiments differ, and whether a run may go on with the difference.

use toml::Value;

use super::error::{ConfigError, Problem};
use super::experiment::Experiment;
use super::schedule::ScheduleKind;

/// A key that two experiments do not agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The dotted key, such as `training.epochs`.
    pub key: String,
    /// The one's value as TOML writes it, if it has one.
    pub left: Option<String>,
    /// The other's.
    pub right: Option<String>,
}

/// The keys, in alphabetical order, in which `left` and `right` differ.
pub fn differences(left: &Experiment, right: &Experiment) -> Vec<Difference> {
    let (left, right) = (settings(left), settings(right));
    let mut keys: Vec<&String> = left.iter().chain(&right).map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.dedup();
    let value = |settings: &[(String, String)], key| {
        settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    };
    keys.into_iter()
        .map(|key| Difference { key: key.clone(), left: value(&left, key), right: value(&right, key) })
        .filter(|difference| difference.left != difference.right)
        .collect()
}

/// Every key of an experiment with its value.
fn settings(experiment: &Experiment) -> Vec<(String, String)> {
    let Ok(Value::Table(document)) = Value::try_from(experiment) else { return vec![] };
    document
        .into_iter()
        .flat_map(|(name, value)| match value {
            Value::Table(section) => {
                section.into_iter().map(|(key, value)| (format!("{name}.{key}"), value.to_string())).collect()
            }
            value => vec![(name, value.to_string())],
        })
        .collect()
}

/// Whether a training of which `epochs` are done may go on as `after` when it began as `before`: where to compute, how
/// long, and when to stop may change. All that would make the run something else is refused.
///
/// # Errors
/// [`ConfigError::Problems`] with every change that is refused.
pub fn check_resumable(before: &Experiment, after: &Experiment, epochs: usize) -> Result<(), ConfigError> {
    let refused = |difference: Difference| {
        let message = refusal(&difference.key, before, after, epochs)?;
        let value = difference.right.unwrap_or_else(|| "unset".into());
        Some(Problem { setting: format!("{} = {value}", difference.key), key: difference.key, line: None, message })
    };
    let problems: Vec<Problem> = differences(before, after).into_iter().filter_map(refused).collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(ConfigError::Problems { origin: "what is to go on".into(), problems }),
    }
}

fn refusal(key: &str, before: &Experiment, after: &Experiment, epochs: usize) -> Option<String> {
    match key {
        "device"
        | "data.dir"
        | "data.mirrors"
        | "data.loader_threads"
        | "training.tensorboard"
        | "stop.error"
        | "stop.patience" => None,
        "training.epochs" if after.training.epochs < epochs => {
            Some(format!("{epochs} epochs are done already; it can only be more"))
        }
        "training.epochs" => spans_all_epochs(before.schedule.kind).then(|| {
            "the schedule divides the learning rate among all epochs, so those done would have had other rates; start \
             a new run"
                .into()
        }),
        _ => Some("can't change within a run, as the epochs done would not count; start a new run".into()),
    }
}

/// Whether the learning rate of an epoch depends on how many there are in all.
fn spans_all_epochs(kind: ScheduleKind) -> bool {
    match kind {
        ScheduleKind::Constant | ScheduleKind::Step | ScheduleKind::Exponential => false,
        ScheduleKind::Cosine | ScheduleKind::OneCycle => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn differences_are_the_keys_that_only_one_has_or_that_say_something_else() {
        let (adam, sgd) = (changed(|_| {}), changed(|it| it.optimizer.kind = crate::config::OptimizerKind::Sgd));
        let keys: Vec<String> = differences(&adam, &sgd).into_iter().map(|it| it.key).collect();
        let expected = ["beta_1", "beta_2", "epsilon", "kind", "momentum", "nesterov"];
        assert_eq!(keys, expected.map(|key| format!("optimizer.{key}")));
        assert_eq!(differences(&adam, &adam), []);
    }

    #[test]
    fn a_run_may_go_on_longer_elsewhere_and_stop_otherwise() {
        let after = changed(|it| {
            it.training.epochs = 20;
            it.device = "flex".into();
            it.stop.patience = Some(3);
        });
        assert_eq!(refused(&changed(|_| {}), &after), "");
    }

    #[test]
    fn what_would_make_the_result_meaningless_is_refused_all_at_once_and_with_the_reason() {
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
    fn a_schedule_over_all_epochs_can_not_be_made_longer() {
        let before = changed(|it| it.schedule.kind = ScheduleKind::Cosine);
        let after = Experiment { training: changed(|it| it.training.epochs = 20).training, ..before.clone() };
        assert!(refused(&before, &after).contains("the schedule divides"), "{}", refused(&before, &after));
    }
}
