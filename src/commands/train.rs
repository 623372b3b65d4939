//! `mnist-burn train`, also the bare command, trains and evaluates a network; `mnist-burn resume` goes on after its last epoch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use toml::Value;

use super::evaluate::{store, store_locked};
use super::evaluation::{Evaluated, evaluate_run};
use super::opening::{find_run, lock, open_recorded};
use super::output::{print, print_evaluation, print_json};
use super::{config, prepared::Prepared, report::remove_report};
use crate::cli::signals::{self, Listening};
use crate::cli::{Display, Resume, Split, Train, TrainOptions, Ui, notice, warn};
use crate::config::{Experiment, check_resumable, values_by_key, word};
use crate::run::{
    DataRecord, EvaluationRecord, Lock, Member, PrivacyRecord, Record, RunError, RunFolder, Summary, TrainingRecord,
    Usage,
};
use crate::training::{self, Session, Trained, TrainingError};
use crate::{Error, data::EpochPlan, evaluation::EVALUATION_BATCH, model::weights};

pub struct Training<'a> {
    pub experiment: &'a Experiment,
    /// The epoch after which the training is left, to be resumed later.
    pub pause_after: Option<usize>,
    pub options: &'a TrainOptions,
}

pub fn run(arguments: &Train, folder: &Path) -> Result<(), Error> {
    let options = &arguments.options;
    options.ui.check()?;
    let experiment = config::resolve(&arguments.experiment, folder)?;
    if arguments.dry_run {
        return dry_run(experiment, options.ui);
    }
    let training = Training { experiment: &experiment, pause_after: None, options };
    let run = match &arguments.run {
        Some(path) => training.run_at(path)?,
        None => training.start(|| RunFolder::create(folder, &experiment))?,
    };
    print_trained(&run, options)
}

/// Resumes a run. It ends with the same bytes as a run without interruption.
pub fn resume(arguments: &Resume, folder: &Path) -> Result<(), Error> {
    arguments.options.ui.check()?;
    let run = find_run(&arguments.run, folder)?;
    let experiment = config::load(Some(&run.config()), &arguments.overrides, folder)?;
    Training { experiment: &experiment, pause_after: None, options: &arguments.options }.resume(&run)?;
    print_trained(&run, &arguments.options)
}

#[derive(Serialize)]
struct Report {
    run: String,
    #[serde(flatten)]
    summary: Summary,
    evaluation: Option<EvaluationRecord>,
    settings: BTreeMap<String, Value>,
    files: Vec<String>,
}

/// Prints what scripts want of a training that has ended, if they do.
pub fn print_trained(run: &RunFolder, options: &TrainOptions) -> Result<(), Error> {
    let path = run.path().display().to_string();
    if options.print.is_some() {
        return print(&path);
    }
    if !options.json {
        return Ok(());
    }
    let (summary, evaluation) = (Summary::read(run)?, run.evaluation(&run.record()?)?);
    let (settings, files) = (values_by_key(&run.experiment()?), run.files().into_keys().collect());
    print_json(&Report { run: path, summary, evaluation, settings, files })
}

impl Training<'_> {
    /// Trains in the folder `path`. Resumes a run that was started there, if its experiment is compatible.
    pub fn run_at(&self, path: &Path) -> Result<RunFolder, Error> {
        let run = RunFolder::at(path);
        match run.config().exists() {
            true => self.resume(&run).map(|()| run),
            false => self.start(|| RunFolder::create_at(path, self.experiment)),
        }
    }

    /// Trains in the folder that `create` makes after all checks have passed.
    fn start(&self, create: impl FnOnce() -> Result<(RunFolder, Lock), RunError>) -> Result<RunFolder, Error> {
        let prepared = Prepared::new(self.experiment, None)?;
        let (run, lock) = create()?;
        lock.warnings.iter().for_each(warn);
        self.train(&prepared, &run, None)?;
        Ok(run)
    }

    /// Resumes a run. If it is trained, only evaluates it, or says how to train it for more epochs.
    pub fn resume(&self, run: &RunFolder) -> Result<(), Error> {
        let epochs = run.checkpoint()?.map_or(0, |checkpoint| checkpoint.epochs.len());
        let own = run.experiment()?;
        let path = run.path().into();
        match run.record() {
            // A run that diverged would diverge again.
            Ok(Record { failure: Some(failure), .. }) => return Err(RunError::Failed { run: path, failure }.into()),
            Ok(Record { members, .. }) if !members.is_empty() => return Err(RunError::Ensemble { run: path }.into()),
            Ok(Record { training: Some(_), .. }) if own == *self.experiment => return self.finish(run, epochs),
            _ => {}
        }
        check_resumable(&own, self.experiment, epochs)?;
        let _lock = lock(run)?;
        // With a checkpoint, the pretrained weights are not loaded again: their file may have changed or be missing.
        let started = run.checkpoint()?.map(|_| run.record()).transpose()?;
        self.train(&Prepared::new(self.experiment, started.as_ref())?, run, started)
    }

    fn finish(&self, run: &RunFolder, epochs: usize) -> Result<(), Error> {
        let (record, Experiment { device, schedule, .. }) = (run.record()?, self.experiment);
        if self.options.no_test || matches!(run.evaluation(&record), Ok(Some(_))) {
            let mut longer = self.experiment.clone();
            longer.training.epochs = 2 * epochs;
            let (path, kind) = (run.path().display(), word(schedule.kind));
            // A schedule may fix the number of epochs.
            let advice = match check_resumable(self.experiment, &longer, epochs) {
                Ok(()) => format!("train it longer with `mnist-burn resume {path} --epochs {}`", 2 * epochs),
                Err(_) => format!("its {kind} schedule can't be extended; train a new run with more epochs"),
            };
            notice(format!("{path} is finished after {epochs} epochs; {advice}"));
            return Ok(());
        }
        notice(format!("{} is finished, but not evaluated yet", run.path().display()));
        let _listening = quit_in_evaluation(run);
        // Another device than the run's own is one that the user asked for.
        let asked = (run.experiment()?.device != *device).then(|| device.first());
        let device = open_recorded(asked, &record.device)?;
        let evaluated = evaluate_run(run, &device, None, Split::Test)?;
        let report = store(run, &evaluated)?;
        self.print_result(&evaluated, &ending(run, &record), report)
    }

    /// Trains in `run` and reports the result. `started` is the record of a run with a checkpoint. Checks all before it writes.
    fn train(&self, prepared: &Prepared, run: &RunFolder, started: Option<Record>) -> Result<(), Error> {
        let experiment = self.experiment;
        let mut record = prepared.record(experiment, run, started.as_ref())?;
        let Prepared { network, teacher, data, devices, files, .. } = prepared;
        let session = Session::prepare(experiment, network.clone(), data, devices, run)?;
        let mut session = session.with_teacher(teacher.clone());
        session.history.pause_after = self.pause_after;
        let (teacher, teacher_operations) = session.teacher().unzip();
        if let Some(teacher) = &teacher {
            check_teacher(teacher, experiment, run, started.as_ref().and_then(|record| record.teacher.as_ref()))?;
        }
        record.teacher = teacher;
        match started {
            // Nothing will be trained: the record tells how this model was.
            Some(started) if session.is_over() => record = started,
            _ => remove_report(run),
        }
        // A killed process may have been further than the checkpoint.
        let charged = run.record().ok().and_then(|before| before.privacy);
        record.privacy = session.privacy().map(|now| charged.filter(|before| before.steps > now.steps).unwrap_or(now));
        let DataRecord { training_images, unlabelled_images, validation_images, .. } = record.data;
        let more = if unlabelled_images > 0 { format!(", {unlabelled_images} unlabelled") } else { String::new() };
        let name = &experiment.name;
        notice(format!("{name}: {training_images} training{more} and {validation_images} validation images"));
        if let Some(last) = session.history.epochs().last() {
            notice(format!("resuming after epoch {}", last.epoch));
        }
        if record.privacy.is_some() {
            notice(
                "private: its samples and its noise come from a secret key, not from the seed: it can't be reproduced",
            );
        }
        log::info!("the config:\n{}", experiment.to_toml());
        run.write_config(experiment)?;
        run.write_record(&record)?;
        let display = Display { ui: self.options.ui, epochs: experiment.training.epochs, quits_with: None };
        let Trained { history, mut record, usage, interrupted } = session.train(record, &display)?;

        let epochs = history.epochs().len();
        let stopped = history.stop_reason().filter(|_| epochs < experiment.training.epochs);
        if let Some(reason) = &stopped {
            notice(format!("stopped after epoch {epochs}: {reason}"));
        }
        record.training = Some(TrainingRecord {
            epochs,
            best_epoch: history.best().map_or(epochs, |best| best.epoch),
            stopped,
            floating_point_operations: prepared.operations(experiment, epochs)
                + epochs as u64 * teacher_operations.unwrap_or(0),
            // The time of a training that was finished before is not that of its checkpoint, which is shorter.
            usage: record.training.map_or(usage, |before| before.usage),
        });
        run.write_record(&record)?;
        if interrupted {
            let test = !self.options.no_test;
            return Err(TrainingError::InterruptedAtEnd { run: run.path().into(), test }.into());
        }
        if self.options.no_test {
            // stdout is left to the caller, which may print results of its own.
            notice(ending(run, &record));
            return Ok(());
        }
        // The test images are used once, after the model is chosen.
        let _listening = quit_in_evaluation(run);
        let images = files.test([record.data.height, record.data.width], record.data.classes)?;
        let evaluated = Evaluated::on(run, images, files.test_checksums(), &devices[0])?;
        let report = store_locked(run, &evaluated)?;
        self.print_result(&evaluated, &ending(run, &record), report)
    }

    fn print_result(&self, evaluated: &Evaluated, ending: &str, report: Option<PathBuf>) -> Result<(), Error> {
        if self.options.json || self.options.print.is_some() {
            return Ok(());
        }
        let report = report.map_or_else(String::new, |path| format!("\nreport          {}", path.display()));
        print_evaluation(&evaluated.record.evaluation, "test accuracy", &format!("\n\n{ending}{report}"))
    }
}

/// Refuses a teacher that has changed since the run was started. Warns of one that saw images that are held out here.
fn check_teacher(now: &Member, own: &Experiment, run: &RunFolder, before: Option<&Member>) -> Result<(), RunError> {
    if before.is_some_and(|before| before.sha256 != now.sha256) {
        return Err(RunError::OtherStart { run: run.path().into(), file: now.run.display().to_string() });
    }
    let teacher = RunFolder::at(&now.run);
    for run in teacher.networks(&teacher.record()?) {
        let Experiment { data, seed, .. } = run.experiment()?;
        if own.data.validation > 0 && (data.validation, seed) != (own.data.validation, own.seed) {
            let teacher = run.path().display();
            warn(format!("the teacher {teacher} held out other images, so the validation error may be too low"));
        }
    }
    Ok(())
}

/// A signal during the evaluation of `run` ends the program, and tells how to evaluate it later.
fn quit_in_evaluation(run: &RunFolder) -> Listening {
    let run = run.path().display();
    signals::quit_saying(format!("interrupted in the evaluation on the test set; run `mnist-burn resume {run}` for it"))
}

fn ending(run: &RunFolder, record: &Record) -> String {
    let training = record.training.as_ref().map_or_else(String::new, |training| {
        let TrainingRecord { epochs, best_epoch, usage: Usage { wall_seconds, .. }, .. } = training;
        let parameters = record.parameters;
        let privacy = record.privacy.map_or_else(String::new, |PrivacyRecord { epsilon, delta, .. }| {
            format!("privacy         epsilon {epsilon:.3} at delta {delta}\n")
        });
        format!(
            "{privacy}model           epoch {best_epoch} of {epochs}, {parameters} parameters\ntraining time   {wall_seconds:.1} s\n"
        )
    });
    format!("{training}saved in        {}", run.path().display())
}

/// Runs one batch per device end to end, without a file. The test images are not used.
fn dry_run(mut experiment: Experiment, ui: Ui) -> Result<(), Error> {
    const INTERRUPTED: &str = "interrupted: the dry run is not complete; nothing was saved";
    let _listening = signals::quit_saying(INTERRUPTED);
    let mut prepared = Prepared::new(&experiment, None)?;
    let split = &mut prepared.data.split;
    let EpochPlan { batch_size, unlabelled_per_batch, .. } = EpochPlan::new(&experiment, split);
    let devices = prepared.devices.len();
    split.training.truncate(batch_size * devices);
    // The unlabelled images of these batches, but at least one per device: without any there would be no batch.
    split.unlabelled.truncate(unlabelled_per_batch.max(1) * devices);
    split.validation.truncate(EVALUATION_BATCH);
    experiment.training.epochs = 1;

    let run = RunFolder::in_memory();
    let record = prepared.new_record(&experiment);
    let display = Display { ui, epochs: experiment.training.epochs, quits_with: Some(INTERRUPTED) };
    let Prepared { network, data, devices: opened, .. } = prepared;
    let trained = training::train(&experiment, network, &data, &opened, &run, record, &display)?;
    let (model, _) = run.model(&experiment, &trained.record, &opened[0])?;
    let bytes = weights::to_bytes(&model).map_err(RunError::from)?.len();
    let batches = if devices == 1 { "one batch" } else { "one batch per device" };
    print(&format!(
        "dry run: {batches} went through training, validation, saving and loading; {} parameters, {bytes} bytes per \
         model; nothing was saved",
        trained.record.parameters
    ))
}
