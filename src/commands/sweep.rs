//! `mnist-burn sweep`: trains variants of an experiment, and chooses one.
//!
//! The choice is by validation error only. Then the chosen trial's runs are evaluated on the test images. Every run has its
//! own folder, and only unfinished runs are trained. So a stopped sweep can be resumed, and a finished one is only read.

use std::io;
use std::path::Path;

use super::config::absolute_paths;
use super::ensemble::create;
use super::evaluate::store;
use super::evaluation::evaluate_run;
use super::opening::open_recorded;
use super::output::{print, print_json};
use super::train::Training;
use crate::Error;
use crate::cli::{self, Showing, Split, Table, notice, signals, warn};
use crate::config::{Devices, differences};
use crate::run::{RunError, RunFolder, Status, Summary, write_whole_at};
use crate::sweep::{Results, Spread, Sweep, SweepError, TrialResult, overrides, ranked};
use crate::text::{nats, seconds};
use crate::training::TrainingError;

pub fn run(arguments: &cli::Sweep) -> Result<(), Error> {
    let mut sweep = Sweep::load(&arguments.file, arguments.device.as_deref())?;
    for trial in &mut sweep.trials {
        trial.experiment = absolute_paths(trial.experiment.clone(), &arguments.folder.runs)?;
    }
    let folder = arguments.folder.runs.join(&sweep.name);
    if arguments.list {
        return list(&sweep, &folder, arguments.device.as_deref());
    }
    refuse_foreign(&sweep, &folder)?;
    if !arguments.collect {
        train_all(&sweep, &folder)?;
    }
    let mut results = Results::read(&sweep, &folder)?;
    if let Ok(chosen) = results.chosen() {
        let device = arguments.device.as_deref().map(Devices::from);
        test(chosen, device.as_ref().map(Devices::first))?;
        results = Results::read(&sweep, &folder)?;
    }
    // Without a folder, there are no results yet.
    if folder.is_dir() {
        notice(format!("results in {}", folder.join("sweep.json").display()));
        let json = serde_json::to_vec_pretty(&results).map_err(|error| Error::Output(error.into()))?;
        write_whole_at(&folder.join("sweep.json"), &json, true)?.iter().for_each(warn);
    }
    let printed = if arguments.json { print_json(&results) } else { print(&text(&results)) };
    printed?;
    let chosen = results.chosen()?;
    if arguments.ensemble {
        let path = folder.join(format!("{}-ensemble", chosen.trial));
        let runs: Vec<RunFolder> = chosen.runs.iter().map(|result| RunFolder::at(&result.run)).collect();
        notice(format!("ensemble in {}", create(&path, "ensemble", &runs)?.path().display()));
    }
    Ok(())
}

/// The results as a table, the best trial first, followed by the chosen trial.
fn text(results: &Results) -> String {
    let mut table = Table::new(["trial", "runs", "validation error", "validation loss", "time", "state"]);
    for trial in ranked(&results.trials) {
        let is_chosen = Some(&trial.trial) == results.chosen.as_ref();
        table.push([
            trial.trial.clone(),
            format!("{}/{}", trial.runs_over(), trial.runs.len()),
            Spread::percent(trial.validation_error),
            nats(trial.validation_loss),
            seconds(trial.runs.iter().map(|run| run.summary.seconds).sum()),
            if is_chosen { "chosen".into() } else { trial.status().to_string() },
        ]);
    }
    let mut text = table.to_string();
    if let (Ok(chosen), Some(_)) = (results.chosen(), results.test_error) {
        let settings: Vec<String> = chosen.settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let plural = if results.seeds.len() == 1 { "" } else { "s" };
        text += &format!("\n\nchosen          {}", chosen.trial);
        if !settings.is_empty() {
            text += &format!("\nsettings        {}", settings.join(", "));
        }
        let error = Spread::percent(results.test_error);
        text += &format!("\ntest error      {error}, {} seed{plural}", results.seeds.len());
    }
    text
}

fn list(sweep: &Sweep, folder: &Path, device: Option<&str>) -> Result<(), Error> {
    for (trial, seed) in sweep.runs() {
        let path = folder.join(trial.run_name(seed));
        let (base, path) = (sweep.base.to_string_lossy(), path.to_string_lossy());
        let (overrides, seed) = (overrides(&trial.settings), format!("seed={seed}"));
        let mut words = vec!["mnist-burn", "train", "--config", &base];
        words.extend(overrides.iter().chain([&seed]).flat_map(|setting| ["--set", setting]));
        words.extend(device.into_iter().flat_map(|device| ["--device", device]));
        words.extend(["--run", &path, "--no-test"]);
        print(&shlex::try_join(words).map_err(|error| Error::Output(io::Error::other(error)))?)?;
    }
    Ok(())
}

/// Refuses a folder with a run of another experiment. The devices may differ, but not their number.
fn refuse_foreign(sweep: &Sweep, folder: &Path) -> Result<(), Error> {
    for (trial, seed) in sweep.runs() {
        let path = folder.join(trial.run_name(seed));
        if !path.join("config.toml").is_file() {
            continue;
        }
        let (found, expected) = (RunFolder::at(&path).experiment()?, trial.with_seed(seed));
        let is_same_count = found.device.count() == expected.device.count();
        let keys = differences(&[found, expected]).into_iter().map(|difference| difference.key);
        let keys: Vec<String> = keys.filter(|key| key != "device" || !is_same_count).collect();
        if !keys.is_empty() {
            return Err(SweepError::Foreign { folder: path, keys: keys.join(", ") }.into());
        }
    }
    Ok(())
}

/// Trains the runs that are not over, one after the other. Skips those that another process is training.
fn train_all(sweep: &Sweep, folder: &Path) -> Result<(), Error> {
    let total = sweep.runs().count();
    for (index, (trial, seed)) in sweep.runs().enumerate() {
        let path = folder.join(trial.run_name(seed));
        let heading = format!("run {} of {total}, {}", index + 1, trial.run_name(seed));
        match Summary::read_or_missing(&RunFolder::at(&path), &trial.experiment)?.status {
            Status::Training => notice(format!("{heading}: another process is training it")),
            before if before.is_over() => notice(format!("{heading}: {} already", before)),
            _ => {
                notice(format!("{heading}:"));
                let training =
                    Training { experiment: &trial.with_seed(seed), test: false, showing: &Showing::default() };
                match training.run_at(&path).map(drop) {
                    // A divergence is a result: the sweep continues.
                    Err(Error::Training(error @ TrainingError::Diverged { .. })) => notice(error),
                    Err(Error::Training(error)) if error.is_interruption() => {
                        notice("the sweep was stopped; run it again to resume");
                        return Err(error.into());
                    }
                    // Another process started this run first.
                    Err(Error::Run(RunError::InUse { .. })) => notice(format!("{heading}: another process uses it")),
                    result => result?,
                }
            }
        }
    }
    Ok(())
}

fn test(trial: &TrialResult, device: Option<&str>) -> Result<(), Error> {
    let runs = trial.runs.iter().filter(|result| result.summary.test_error.is_none());
    let runs: Vec<RunFolder> = runs.map(|result| RunFolder::at(&result.run)).collect();
    let Some(first) = runs.first() else { return Ok(()) };
    let opened = open_recorded(device, &first.record()?.device)?;
    for run in &runs {
        let record = run.record()?;
        let _listening = signals::quit_saying(format!(
            "interrupted: {} is not evaluated on the test set; run the sweep again to resume",
            run.path().display()
        ));
        store(run, &evaluate_run(run, &record, &opened, None, Split::Test)?)?;
    }
    Ok(())
}
