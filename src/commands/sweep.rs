//! `mnist-burn sweep`: trains variants of an experiment, and chooses one.
//!
//! The choice is by validation error only. Then the chosen trial's runs are evaluated on the test images. Every run has its
//! own folder, and only unfinished runs are trained. So a stopped sweep can be resumed, and a finished one is only read.

#[cfg(unix)]
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::{env, fs, io, path::Path, thread::available_parallelism};

use super::opening::{lock, open_recorded};
use super::output::{print, print_json};
use super::{config::absolute_paths, ensemble::create, evaluate::store, evaluation::evaluate_run};
use super::{report::write_page, train::Training};
use crate::cli::{self, Split, Table, TrainOptions, notice, say, signals, warn};
use crate::run::{RunError, RunFolder, Status, Summary, write_whole_at};
use crate::sweep::{RESULTS_FILE, Results, Spread, Sweep, SweepError, TrialResult, overrides, ranked, read_trials};
use crate::text::{nats, percent, seconds};
use crate::{Error, config::Devices, report::comparison, training::TrainingError};

pub fn run(arguments: &cli::Sweep, runs: &Path) -> Result<(), Error> {
    let mut sweep = Sweep::load(&arguments.file, arguments.device.as_deref())?;
    let folder = runs.join(&sweep.file.name);
    for trial in &mut sweep.trials {
        trial.experiment = absolute_paths(trial.experiment.clone(), runs)?;
    }
    sweep.place(&folder);
    if arguments.list {
        return list(&sweep, arguments.device.as_deref());
    }
    if let Some(rung) = arguments.rung {
        return train(&sweep, rung, say);
    }
    for rung in (0..=sweep.file.halving.epochs.len()).filter(|_| !arguments.collect) {
        // Only one process can read standard input.
        match if arguments.file.as_os_str() == "-" { 1 } else { arguments.jobs } {
            1 => train(&sweep, rung, notice)?,
            jobs => train_in_jobs(arguments, runs, jobs.into(), rung)?,
        }
    }
    let mut results = Results::read(&sweep)?;
    let device = arguments.device.as_deref().map(Devices::from);
    let device = device.as_ref().map(Devices::first);
    if let Ok(chosen) = results.chosen() {
        let missing = chosen.runs.iter().filter(|result| result.summary.test_error.is_none());
        test(&missing.map(|result| RunFolder::at(&result.run)).collect::<Vec<_>>(), device)?;
        results = Results::read(&sweep)?;
    }
    // Without a folder, there are no results yet.
    if folder.is_dir() {
        let runs = results.trials.iter().flat_map(|trial| &trial.runs);
        let begun = runs.filter(|it| it.summary.status != Status::Missing).map(|it| RunFolder::at(&it.run));
        let page = comparison(&begun.collect::<Vec<_>>()).map_err(Error::from);
        write_page(folder.join(RunFolder::REPORT), page);
        let [results_file, report] = [RESULTS_FILE, RunFolder::REPORT].map(|name| folder.join(name));
        notice(format!("results in {}, report in {}", results_file.display(), report.display()));
        let json = serde_json::to_vec_pretty(&results).map_err(|error| Error::Output(error.into()))?;
        write_whole_at(&results_file, &json, true)?.iter().for_each(warn);
    }
    if arguments.json {
        print_json(&results)?
    } else {
        print(&text(&results))?
    }
    let chosen = results.chosen()?;
    if arguments.ensemble {
        let path = folder.join(format!("{}-ensemble", chosen.trial));
        let runs: Vec<RunFolder> = chosen.runs.iter().map(|result| RunFolder::at(&result.run)).collect();
        // One of an earlier time may be of other runs.
        let earlier = RunFolder::at(&path);
        if earlier.record().is_ok_and(|record| !record.members.is_empty()) {
            let _lock = lock(&earlier)?;
            fs::remove_dir_all(&path).map_err(|source| RunError::Write { path: path.clone(), source })?;
        }
        let ensemble = create(&path, "ensemble", &runs)?;
        test(std::slice::from_ref(&ensemble), device)?;
        let error = percent(Summary::read(&ensemble)?.test_error);
        notice(format!("ensemble in {}, test error {error}", path.display()));
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
            match trial.ended_after {
                Some(epochs) => format!("ended after epoch {epochs}"),
                None if is_chosen => "chosen".into(),
                None => trial.status().to_string(),
            },
        ]);
    }
    let mut text = table.to_string();
    if let (Ok(chosen), Some(_)) = (results.chosen(), results.test_error) {
        let settings: Vec<String> = chosen.settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        text += &format!("\n\nchosen          {}", chosen.trial);
        if !settings.is_empty() {
            text += &format!("\nsettings        {}", settings.join(", "));
        }
        let (error, seeds) = (Spread::percent(results.test_error), results.seeds.len());
        text += &format!("\ntest error      {error}, {seeds} seed{}", if seeds == 1 { "" } else { "s" });
        let best = chosen.runs.iter().min_by_key(|result| result.summary.validation_wrong);
        text += &best.map_or_else(String::new, |best| format!("\nits best run    {}", best.run.display()));
    }
    text
}

fn list(sweep: &Sweep, device: Option<&str>) -> Result<(), Error> {
    let runs = sweep.trials.iter().flat_map(|trial| trial.runs.iter().map(move |(seed, path)| (trial, seed, path)));
    for (trial, seed, path) in runs {
        let (base, path) = (sweep.file.base.to_string_lossy(), path.to_string_lossy());
        let (overrides, seed) = (overrides(&trial.settings), format!("seed={seed}"));
        let mut words = vec!["mnist-burn", "train", "--config", &base];
        words.extend(overrides.iter().chain([&seed]).flat_map(|setting| ["--set", setting]));
        words.extend(device.into_iter().flat_map(|device| ["--device", device]));
        words.extend(["--run", &path, "--no-test"]);
        print(&shlex::try_join(words).map_err(|error| Error::Output(io::Error::other(error)))?)?;
    }
    Ok(())
}

/// Trains what a rung of the halving needs, after the last one everything that is left. Skips runs that are over, and those
/// that another process is training, and announces how each of the others ended.
fn train(sweep: &Sweep, rung: usize, announce: fn(String)) -> Result<(), Error> {
    let (results, decided) = read_trials(sweep)?;
    if decided < rung {
        notice("another process is still training runs that are compared; run the sweep again when it has ended");
        return Ok(());
    }
    let pause_after = sweep.file.halving.epochs.get(rung).copied();
    let goes_on = |it: &TrialResult| it.ended_after.is_none_or(|ended| pause_after.is_some_and(|epoch| ended >= epoch));
    let left = sweep.trials.iter().zip(&results).filter(|(_, result)| goes_on(result)).map(|(trial, _)| trial);
    let runs: Vec<_> = left.flat_map(|trial| trial.runs.iter().map(move |(seed, path)| (trial, *seed, path))).collect();
    let options = &TrainOptions { no_test: true, ..TrainOptions::default() };
    for (index, &(trial, seed, path)) in runs.iter().enumerate() {
        let heading = format!("run {} of {}, {}", index + 1, runs.len(), trial.run_name(seed));
        let summary = Summary::read_or_missing(&RunFolder::at(path), &trial.experiment)?;
        let skipped = match summary.status {
            Status::Training => Some("another process is training it".into()),
            status if status.is_over() => Some(format!("{status} already")),
            _ => pause_after.filter(|&epoch| summary.epochs >= epoch).map(|_| "paused already".into()),
        };
        if let Some(why) = skipped {
            notice(format!("{heading}: {why}"));
            continue;
        }
        notice(format!("{heading}:"));
        match (Training { experiment: &trial.with_seed(seed), pause_after, options }).run_at(path) {
            Ok(_) => announce(format!("{heading}: finished")),
            // A divergence is a result: the sweep continues.
            Err(Error::Training(error @ (TrainingError::Diverged { .. } | TrainingError::Paused { .. }))) => {
                announce(format!("{heading}: {error}"));
            }
            Err(Error::Training(error)) if error.is_interruption() => {
                notice("the sweep was stopped; run it again to resume");
                return Err(SweepError::Interrupted { run: trial.run_name(seed) }.into());
            }
            // Another process started this run first.
            Err(Error::Run(RunError::InUse { .. })) => notice(format!("{heading}: another process uses it")),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Trains a rung in several processes, each with its share of the processors. One skips what another one trains.
fn train_in_jobs(arguments: &cli::Sweep, runs: &Path, jobs: usize, rung: usize) -> Result<(), Error> {
    let threads = (available_parallelism().map_or(1, usize::from) / jobs).max(1);
    let mut command = Command::new(env::current_exe().map_err(Error::Output)?);
    command.args(["sweep", "--quiet", "--rung", &rung.to_string(), "--runs"]).arg(runs);
    command.args(arguments.device.iter().flat_map(|device| ["--device", device])).arg("--").arg(&arguments.file);
    command.env("RAYON_NUM_THREADS", threads.to_string()).stdin(Stdio::null());
    // Ctrl-C would reach a job twice: from the terminal, and from here.
    #[cfg(unix)]
    command.process_group(0);
    notice(format!("{jobs} jobs, threads of each: {threads}; each run is shown when it ends"));
    let started = (0..jobs).map(|_| command.spawn()).collect::<io::Result<Vec<_>>>().map_err(Error::Output)?;
    let ids: Vec<u32> = started.iter().map(Child::id).collect();
    let _listening = signals::listen(move || ids.iter().for_each(|&id| signals::terminate(id)));
    // All of them are waited for. A job that a signal has ended has no code.
    let code = |mut job: Child| job.wait().map(|status| status.code().map_or(signals::EXIT_CODE, |code| code as u8));
    let codes = started.into_iter().map(code).collect::<io::Result<Vec<u8>>>().map_err(Error::Output)?;
    codes.into_iter().find(|&code| code != 0).map_or(Ok(()), |code| Err(SweepError::Job { code }.into()))
}

fn test(runs: &[RunFolder], device: Option<&str>) -> Result<(), Error> {
    let Some(first) = runs.first() else { return Ok(()) };
    let opened = open_recorded(device, &first.record()?.device)?;
    for run in runs {
        let _listening = signals::quit_saying(format!(
            "interrupted: {} is not evaluated on the test set; run the sweep again to resume",
            run.path().display()
        ));
        store(run, &evaluate_run(run, &opened, None, Split::Test)?)?;
    }
    Ok(())
}
