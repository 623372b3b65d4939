//! `mnist-burn train`, the bare command: from a config to a run's folder with a trained, tested network.

use std::path::PathBuf;

use super::report::leave_report;
use super::{config, open_devices, print, print_evaluation};
use crate::cli::Train;
use crate::config::{Experiment, check_resumable};
use crate::data::{self, Files, TrainingData};
use crate::device::Opened;
use crate::evaluation::{EVALUATION_BATCH, evaluate};
use crate::model::Mlp;
use crate::notice::notice;
use crate::record::{DataRecord, Record, TrainingRecord, TransferRecord};
use crate::run::{RunError, RunFolder};
use crate::training::{self, Portions, Trained, Ui};
use crate::transfer::Origin;
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

/// Trains `experiment` in `folder`; with `test`, counts the best model's errors on the test images at the end. A run that
/// was begun there goes on if it is of the same experiment.
///
/// # Errors
/// Whatever stopped it.
pub fn train(experiment: &Experiment, folder: &Folder, test: bool, ui: Ui) -> Result<(), Error> {
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
            go_on(experiment, &run, test, ui)
        }
        _ => {
            let prepared = Prepared::new(experiment, None)?;
            let (run, _lock) = match folder {
                Folder::New(runs) => RunFolder::create(runs, experiment)?,
                Folder::At(path) => RunFolder::create_at(path, experiment)?,
            };
            prepared.carry_out(experiment, &run, test, ui)
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
pub fn go_on(experiment: &Experiment, run: &RunFolder, test: bool, ui: Ui) -> Result<(), Error> {
    let _lock = run.lock()?;
    // The weights to go on with are those of the checkpoint, whatever became of those that the run began with.
    let begun = run.checkpoint()?.map(|_| run.record()).transpose()?;
    let prepared = Prepared::new(experiment, begun.as_ref())?;
    run.write_config(experiment)?;
    prepared.carry_out(experiment, run, test, ui)
}

/// What a training needs besides its experiment, all there and checked.
struct Prepared {
    /// At least one. The first is the one that validates and tests.
    devices: Vec<Opened>,
    files: Files,
    data: TrainingData,
    /// Ready to be trained.
    network: Mlp,
    /// What `network` starts with, if not by chance.
    transfer: Option<TransferRecord>,
}

impl Prepared {
    /// For a run that is to begin, or one that has `begun`, of which this is the record.
    fn new(experiment: &Experiment, begun: Option<&Record>) -> Result<Self, Error> {
        let devices = open_devices(&experiment.device)?;
        let files = data::locate(&experiment.data)?;
        let mut data = TrainingData::load(&files, experiment)?;
        // A damaged file must not cost a training; nothing of what is read here is kept.
        files.test(data.images.size(), data.classes())?;

        let (inputs, classes, autodiff) = (data.inputs(), data.classes(), devices[0].device.clone().autodiff());
        let network = Mlp::new(&experiment.model, &experiment.init, inputs, classes, experiment.seed, &autodiff);
        let (network, transfer) = match begun {
            Some(record) => {
                data.scaling = record.data.scaling;
                (network, record.transfer.clone())
            }
            None => match Origin::of(&experiment.init)? {
                Some(origin) => {
                    // The first layer goes on with numbers as it knows them.
                    data.scaling = origin.scaling().unwrap_or(data.scaling);
                    let (network, transfer) = origin.into_network(network, experiment, data.images.names())?;
                    (network, Some(transfer))
                }
                None => (network, None),
            },
        };
        Ok(Self { devices, files, data, network, transfer })
    }

    /// What is known of the run before it starts.
    fn new_record(&self, experiment: &Experiment) -> Record {
        let new = Record::new(experiment.seed, self.files.checksums(), &self.data, &self.network, &self.devices);
        Record { transfer: self.transfer.clone(), ..new }
    }

    /// Trains in `run`, from its checkpoint if it has one, and reports.
    fn carry_out(&self, experiment: &Experiment, run: &RunFolder, test: bool, ui: Ui) -> Result<(), Error> {
        let record = self.record(experiment, run)?;
        let DataRecord { training_images, unlabelled_images, validation_images, .. } = record.data;
        let unlabelled = match unlabelled_images {
            0 => String::new(),
            unlabelled => format!(", {unlabelled} unlabelled"),
        };
        notice(format!(
            "{}: {training_images} training{unlabelled} and {validation_images} validation images",
            experiment.name
        ));
        run.write_record(&record)?;
        let trained = training::train(experiment, self.network.clone(), &self.data, &self.devices, run, record, ui)?;

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
            floating_point_operations: self.operations(experiment, epochs),
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
        let model = run.model(experiment, &record, &self.devices[0])?;
        let images = self.files.test(self.data.images.size(), self.data.classes())?;
        let evaluated = evaluate(&model, images, self.data.scaling, &self.devices[0].device)?;
        run.write_evaluation(&evaluated.evaluation)?;
        let report = leave_report(run, &model, &evaluated);
        let report = report.map_or_else(String::new, |path| format!("\nreport          {}", path.display()));
        print_evaluation(&evaluated.evaluation, &format!("\n\n{ending}{report}"))
    }

    /// The floating-point operations of so many epochs.
    fn operations(&self, experiment: &Experiment, epochs: usize) -> u64 {
        let Experiment { init, training, .. } = experiment;
        let Portions { images, unlabelled, .. } = Portions::new(experiment, &self.data.split);
        let frozen = epochs.min(init.unfreeze_after.unwrap_or(epochs));
        // An average is validated beside the weights themselves.
        let validations = if training.ema.is_some() { 2 } else { 1 };
        // The teacher has but a look at the unlabelled ones.
        let looks = self.data.split.validation.len() as u64 * validations + unlabelled as u64;
        let steps = frozen as u64 * self.network.training_operations(&init.freeze)
            + (epochs - frozen) as u64 * self.network.training_operations(&[]);
        (images + unlabelled) as u64 * steps + looks * epochs as u64 * self.network.forward_operations()
    }

    /// The run's record: the one it has, as long as it still holds, or else a new one.
    fn record(&self, experiment: &Experiment, run: &RunFolder) -> Result<Record, Error> {
        let new = self.new_record(experiment);
        if run.checkpoint()?.is_none() {
            let began_with = run.record().ok().and_then(|old| old.transfer);
            return match (began_with, &new.transfer) {
                (Some(old), Some(now)) if old.sha256 != now.sha256 => {
                    Err(RunError::OtherStart { run: run.path().into(), file: old.file }.into())
                }
                _ => Ok(new),
            };
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
        if old.devices() != new.devices() {
            let before = old.devices();
            notice(format!("warning: the run began on {before}; the rest may differ from what that would give"));
        }
        Ok(Record { models: old.models, started: old.started, ..new })
    }
}

/// One batch a device through everything, in a folder that is gone afterwards: nothing is kept, and the test images are not used.
fn dry_run(mut experiment: Experiment, ui: Ui) -> Result<(), Error> {
    let mut prepared = Prepared::new(&experiment, None)?;
    let split = &mut prepared.data.split;
    let Portions { batch_size, beside, .. } = Portions::new(&experiment, split);
    let devices = prepared.devices.len();
    split.training.truncate(batch_size * devices);
    // As many batches as they take: with none beside, one image takes one as well.
    split.unlabelled.truncate(beside.max(1) * devices);
    split.validation.truncate(EVALUATION_BATCH);
    experiment.training.epochs = 1;

    let place = |source| RunError::Create { path: std::env::temp_dir(), source };
    let folder = tempfile::tempdir().map_err(place)?;
    let (run, _lock) = RunFolder::create(folder.path(), &experiment)?;
    let record = prepared.new_record(&experiment);
    run.write_record(&record)?;
    let trained = training::train(&experiment, prepared.network, &prepared.data, &prepared.devices, &run, record, ui)?;
    let model = run.model(&experiment, &trained.record, &prepared.devices[0])?;
    let bytes = weights::to_bytes(&model).map_err(RunError::from)?.len();
    let batches = if devices == 1 { "one batch" } else { "one batch a device" };
    print(&format!(
        "dry run: {batches} went through training, validation, saving and loading; {} parameters, {bytes} bytes a model; \
         nothing was kept",
        trained.record.parameters
    ))
}
