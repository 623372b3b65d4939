//! `mnist-burn lr-find`: the learning-rate range test of Smith 2017, <https://arxiv.org/abs/1506.01186>. The rate rises in each
//! update of a short training, and the loss tells from which rate on the network learns, and when it no longer does.

use std::path::Path;

use serde_json::json;

use super::output::{print, print_json};
use super::{config::resolve, prepared::Prepared, report::PAGE};
use crate::cli::{Display, LrFind, Ui, notice};
use crate::config::{BatchSize, Schedule, ScheduleKind, SemiSupervised};
use crate::training::{Session, TrainingError};
use crate::{Error, data::EpochPlan, report::range_test, run::RunFolder};

/// The part of the mean of the losses that stays at each update.
const SMOOTHING: f64 = 0.95;

pub fn run(arguments: &LrFind, folder: &Path) -> Result<(), Error> {
    let mut experiment = resolve(&arguments.experiment, folder)?;
    (!arguments.json).then(|| PAGE.check(&arguments.output)).transpose()?;
    if experiment.privacy.is_on() {
        return Err(Error::PrivateRangeTest);
    }
    let (from, to) = (arguments.from.min(arguments.to), arguments.from.max(arguments.to));
    notice(format!("the rate rises from {from:e} to {to:e} in {} updates", arguments.steps));
    let mut prepared = Prepared::new(&experiment, None)?;
    let EpochPlan { batch_size, unlabelled_per_batch, .. } = EpochPlan::new(&experiment, &prepared.data.split);
    let batches = usize::from(arguments.steps) * experiment.training.gradient_accumulation * prepared.devices.len();
    let split = &mut prepared.data.split;
    split.training = split.training.iter().copied().cycle().take(batches * batch_size).collect();
    if unlabelled_per_batch == 0 {
        experiment.semi_supervised = SemiSupervised::default();
    }
    split.unlabelled = split.unlabelled.iter().copied().cycle().take(batches * unlabelled_per_batch).collect();
    split.validation.clear();
    experiment.training.batch_size = BatchSize::Images(batch_size);
    experiment.training.epochs = 1;
    experiment.optimizer.learning_rate = from;
    experiment.schedule = Schedule { kind: ScheduleKind::Exponential, factor: Some(to / from), ..Schedule::default() };

    let (run, record) = (RunFolder::in_memory(), prepared.new_record(&experiment));
    let display =
        Display { ui: Ui::Lines, epochs: 1, quits_with: Some("the range test is not complete; nothing was written") };
    let Prepared { network, teacher, data, devices, .. } = prepared;
    let session = Session::prepare(&experiment, network, &data, &devices, &run)?.with_teacher(teacher);
    let losses = session.history.losses.clone();
    match session.train(record, &display).map(drop) {
        // It is the end of the test.
        Err(TrainingError::Diverged { .. }) => {}
        trained => trained?,
    }
    let losses = smoothed(&losses.lock());
    let rate = |batch: usize| from * (to / from).powf(batch as f64 / batches as f64);
    let rates: Vec<f64> = (0..losses.len()).map(rate).collect();
    let [steepest, lowest] = [steepest(&losses), lowest(&losses)].map(|batch| batch.map(rate));
    if arguments.json {
        return print_json(&json!({ "steepest": steepest, "lowest": lowest, "rates": rates, "losses": losses }));
    }
    PAGE.save(&arguments.output, range_test(&experiment.name, &rates, &losses).as_bytes())?;
    let (Some(steepest), Some(lowest)) = (steepest, lowest) else {
        return print("the loss never falls: begin with a smaller rate, or end with a larger one");
    };
    print(&format!(
        "the loss falls fastest at   {steepest:.2e}\nthe loss is lowest at       {lowest:.2e}\na constant rate is good near the \
         first, the peak of one-cycle between both"
    ))
}

fn lowest(losses: &[f64]) -> Option<usize> {
    (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b]))
}

/// Before which batch, by the logarithm of the rate, the losses fall fastest. Each fall is measured over several batches, and
/// the first ones do not count, as their means have too few losses.
fn steepest(losses: &[f64]) -> Option<usize> {
    let window = losses.len() / 20 + 1;
    let fall = |&batch: &usize| losses[batch - window] - losses[batch + window];
    let end = lowest(losses)?.min(losses.len() - window);
    (2 * window..end).filter(|batch| fall(batch) > 0.0).max_by(|a, b| fall(a).total_cmp(&fall(b)))
}

/// The means of the losses so far, of which later ones count more. Ends before a loss that is not finite.
fn smoothed(losses: &[f64]) -> Vec<f64> {
    let finite = losses.iter().take_while(|loss| loss.is_finite());
    let mean = |(sum, weight): &mut (f64, f64), loss: &f64| {
        (*sum, *weight) = (SMOOTHING * *sum + loss, SMOOTHING * *weight + 1.0);
        Some(*sum / *weight)
    };
    finite.scan((0.0, 0.0), mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_fall_fastest_in_their_long_fall_and_not_between_two_of_the_first_batches() {
        let mut losses: Vec<f64> = (0..300).map(|batch| 2.0 - f64::from(batch.clamp(100, 200) - 100) / 100.0).collect();
        losses[0] = 2.5;
        assert!((100..200).contains(&steepest(&losses).unwrap()));
        losses[250] = 0.5;
        assert_eq!(lowest(&losses), Some(250));
        assert_eq!(steepest(&vec![1.0; 300]), None);
        assert_eq!([lowest(&[]), steepest(&[]), steepest(&[1.0])], [None; 3]);
    }

    #[test]
    fn smoothed_losses_follow_the_losses_and_end_before_the_first_that_is_not_finite() {
        assert_eq!(smoothed(&[2.0, 2.0, 2.0]), [2.0; 3]);
        let found = smoothed(&[1.0, 3.0, f64::NAN, 1.0]);
        assert_eq!(found.len(), 2);
        assert!((found[1] - (0.95 + 3.0) / 1.95).abs() < 1e-12);
        assert!(smoothed(&[]).is_empty());
    }
}
