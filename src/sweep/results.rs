//! The results of a sweep: metrics of each trial over its seeds, and the chosen trial.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Serialize;
use thiserror::Error;
use toml::Value;

use super::plan::Sweep;
use crate::run::{RunError, RunFolder, Status, Summary, metrics};
use crate::text::listed;

pub const RESULTS_FILE: &str = "sweep.json";
const MAX_NAMED: usize = 5;

#[derive(Debug, Error)]
pub enum SweepError {
    #[error("a job has failed or was stopped; run the sweep again to resume it")]
    Job { code: u8 },
    #[error("{run} was interrupted")]
    Interrupted { run: String },
    #[error("{open} of {runs} runs are not finished, so no trial is chosen: {names}")]
    Incomplete { open: usize, runs: usize, names: String },
    #[error("every trial has a run that diverged: try smaller values of optimizer.learning_rate")]
    AllDiverged,
}

/// The results of a sweep: the contents of `sweep.json`. Errors are fractions in [0, 1], losses are in nats.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Results {
    pub name: String,
    pub base: PathBuf,
    pub seeds: Vec<u64>,
    /// The trial with the lowest validation error. `None` before all runs are over.
    pub chosen: Option<String>,
    /// The test errors of the chosen trial's best models. `None` before they are evaluated.
    pub test_error: Option<Spread>,
    pub trials: Vec<TrialResult>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialResult {
    pub trial: String,
    pub settings: BTreeMap<String, Value>,
    /// The epochs after which the halving gave it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_after: Option<usize>,
    /// The validation errors of its finished runs' best models.
    pub validation_error: Option<Spread>,
    pub validation_loss: Option<f64>,
    pub runs: Vec<RunResult>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunResult {
    pub run: PathBuf,
    #[serde(flatten)]
    pub summary: Summary,
}

/// Mean and standard deviation of a metric over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub mean: f64,
    /// The sample standard deviation, `√(Σ(x - mean)² / (n - 1))`. `None` for a single value.
    pub deviation: Option<f64>,
}

impl Spread {
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / count)?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { mean, deviation: (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt()) })
    }

    /// A fraction in percent: `7.30 ± 0.38 %`. A dash for `None`.
    pub fn percent(spread: Option<Self>) -> String {
        let Some(Self { mean, deviation }) = spread else { return "-".into() };
        let deviation = deviation.map(|deviation| format!(" ± {:.2}", 100.0 * deviation)).unwrap_or_default();
        format!("{:.2}{deviation} %", 100.0 * mean)
    }
}

impl Results {
    pub fn read(sweep: &Sweep) -> Result<Self, RunError> {
        let (trials, _) = read_trials(sweep)?;
        let (name, base, seeds) = (sweep.file.name.clone(), sweep.file.base.clone(), sweep.file.seeds.clone());
        let mut results = Self { name, base, seeds, chosen: None, test_error: None, trials };
        if let Ok(chosen) = results.chosen() {
            let test: Vec<f64> = chosen.runs.iter().filter_map(|run| run.summary.test_error).collect();
            let test_error = Spread::of(&test).filter(|_| test.len() == results.seeds.len());
            (results.chosen, results.test_error) = (Some(chosen.trial.clone()), test_error);
        }
        Ok(results)
    }

    /// The trial with the lowest mean validation error, then the lowest mean validation loss, then the first. Skips trials
    /// with a run that diverged. An error before every run is over, or if each trial has such a run.
    pub fn chosen(&self) -> Result<&TrialResult, SweepError> {
        let left = || self.trials.iter().filter(|trial| trial.ended_after.is_none());
        let runs = || left().flat_map(|trial| trial.runs.iter().map(move |run| (trial, run)));
        let open: Vec<String> = runs()
            .filter(|(_, run)| !run.summary.status.is_over())
            .map(|(trial, run)| format!("{}-seed{} ({})", trial.trial, run.summary.seed, run.summary.status))
            .collect();
        if !open.is_empty() {
            let names = listed(&open, MAX_NAMED);
            return Err(SweepError::Incomplete { open: open.len(), runs: runs().count(), names });
        }
        ranked(&self.trials).into_iter().find(|trial| trial.score().is_some()).ok_or(SweepError::AllDiverged)
    }
}

impl TrialResult {
    fn new(trial: String, settings: BTreeMap<String, Value>, runs: Vec<RunResult>) -> Self {
        let of = |metric: fn(&Summary) -> Option<f64>| {
            let finished = runs.iter().filter(|run| run.summary.status == Status::Finished);
            Spread::of(&finished.filter_map(|run| metric(&run.summary)).collect::<Vec<_>>())
        };
        let (error, loss) = (of(|it| it.validation_error), of(|it| it.validation_loss).map(|loss| loss.mean));
        Self { trial, settings, ended_after: None, validation_error: error, validation_loss: loss, runs }
    }

    pub fn runs_over(&self) -> usize {
        self.runs.iter().filter(|run| run.summary.status.is_over()).count()
    }

    pub fn status(&self) -> Status {
        let mut statuses = self.runs.iter().map(|run| run.summary.status);
        statuses.find(|status| *status != Status::Finished).unwrap_or(Status::Finished)
    }

    /// Wrong validation predictions in all its runs, and the mean validation loss. `None` unless every run is finished.
    fn score(&self) -> Option<(usize, f64)> {
        let wrong: Option<usize> = self.runs.iter().map(|run| run.summary.validation_wrong).sum();
        let is_finished = self.status() == Status::Finished && self.ended_after.is_none();
        Some((wrong.filter(|_| is_finished)?, self.validation_loss?))
    }

    /// The mean validation error of the best models of the first `epochs`: infinite if a run diverged, `None` if one has fewer.
    fn error_until(&self, epochs: usize) -> Result<Option<f64>, RunError> {
        let mut sum = 0.0;
        for RunResult { run, summary } in &self.runs {
            if summary.epochs < epochs && !summary.status.is_over() {
                return Ok(None);
            }
            let so_far: Vec<_> = RunFolder::at(run).metrics()?.into_iter().take(epochs).collect();
            let accuracy = metrics::best(&so_far).and_then(|best| best.validation_accuracy);
            let accuracy = accuracy.filter(|_| summary.status != Status::Diverged || summary.epochs >= epochs);
            sum += accuracy.map_or(f64::INFINITY, |accuracy| 1.0 - accuracy);
        }
        Ok(Some(sum / self.runs.len() as f64))
    }
}

/// The trials, the best first. Those without a score come last, in the file's order.
pub fn ranked(trials: &[TrialResult]) -> Vec<&TrialResult> {
    // All trials have the same number of runs and validation images: sums order them like means, but exactly.
    let rank = |trial: &TrialResult| trial.score().unwrap_or((usize::MAX, f64::INFINITY));
    let mut trials: Vec<&TrialResult> = trials.iter().collect();
    trials.sort_by(|one, other| rank(one).0.cmp(&rank(other).0).then(rank(one).1.total_cmp(&rank(other).1)));
    trials
}

/// The results of all trials, and the number of rungs of the halving after which it is known which ones go on.
pub fn read_trials(sweep: &Sweep) -> Result<(Vec<TrialResult>, usize), RunError> {
    let mut trials = vec![];
    for trial in &sweep.trials {
        let read = |(seed, path): &(u64, PathBuf)| {
            let summary = Summary::read_or_missing(&RunFolder::at(path), &trial.with_seed(*seed))?;
            Ok(RunResult { run: path.clone(), summary })
        };
        let runs = trial.runs.iter().map(read).collect::<Result<_, RunError>>()?;
        trials.push(TrialResult::new(trial.name.clone(), trial.settings.iter().cloned().collect(), runs));
    }
    for (rung, &epochs) in sweep.file.halving.epochs.iter().enumerate() {
        let mut left = vec![];
        for trial in trials.iter_mut().filter(|trial| trial.ended_after.is_none()) {
            let Some(error) = trial.error_until(epochs)? else { return Ok((trials, rung)) };
            left.push((error, trial));
        }
        left.sort_by(|one, other| one.0.total_cmp(&other.0));
        let kept = (left.len() as f64 * sweep.file.halving.keep).ceil() as usize;
        left.into_iter().skip(kept).for_each(|(_, trial)| trial.ended_after = Some(epochs));
    }
    Ok((trials, sweep.file.halving.epochs.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(status: Status, wrong: usize, loss: f64) -> Summary {
        Summary {
            status,
            config: "try".into(),
            epochs: 2,
            planned_epochs: 2,
            best_epoch: Some(2),
            validation_wrong: Some(wrong),
            validation_error: Some(wrong as f64 / 1000.0),
            validation_loss: Some(loss),
            test_error: None,
            seconds: 1.0,
            ..Summary::default()
        }
    }

    /// A trial with runs, each given as its wrong predictions, of 1000, and its loss.
    fn trial(name: &str, status: Status, runs: &[(usize, f64)]) -> TrialResult {
        let run = |(seed, &(wrong, loss))| RunResult {
            run: "r".into(),
            summary: Summary { seed, ..summary(status, wrong, loss) },
        };
        TrialResult::new(name.into(), BTreeMap::new(), (1..).zip(runs).map(run).collect())
    }

    fn finished(runs: &[(usize, f64)]) -> TrialResult {
        trial("t", Status::Finished, runs)
    }

    fn results(trials: Vec<TrialResult>) -> Results {
        Results { name: "try".into(), base: "b.toml".into(), seeds: vec![1, 2], chosen: None, test_error: None, trials }
    }

    #[test]
    fn spread_has_the_mean_and_the_sample_standard_deviation() {
        // 2, 4, 4, 4, 5, 5, 7, 9: mean 5, squares 32, of 8 values.
        let spread = Spread::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!(spread.mean, 5.0);
        assert!((spread.deviation.unwrap() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of(&[3.0]), Some(Spread { mean: 3.0, deviation: None }));
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::percent(Spread::of(&[0.07, 0.08])), "7.50 ± 0.71 %");
        assert_eq!(Spread::percent(Spread::of(&[0.07])), "7.00 %");
    }

    #[test]
    fn sweep_chooses_the_lowest_mean_error_then_the_lowest_loss_then_the_first() {
        let chosen = |trials: &[&[(usize, f64)]]| {
            let results = results(trials.iter().map(|runs| finished(runs)).collect());
            let chosen = results.chosen().ok().map(std::ptr::from_ref);
            results.trials.iter().position(|trial| Some(std::ptr::from_ref(trial)) == chosen)
        };
        assert_eq!(chosen(&[&[(9, 0.1), (30, 0.1)], &[(20, 0.9), (18, 0.9)]]), Some(1));
        assert_eq!(chosen(&[&[(20, 0.3), (10, 0.3)], &[(10, 0.2), (20, 0.3)]]), Some(1));
        assert_eq!(chosen(&[&[(20, 0.3), (10, 0.3)], &[(10, 0.3), (20, 0.3)]]), Some(0));
    }

    #[test]
    fn sweep_chooses_only_when_every_run_is_over_and_names_the_others() {
        for status in [Status::Missing, Status::Training, Status::Interrupted] {
            let results = results(vec![finished(&[(9, 0.1)]), trial("open", status, &[(8, 0.1), (7, 0.1)])]);
            let message = results.chosen().unwrap_err().to_string();
            let expected = format!("open-seed1 ({0}), open-seed2 ({0})", status);
            assert!(message.contains("2 of 3 runs") && message.ends_with(&expected), "{message}");
        }
        let results = results(vec![trial("open", Status::Missing, &[(8, 0.1); 9])]);
        assert!(results.chosen().unwrap_err().to_string().ends_with("open-seed5 (missing) and 4 more"));
    }

    #[test]
    fn diverged_trial_is_over_but_not_chosen() {
        let diverged = || trial("diverged", Status::Diverged, &[(1, 0.1)]);
        let results_of_both = results(vec![diverged(), trial("sound", Status::Finished, &[(50, 0.1)])]);
        assert_eq!(results_of_both.chosen().unwrap().trial, "sound");
        let message = results(vec![diverged()]).chosen().unwrap_err().to_string();
        assert!(message.starts_with("every trial has a run that diverged"), "{message}");
    }

    #[test]
    fn divergence_counts_in_the_halving_from_its_epoch_on() {
        let folder = tempfile::tempdir().unwrap();
        let table = "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,raw_validation_loss,\
                     raw_validation_accuracy,seconds\n1,1,0.5,1,0.5,,,1\n2,1,0.5,1,0.75,,,1\n";
        std::fs::write(folder.path().join("metrics.csv"), table).unwrap();
        let mut trial = trial("t", Status::Diverged, &[(250, 0.1)]);
        trial.runs[0].run = folder.path().into();
        let errors = [1, 2, 3].map(|epochs| trial.error_until(epochs).unwrap());
        assert_eq!(errors, [Some(0.5), Some(0.25), Some(f64::INFINITY)]);
        trial.runs[0].summary.status = Status::Interrupted;
        assert_eq!(trial.error_until(3).unwrap(), None);
    }

    #[test]
    fn ranked_trials_have_the_best_first_and_those_without_a_score_last() {
        let trials = vec![
            trial("bad", Status::Diverged, &[(1, 0.1)]),
            trial("second", Status::Finished, &[(50, 0.1), (60, 0.2)]),
            trial("first", Status::Finished, &[(40, 0.1), (50, 0.2)]),
        ];
        let results = results(trials);
        let names: Vec<&str> = ranked(&results.trials).iter().map(|trial| trial.trial.as_str()).collect();
        assert_eq!(names, ["first", "second", "bad"]);
        let statuses: Vec<_> =
            ranked(&results.trials).iter().map(|trial| (trial.status(), trial.runs_over())).collect();
        assert_eq!(statuses, [(Status::Finished, 2), (Status::Finished, 2), (Status::Diverged, 1)]);
        assert_eq!(Spread::percent(ranked(&results.trials)[0].validation_error), "4.50 ± 0.71 %");
    }
}
