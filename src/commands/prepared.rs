//! What `train`, `resume` and a dry run load and check before they train: devices, data, network.

use super::opening::{locate, open_device};
use crate::cli::{notice, warn};
use crate::config::{Experiment, Prepare};
use crate::data::{EpochPlan, Files, TrainingData, prepare::Look};
use crate::model::{Mlp, Pretrained, PretrainedError, TransferRecord, shortened};
use crate::run::{DataRecord, Record, RunError, RunFolder};
use crate::training::{self, Distillation};
use crate::{Error, device::Opened};

pub struct Prepared {
    /// At least one. The first one also validates and tests.
    pub devices: Vec<Opened>,
    pub files: Files,
    pub data: TrainingData,
    pub network: Mlp,
    pub teacher: Option<Distillation>,
    /// The pretrained weights of `network`, if it is not randomly initialised.
    transfer: Option<TransferRecord>,
    look: Option<Look>,
}

impl Prepared {
    /// Prepares a new run, or one that is resumed from a checkpoint. `started` is the record of the latter.
    pub fn new(experiment: &Experiment, started: Option<&Record>) -> Result<Self, Error> {
        let devices: Vec<_> = experiment.device.names().into_iter().map(open_device).collect::<Result<_, _>>()?;
        if let count @ 2.. = devices.len() {
            notice(format!(
                "each update uses one batch from each of the {count} devices, and sums their gradients on the first"
            ));
        }
        training::check_gradients(experiment, &devices)?;
        let files = locate(&experiment.data)?;
        let mut data = TrainingData::load(&files, experiment)?;
        // Check the test files now, so that a damaged one does not cost a training. The network does not see the images.
        let test = files.test(data.images.size(), data.images.classes())?;
        data.warnings(&test).iter().for_each(warn);
        training::class_weights(experiment, &data)?;
        if devices[0].shares_memory() {
            training::check_memory(experiment, &data, training::free_memory())?;
        }

        let (inputs, classes, autodiff) =
            (data.images.area(), data.images.classes(), devices[0].device.clone().autodiff());
        let network = Mlp::new(&experiment.model, &experiment.init, inputs, classes, Some(experiment.seed), &autodiff);
        let (network, transfer) = if let Some(record) = started {
            data.scaling = record.data.scaling;
            (network, record.transfer.clone())
        } else if let Some(pretrained) = pretrained(experiment, &files)? {
            // The pretrained first layer needs the pixel scaling that it was trained with.
            data.scaling = pretrained.description.as_ref().map_or(data.scaling, |it| it.pixels.scaling);
            let (network, transfer) = pretrained.into_network(network, experiment, data.images.names())?;
            report_transfer(&transfer);
            (network, Some(transfer))
        } else {
            (network, None)
        };
        let teacher = Distillation::load(experiment, &data, &devices[0])?;
        // What private images look like tells of them: they are taken for MNIST's.
        let prepare = experiment.data.prepare;
        let look = (!experiment.privacy.is_on() || prepare != Prepare::Auto).then(|| data.look(prepare));
        Ok(Self { devices, files, data, network, teacher, transfer, look })
    }

    pub fn new_record(&self, experiment: &Experiment) -> Record {
        let Self { devices, files, data, network, transfer, .. } = self;
        let [height, width] = data.images.size();
        Record {
            device: devices[0].name.clone(),
            adapter: devices[0].adapter.clone(),
            beside: devices[1..].iter().map(|device| device.name.clone()).collect(),
            seed: experiment.seed,
            data: DataRecord {
                height,
                width,
                classes: data.images.classes(),
                names: data.images.names().into(),
                training_images: data.split.training.len(),
                unlabelled_images: data.split.unlabelled.len(),
                validation_images: data.split.validation.len(),
                scaling: data.scaling,
                look: self.look,
                sha256: files.checksums().clone(),
            },
            parameters: network.trained_parameters(),
            transfer: transfer.clone(),
            ..Record::begun()
        }
    }

    pub fn operations(&self, experiment: &Experiment, epochs: usize) -> u64 {
        let Experiment { init, training, .. } = experiment;
        let EpochPlan { images, unlabelled, .. } = EpochPlan::new(experiment, &self.data.split);
        let frozen = epochs.min(init.unfreeze_after.unwrap_or(epochs));
        // With a moving average, the network itself is validated too.
        let validations = if training.ema_decay.is_some() { 2 } else { 1 };
        // The teacher's forward pass over the unlabelled images.
        let forward_only = self.data.split.validation.len() as u64 * validations + unlabelled as u64;
        let steps = frozen as u64 * self.network.training_operations(&init.freeze)
            + (epochs - frozen) as u64 * self.network.training_operations(&[]);
        (images + unlabelled) as u64 * steps
            + forward_only * epochs as u64 * self.network.training_operations(&experiment.model.layers())
    }

    /// The record. A resumed run keeps its start and its models' checksums. Refused if data or pretrained weights have changed.
    pub fn record(&self, experiment: &Experiment, run: &RunFolder, started: Option<&Record>) -> Result<Record, Error> {
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

/// Loads the weights that `init.from` names, if it is set: a run's best model, or a file of weights.
/// A private training may not start from a run on its own images, which are in `files`.
fn pretrained(experiment: &Experiment, files: &Files) -> Result<Option<Pretrained>, Error> {
    let init = &experiment.init;
    let Some(from) = &init.from else { return Ok(None) };
    let source = RunFolder::at(if from.is_dir() { from } else { from.parent().unwrap_or(from) }).record();
    let own = files.checksums();
    let is_of_these = |run: Record| run.data.sha256.values().any(|sum| own.values().any(|it| it == sum));
    if experiment.privacy.is_on() && source.is_ok_and(is_of_these) {
        return Err(Error::SameImages { from: from.clone() });
    }
    let pretrained = match from.is_dir() {
        true => RunFolder::at(from).pretrained().map_err(|source| Error::SourceRun { key: "init.from", source })?,
        false => Pretrained::from_file(from).map_err(PretrainedError::from)?,
    };
    Ok(Some(pretrained.unwrapped(experiment)?.renamed(&init.rename)?))
}

fn report_transfer(TransferRecord { file, taken, fresh, unused, .. }: &TransferRecord) {
    notice(format!("weights from {file}: {}", taken.join(", ")));
    for (layer, reason) in fresh {
        notice(format!("randomly initialised: {layer}, as {reason}"));
    }
    if !unused.is_empty() {
        notice(format!("not used: {}", shortened(unused)));
    }
}
