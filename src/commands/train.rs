//! `mnist-burn train`, also the bare command: trains a network from a config, and evaluates it, in a run folder.

use std::path::PathBuf;

use super::config;
use super::evaluate::{store, store_locked};
use super::evaluation::{Evaluated, evaluate_run};
use super::opening::{locate, lock, open_device, open_devices, report_lock};
use super::print::{print, print_evaluation};
use super::report::remove_report;
use crate::Error;
use crate::cli::signals::{self, Listening};
use crate::cli::{Display, Train, Ui, notice, warn};
use crate::config::{Experiment, check_resumable};
use crate::data::{Files, TrainingData};
use crate::device::Opened;
use crate::evaluation::EVALUATION_BATCH;
use crate::model::{Mlp, Pretrained, PretrainedError, TransferRecord, shortened, weights};
use crate::run::{DataRecord, Record, RunError, RunFolder, TrainingRecord};
use crate::training::{self, EpochPlan, Session, Trained, TrainingError};

/// The folder of a run.
#[derive(Debug, Clone)]
pub enum Folder {
    /// A new folder in this one, named after the experiment and the time.
    New(PathBuf),
    /// This folder. A run that was started here is resumed.
    At(PathBuf),
}

/// Trains a network, then evaluates the best model on the test images.
pub fn run(arguments: &Train) -> Result<(), Error> {
    arguments.ui.check()?;
    let experiment = config::resolve(&arguments.experiment)?;
    if arguments.dry_run {
        return dry_run(experiment, arguments.ui);
    }
    let folder = match &arguments.run {
        Some(path) => Folder::At(path.clone()),
        None => Folder::New(arguments.runs.clone()),
    };
    train(&experiment, &folder, !arguments.no_test, arguments.ui)
}

/// Trains `experiment` in `folder`. With `test`, evaluates the best model on the test images at the end. Resumes a run
/// that was started there, if its experiment is compatible.
///
/// # Errors
/// If the run can't be resumed, or the training or the evaluation fails.
pub fn train(experiment: &Experiment, folder: &Folder, test: bool, ui: Ui) -> Result<(), Error> {
    match folder {
        Folder::At(path) if RunFolder::at(path).config().exists() => {
            let run = RunFolder::at(path);
            let epochs = run.checkpoint()?.map_or(0, |checkpoint| checkpoint.epochs_done());
            check_resumable(&run.experiment()?, experiment, epochs)?;
            refuse_failed(&run)?;
            if run.is_over(experiment) {
                return finish(experiment, &run, test, "");
            }
            resume(experiment, &run, test, ui)
        }
        _ => {
            let prepared = Prepared::new(experiment, None)?;
            let (run, lock) = match folder {
                Folder::New(runs) => RunFolder::create(runs, experiment)?,
                Folder::At(path) => RunFolder::create_at(path, experiment)?,
            };
            report_lock(&lock);
            prepared.train(experiment, &run, None, test, ui)
        }
    }
}

/// Evaluates a run whose training is finished, if `test` is set and its best model is not evaluated yet. `longer` says
/// how to train it longer.
///
/// # Errors
/// If the evaluation fails or can't be stored.
pub fn finish(experiment: &Experiment, run: &RunFolder, test: bool, longer: &str) -> Result<(), Error> {
    let record = run.record()?;
    if !test || matches!(run.evaluation(&record), Ok(Some(_))) {
        notice(format!("{} is finished{longer}", run.path().display()));
        return Ok(());
    }
    notice(format!("{} is finished, but not evaluated yet", run.path().display()));
    let _listening = quit_in_evaluation(run);
    let evaluated = evaluate_run(run, &record, &open_device(experiment.device.first())?)?;
    let report = store(run, &evaluated)?;
    print_result(run, &record, &evaluated, report)
}

/// Refuses a run that diverged: it would diverge again.
///
/// # Errors
/// [`RunError::Failed`].
pub fn refuse_failed(run: &RunFolder) -> Result<(), RunError> {
    match run.record().ok().and_then(|record| record.failure) {
        Some(failure) => Err(RunError::Failed { run: run.path().into(), failure }),
        None => Ok(()),
    }
}

/// Resumes a run with `experiment`. It may differ from the run's own only in keys that may change.
///
/// # Errors
/// If another process trains there, or the training or the evaluation fails.
pub fn resume(experiment: &Experiment, run: &RunFolder, test: bool, ui: Ui) -> Result<(), Error> {
    let _lock = lock(run)?;
    // With a checkpoint, the pretrained weights are not loaded again: their file may have changed or be missing.
    let started = run.checkpoint()?.map(|_| run.record()).transpose()?;
    Prepared::new(experiment, started.as_ref())?.train(experiment, run, started, test, ui)
}

/// Everything that a training needs besides its experiment, loaded and checked.
struct Prepared {
    /// At least one. The first one also validates and tests.
    devices: Vec<Opened>,
    files: Files,
    data: TrainingData,
    /// The network to train.
    network: Mlp,
    /// The pretrained weights of `network`, if it is not randomly initialised.
    transfer: Option<TransferRecord>,
}

impl Prepared {
    /// Prepares a new run, or one that is resumed from a checkpoint. `started` is the record of the latter.
    fn new(experiment: &Experiment, started: Option<&Record>) -> Result<Self, Error> {
        let devices = open_devices(&experiment.device)?;
        training::check_gradients(experiment, &devices)?;
        let files = locate(&experiment.data)?;
        let mut data = TrainingData::load(&files, experiment)?;
        // Check the test files now, so that a damaged one does not cost a training. The network does not see the images.
        let test = files.test(data.images.size(), data.classes())?;
        data.warnings(&test).iter().for_each(warn);
        if devices[0].shares_memory() {
            training::check_memory(experiment, &data)?;
        }

        let (inputs, classes, autodiff) = (data.inputs(), data.classes(), devices[0].device.clone().autodiff());
        let network = Mlp::new(&experiment.model, &experiment.init, inputs, classes, experiment.seed, &autodiff);
        let (network, transfer) = match started {
            Some(record) => {
                data.scaling = record.data.scaling;
                (network, record.transfer.clone())
            }
            None => match pretrained(experiment)? {
                Some(pretrained) => {
                    // The pretrained first layer needs the pixel scaling that it was trained with.
                    data.scaling = pretrained.scaling().unwrap_or(data.scaling);
                    let (network, transfer) = pretrained.into_network(network, experiment, data.images.names())?;
                    report_transfer(&transfer);
                    (network, Some(transfer))
                }
                None => (network, None),
            },
        };
        Ok(Self { devices, files, data, network, transfer })
    }

    /// The record of a new run.
    fn new_record(&self, experiment: &Experiment) -> Record {
        let Self { devices, files, data, network, transfer } = self;
        let [height, width] = data.images.size();
        Record {
            version: env!("CARGO_PKG_VERSION").into(),
            commit: option_env!("MNIST_BURN_COMMIT").map(Into::into),
            device: devices[0].name.clone(),
            adapter: devices[0].adapter.clone(),
            beside: devices[1..].iter().map(|device| device.name.clone()).collect(),
            seed: experiment.seed,
            started: jiff::Timestamp::now().as_duration().as_secs_f64(),
            data: DataRecord {
                height,
                width,
                classes: data.classes(),
                names: data.images.names().into(),
                training_images: data.split.training.len(),
                unlabelled_images: data.split.unlabelled.len(),
                validation_images: data.split.validation.len(),
                scaling: data.scaling,
                look: Some(data.look(experiment.data.prepare)),
                sha256: files.checksums().clone(),
            },
            parameters: network.trained_parameters(),
            transfer: transfer.clone(),
            ..Record::default()
        }
    }

    /// Trains in `run`, from its checkpoint if it has one, and reports the result. `started` is the record of a run with
    /// a checkpoint. Writes nothing before all checks have passed.
    fn train(
        &self,
        experiment: &Experiment,
        run: &RunFolder,
        started: Option<Record>,
        test: bool,
        ui: Ui,
    ) -> Result<(), Error> {
        let mut record = self.record(experiment, run, started.as_ref())?;
        let Self { network, data, devices, files, .. } = self;
        let session = Session::prepare(experiment, network.clone(), data, devices, run)?;
        match started {
            // Nothing will be trained: the record tells how this model was.
            Some(started) if session.is_over() => record = started,
            _ => remove_report(run),
        }
        let DataRecord { training_images, unlabelled_images, validation_images, .. } = record.data;
        let unlabelled = match unlabelled_images {
            0 => String::new(),
            unlabelled => format!(", {unlabelled} unlabelled"),
        };
        notice(format!(
            "{}: {training_images} training{unlabelled} and {validation_images} validation images",
            experiment.name
        ));
        run.write_config(experiment)?;
        run.write_record(&record)?;
        let display = Display::new(ui, experiment.training.epochs);
        let Trained { history, mut record, seconds, interrupted } = session.train(record, &display)?;

        let epochs = history.epochs().len();
        let stopped = history.stop_reason().filter(|_| epochs < experiment.training.epochs);
        if let Some(reason) = &stopped {
            notice(format!("stopped after epoch {epochs}: {reason}"));
        }
        // The time of a training that was finished before is not that of its checkpoint, which is shorter.
        let [wall_seconds, cpu_seconds] =
            record.training.map_or([seconds.wall, seconds.cpu], |before| [before.wall_seconds, before.cpu_seconds]);
        record.training = Some(TrainingRecord {
            epochs,
            best_epoch: history.best().map_or(epochs, |best| best.epoch),
            stopped,
            floating_point_operations: self.operations(experiment, epochs),
            wall_seconds,
            cpu_seconds,
        });
        run.write_record(&record)?;
        if interrupted {
            return Err(TrainingError::InterruptedAtEnd { run: run.path().into(), test }.into());
        }
        if !test {
            // stdout is left to the caller, which may print results of its own.
            notice(ending(run, &record));
            return Ok(());
        }
        // The test images are used once, after the model is chosen.
        let _listening = quit_in_evaluation(run);
        let evaluated = Evaluated::new(run, experiment, &record, files, &devices[0])?;
        let report = store_locked(run, &evaluated)?;
        print_result(run, &record, &evaluated, report)
    }

    /// The floating-point operations of `epochs` epochs of training and validation.
    fn operations(&self, experiment: &Experiment, epochs: usize) -> u64 {
        let Experiment { init, training, .. } = experiment;
        let EpochPlan { images, unlabelled, .. } = EpochPlan::new(experiment, &self.data.split);
        let frozen = epochs.min(init.unfreeze_after.unwrap_or(epochs));
        // With a moving average, the network itself is validated too.
        let validations = if training.ema_decay.is_some() { 2 } else { 1 };
        // The teacher's forward pass over the unlabelled images.
        let forward_only = self.data.split.validation.len() as u64 * validations + unlabelled as u64;
        let steps = frozen as u64 * self.network.training_operations(&init.freeze)
            + (epochs - frozen) as u64 * self.network.training_operations(&[]);
        (images + unlabelled) as u64 * steps + forward_only * epochs as u64 * self.network.forward_operations()
    }

    /// The record to train with. A resumed run keeps the checksums of its models and its start time.
    ///
    /// # Errors
    /// If the data files or the pretrained weights have changed since the run was started.
    fn record(&self, experiment: &Experiment, run: &RunFolder, started: Option<&Record>) -> Result<Record, Error> {
        let new = self.new_record(experiment);
        let Some(old) = started else {
            let transfer = run.record().ok().and_then(|old| old.transfer);
            return match (transfer, &new.transfer) {
                (Some(old), Some(now)) if old.sha256 != now.sha256 => {
                    Err(RunError::OtherStart { run: run.path().into(), file: old.file }.into())
                }
                _ => Ok(new),
            };
        };
        if old.data.sha256 != new.data.sha256 {
            return Err(RunError::OtherData { run: run.path().into() }.into());
        }
        if (&old.version, &old.commit) != (&new.version, &new.commit) {
            warn("this run was started by another build of this program; its results may differ from that build's");
        }
        let mut earlier_devices = old.earlier_devices.clone();
        if old.devices() != new.devices() {
            let before = old.devices();
            warn(format!("this run was started on {before}; its results may differ from that device's"));
            earlier_devices.push(before);
        }
        Ok(Record { models: old.models.clone(), started: old.started, earlier_devices, ..new })
    }
}

/// A signal during the evaluation of `run` ends the program, and tells how to evaluate it later.
fn quit_in_evaluation(run: &RunFolder) -> Listening {
    let run = run.path().display();
    signals::quit_saying(format!("interrupted in the evaluation on the test set; run `mnist-burn resume {run}` for it"))
}

/// The last lines of a training: its model, its time and its folder.
fn ending(run: &RunFolder, record: &Record) -> String {
    let training = record.training.as_ref().map_or_else(String::new, |training| {
        let TrainingRecord { epochs, best_epoch, wall_seconds, .. } = training;
        let parameters = record.parameters;
        format!(
            "model           epoch {best_epoch} of {epochs}, {parameters} parameters\ntraining time   {wall_seconds:.1} s\n"
        )
    });
    format!("{training}saved in        {}", run.path().display())
}

/// Prints the evaluation of a finished run.
fn print_result(run: &RunFolder, record: &Record, evaluated: &Evaluated, report: Option<PathBuf>) -> Result<(), Error> {
    let report = report.map_or_else(String::new, |path| format!("\nreport          {}", path.display()));
    print_evaluation(&evaluated.record.evaluation, &format!("\n\n{}{report}", ending(run, record)))
}

/// Loads the weights that `init.from` names, if it is set: a run's best model, or a file of weights.
fn pretrained(experiment: &Experiment) -> Result<Option<Pretrained>, Error> {
    let init = &experiment.init;
    let Some(from) = &init.from else { return Ok(None) };
    let pretrained = match from.is_dir() {
        true => RunFolder::at(from).pretrained().map_err(Error::SourceRun)?,
        false => Pretrained::from_file(from).map_err(PretrainedError::from)?,
    };
    Ok(Some(pretrained.unwrapped(experiment)?.renamed(&init.rename)?))
}

/// Reports the pretrained layers, the randomly initialised layers, and the tensors that are not used.
fn report_transfer(TransferRecord { file, taken, fresh, unused, .. }: &TransferRecord) {
    notice(format!("weights from {file}: {}", taken.join(", ")));
    for (layer, reason) in fresh {
        notice(format!("randomly initialised: {layer}, as {reason}"));
    }
    if !unused.is_empty() {
        notice(format!("not used: {}", shortened(unused)));
    }
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
    let display = Display::new(ui, experiment.training.epochs).quitting_with(INTERRUPTED);
    let Prepared { network, data, devices: opened, .. } = prepared;
    let trained = training::train(&experiment, network, &data, &opened, &run, record, &display)?;
    let model = run.model(&experiment, &trained.record, &opened[0])?;
    let bytes = weights::to_bytes(&model).map_err(RunError::from)?.len();
    let batches = if devices == 1 { "one batch" } else { "one batch per device" };
    print(&format!(
        "dry run: {batches} went through training, validation, saving and loading; {} parameters, {bytes} bytes per \
         model; nothing was saved",
        trained.record.parameters
    ))
}
