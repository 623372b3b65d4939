//! `mnist-burn train`, the bare command: from a config to a run's folder with a trained, tested network.

use std::path::PathBuf;

use super::report::leave_report;
use super::{config, open_device, print, print_evaluation};
use crate::cli::Train;
use crate::config::{BatchSize, Experiment, check_resumable};
use crate::data::{self, Files, TrainingData};
use crate::device::Opened;
use crate::evaluation::{EVALUATION_BATCH, evaluate};
use crate::model::Mlp;
use crate::notice::notice;
use crate::record::{Record, TrainingRecord};
use crate::run::{RunError, RunFolder};
use crate::training::{self, Trained};
use crate::{Error, weights};

/// Where a run is to be.
#[derive(Debug, Clone)]
pub enum Folder {
    /// In a new folder in this one, named by the experiment and the time.
    New(PathBuf),
    /// Just here. A run begun here goes on.
    At(PathBuf),
}

/// Trains, then counts the best model's errors on the test images.
pub fn run(arguments: &Train) -> Result<(), Error> {
    let experiment = config::resolve(&arguments.experiment)?;
    if arguments.dry_run {
        return dry_run(experiment);
    }
    let folder = match &arguments.run {
        Some(path) => Folder::At(path.clone()),
        None => Folder::New(arguments.runs.clone()),
    };
    train(&experiment, &folder, !arguments.no_test)
}

/// Trains `experiment` in `folder`; with `test`, counts the best model's errors on the test images at the end. A run that
/// was begun there goes on if it is of the same experiment.
///
/// # Errors
/// Whatever stopped it.
pub fn train(experiment: &Experiment, folder: &Folder, test: bool) -> Result<(), Error> {
    match folder {
        Folder::At(path) if RunFolder::open(path).config().exists() => {
            let run = RunFolder::open(path);
            let epochs = run.checkpoint()?.map_or(0, |checkpoint| checkpoint.epochs_done());
            check_resumable(&run.experiment()?, experiment, epochs)?;
            refuse_failed(&run)?;
            if run.is_over(experiment) && (run.has_evaluation() || !test) {
                notice(format!("{} is finished", path.display()));
                return Ok(());
            }
            go_on(experiment, &run, test)
        }
        _ => {
            let prepared = Prepared::new(experiment)?;
            let (run, _lock) = match folder {
                Folder::New(runs) => RunFolder::create(runs, experiment)?,
                Folder::At(path) => RunFolder::create_at(path, experiment)?,
            };
            prepared.carry_out(experiment, &run, test)
        }
    }
}

/// Refuses a run that diverged: it would again.
///
/// # Errors
/// [`RunError::Failed`].
pub fn refuse_failed(run: &RunFolder) -> Result<(), RunError> {
    match run.record().ok().and_then(|record| record.failure) {
        Some(failure) => Err(RunError::Failed { run: run.path().into(), failure }),
        None => Ok(()),
    }
}

/// Goes on with a run, as `experiment`, which is the run's own but for what may change.
///
/// # Errors
/// Whatever stopped it.
pub fn go_on(experiment: &Experiment, run: &RunFolder, test: bool) -> Result<(), Error> {
    let _lock = run.lock()?;
    let prepared = Prepared::new(experiment)?;
    run.write_config(experiment)?;
    prepared.carry_out(experiment, run, test)
}

/// What a training needs besides its experiment, all there and checked.
struct Prepared {
    device: Opened,
    files: Files,
    data: TrainingData,
}

impl Prepared {
    fn new(experiment: &Experiment) -> Result<Self, Error> {
        let device = open_device(&experiment.device)?;
        let files = data::locate(&experiment.data)?;
        let data = TrainingData::load(&files, experiment)?;
        // A damaged file must not cost a training; nothing of what is read here is kept.
        files.test(data.images.size(), data.classes())?;
        Ok(Self { device, files, data })
    }

    /// A network of this experiment with fresh weights, ready to be trained.
    fn network(&self, experiment: &Experiment) -> Mlp {
        let device = self.device.device.clone().autodiff();
        let (inputs, classes) = (self.data.inputs(), self.data.classes());
        Mlp::new(&experiment.model, &experiment.init, inputs, classes, experiment.seed, &device)
    }

    /// Trains in `run`, from its checkpoint if it has one, and reports.
    fn carry_out(&self, experiment: &Experiment, run: &RunFolder, test: bool) -> Result<(), Error> {
        let network = self.network(experiment);
        // An average is validated beside the weights themselves.
        let validations = if experiment.training.ema.is_some() { 2 } else { 1 };
        let operations = (network.training_operations(), validations * network.forward_operations());
        let record = self.record(experiment, run, &network)?;
        let (images, held_out) = (record.data.training_images, record.data.validation_images);
        notice(format!("{}: {images} training and {held_out} validation images", experiment.name));
        run.write_record(&record)?;
        let trained = training::train(experiment, network, &self.data, &self.device, run, record)?;

        let Trained { journal, mut record, seconds } = trained;
        let epochs = journal.epochs().len();
        let best_epoch = journal.best().map_or(epochs, |best| best.epoch);
        let stopped = journal.stop_reason().filter(|_| epochs < experiment.training.epochs);
        if let Some(reason) = &stopped {
            notice(format!("stopped after epoch {epochs}: {reason}"));
        }
        record.training = Some(TrainingRecord {
            epochs,
            best_epoch,
            stopped,
            floating_point_operations: epochs as u64 * (images as u64 * operations.0 + held_out as u64 * operations.1),
            wall_seconds: seconds.wall,
            cpu_seconds: seconds.cpu,
        });
        run.write_record(&record)?;

        let ending = format!(
            "model           epoch {best_epoch} of {epochs}, {} parameters\ntraining time   {:.1} s\nsaved in        {}",
            record.parameters,
            seconds.wall,
            run.path().display()
        );
        if !test {
            // Who asked for this wants the folder, and perhaps has results of its own for stdout.
            notice(ending);
            return Ok(());
        }
        // The only look at the test images, with the model that was chosen without them.
        let model = run.model(experiment, &record, &self.device)?;
        let images = self.files.test(self.data.images.size(), self.data.classes())?;
        let evaluated = evaluate(&model, images, self.data.scaling, &self.device.device)?;
        run.write_evaluation(&evaluated.evaluation)?;
        let report = leave_report(run, &model, &evaluated);
        let report = report.map_or_else(String::new, |path| format!("\nreport          {}", path.display()));
        print_evaluation(&evaluated.evaluation, &format!("\n\n{ending}{report}"))
    }

    /// The run's record: the one it has, as long as it still holds, or else a new one.
    fn record(&self, experiment: &Experiment, run: &RunFolder, network: &Mlp) -> Result<Record, Error> {
        let new = Record::new(experiment.seed, &self.files, &self.data, network, &self.device);
        if run.checkpoint()?.is_none() {
            return Ok(new);
        }
        let old = run.record()?;
        if old.data.sha256 != new.data.sha256 {
            return Err(RunError::OtherData { run: run.path().into() }.into());
        }
        if (&old.version, &old.commit) != (&new.version, &new.commit) {
            notice(
                "warning: another build of this program began this run; the rest may differ from what it would give",
            );
        }
        if old.device != new.device {
            notice(format!("warning: the run began on {}; the rest may differ from what that would give", old.device));
        }
        Ok(Record { models: old.models, started: old.started, ..new })
    }
}

/// One batch through everything, in a folder that is gone afterwards: nothing is kept, and the test images are not used.
fn dry_run(mut experiment: Experiment) -> Result<(), Error> {
    let mut prepared = Prepared::new(&experiment)?;
    let split = &mut prepared.data.split;
    if let BatchSize::Images(images) = experiment.training.batch_size {
        split.training.truncate(images);
    }
    split.validation.truncate(EVALUATION_BATCH);
    experiment.training.epochs = 1;

    let place = |source| RunError::Create { path: std::env::temp_dir(), source };
    let folder = tempfile::tempdir().map_err(place)?;
    let (run, _lock) = RunFolder::create(folder.path(), &experiment)?;
    let network = prepared.network(&experiment);
    let record = Record::new(experiment.seed, &prepared.files, &prepared.data, &network, &prepared.device);
    run.write_record(&record)?;
    let trained = training::train(&experiment, network, &prepared.data, &prepared.device, &run, record)?;
    let model = run.model(&experiment, &trained.record, &prepared.device)?;
    let bytes = weights::to_bytes(&model).map_err(RunError::from)?.len();
    print(&format!(
        "dry run: one batch went through training, validation, saving and loading; {} parameters, {bytes} bytes a model; \
         nothing was kept",
        trained.record.parameters
    ))
}
