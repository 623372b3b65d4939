//! Which keys may change when a run is resumed.

use super::difference::{Difference, differences};
use super::error::{ConfigError, Problem};
use super::experiment::Experiment;
use super::optimizer::ScheduleKind;

/// Checks that a run with `epochs` complete epochs, started with the experiment `before`, may be resumed with `after`. Only
/// the device, the paths of the data, the number of epochs, the conditions for stopping, and keys that change no result may
/// change.
pub fn check_resumable(before: &Experiment, after: &Experiment, epochs: usize) -> Result<(), ConfigError> {
    let refused = |Difference { key, values }: Difference| {
        let message = refusal(&key, before, after, epochs)?;
        let value = values[1].as_ref().map_or_else(|| "unset".into(), ToString::to_string);
        Some(Problem { setting: format!("{key} = {value}"), key, line: None, message })
    };
    let both = [before.clone(), after.clone()];
    let problems: Vec<Problem> = differences(&both).into_iter().filter_map(refused).collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(ConfigError::Problems { origin: "the resumed experiment".into(), problems }),
    }
}

fn refusal(key: &str, before: &Experiment, after: &Experiment, epochs: usize) -> Option<String> {
    match key {
        "device" => (before.device.count() != after.device.count()).then(|| {
            "an update has a batch of each device, so their number can't change; name a device more than once, if need be"
                .into()
        }),
        "data.dir"
        | "data.mirrors"
        | "data.loader_threads"
        | "training.gradients"
        | "training.tensorboard"
        | "early_stopping.target_error"
        | "early_stopping.patience" => None,
        "training.epochs" if after.training.epochs < epochs => {
            Some(format!("{epochs} epochs are done already; it can only grow"))
        }
        "training.epochs" if after.privacy.is_on() => {
            Some("the noise of a private training is made for its number of epochs; start a new run".into())
        }
        "training.epochs" => match before.schedule.kind {
            ScheduleKind::Constant | ScheduleKind::Step | ScheduleKind::Exponential => None,
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
