//! One training in one process: prepared from the run folder, launched with Burn's `Learner`, and concluded.

use std::{any::Any, sync::Arc, time::Duration};

use burn::train::renderer::MetricsRenderer;
use burn::train::{Learner, SupervisedTraining};
use parking_lot::Mutex;

use super::checkpoint_writer::{CheckpointWriter, Saving, State};
use super::distillation::Distillation;
use super::error::TrainingError;
use super::history::History;
use super::loss::class_weights;
use super::low_pass::LowPass;
use super::metrics::BufferedMetric;
use super::model::TrainingModel;
use super::optimizer::{check_state, optimizer};
use super::privacy::{GaussianMechanism, PrivacyPlan};
use super::schedule::{LrSchedule, Position};
use super::strategy::strategy;
use crate::data::{Augmentation, EpochPlan, Loader, TrainingData};
use crate::run::{Checkpoint, Member, Meter, PrivacyRecord, Record, RunError, RunFolder, Usage};
use crate::{config::Experiment, device::Opened, evaluation::EVALUATION_BATCH, model::Mlp};

/// The number of batches whose losses are read at once, if reading waits for a device.
const READ_INTERVAL: usize = 64;

/// How often a CPU hands over the metrics of its steps.
const HANDOVER: Duration = Duration::from_millis(50);

/// Shows a training while it runs.
pub trait Display {
    /// Shows the training of this history until the second value is dropped. The history's interrupter stops it after a step.
    fn open(&self, history: &History) -> (Box<dyn MetricsRenderer>, Box<dyn Any>);
}

/// The result of a training.
pub struct Trained {
    /// The epochs.
    pub history: History,
    /// The record, with the checksums of the models.
    pub record: Record,
    /// The training time, over all processes of a resumed training.
    pub usage: Usage,
    /// Whether a signal came during the last step. The training is complete all the same.
    pub interrupted: bool,
}

pub struct Session<'a> {
    experiment: &'a Experiment,
    data: &'a TrainingData,
    devices: &'a [Opened],
    run: &'a RunFolder,
    model: TrainingModel,
    schedule: LrSchedule,
    pub history: History,
    privacy: Option<PrivacyPlan>,
    /// The optimiser's state, empty if no epoch is done.
    optimizer: Vec<u8>,
    usage: Usage,
}

impl<'a> Session<'a> {
    /// Prepares a training, see [`train`](super::train). Writes nothing. Refused if there is a checkpoint that does not fit.
    pub fn prepare(
        experiment: &'a Experiment,
        network: Mlp,
        data: &'a TrainingData,
        devices: &'a [Opened],
        run: &'a RunFolder,
    ) -> Result<Self, TrainingError> {
        let plan = EpochPlan::new(experiment, &data.split);
        let checkpoint = run.checkpoint()?;
        let done = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.epochs.len());
        let position = Position::after_epochs(done, plan.batches.div_ceil(batches_per_update(experiment, devices)));

        let mut model = TrainingModel::new(network, experiment, position.clone());
        model.loss.class_weights = class_weights(experiment, data)?;
        if let Some(checkpoint) = &checkpoint {
            let path = run.path().join(Checkpoint::FILE);
            model = model.restored(checkpoint, &path).map_err(RunError::from)?;
            check_state(&checkpoint.optimizer, &model, &experiment.optimizer, &path)?;
        }
        let (rate, epochs) = (experiment.optimizer.learning_rate, experiment.training.epochs);
        let mut schedule = LrSchedule::new(&experiment.schedule, rate, epochs, position);

        let (epochs, optimizer, usage) = checkpoint.map(|it| (it.epochs, it.optimizer, it.usage)).unwrap_or_default();
        let privacy = PrivacyPlan::new(experiment, &plan)?;
        let history = History::new(experiment.early_stopping.clone(), plan, data.split.validation.len(), epochs);
        schedule.history = Some(history.clone());
        Ok(Self { experiment, data, devices, run, model, schedule, history, privacy, optimizer, usage })
    }

    pub fn with_teacher(mut self, teacher: Option<Distillation>) -> Self {
        self.model.loss.distillation = teacher;
        self
    }

    pub fn is_over(&self) -> bool {
        self.history.epochs().len() >= self.experiment.training.epochs || self.history.stop_reason().is_some()
    }

    /// The costs of a private training with its next epoch, charged ahead so that no crash leaves a model without its costs.
    pub fn privacy(&self) -> Option<PrivacyRecord> {
        Some(self.privacy.as_ref()?.spent(self.history.epochs().len() + 1))
    }

    /// The teacher, and the floating-point operations of its answers in an epoch, if there is one.
    pub fn teacher(&self) -> Option<(Member, u64)> {
        let distillation = self.model.loss.distillation.as_ref()?;
        Some((distillation.source.clone(), self.history.plan.images as u64 * distillation.operations()))
    }

    /// Trains, and saves models, checkpoints and metrics in the run folder, see [`train`](super::train).
    pub fn train(mut self, record: Record, display: &dyn Display) -> Result<Trained, TrainingError> {
        if self.is_over() {
            self.run.remove_privacy_key()?;
            return Ok(Trained { history: self.history, record, usage: self.usage, interrupted: false });
        }
        if let Some(plan) = self.privacy.take() {
            let key = self.run.privacy_key(!self.history.epochs().is_empty())?;
            let size = self.data.images.size();
            let low_pass = self.experiment.privacy.low_pass.map(|frequencies| LowPass { frequencies, size });
            self.model.mechanism = Some(GaussianMechanism { plan, key, low_pass });
        }
        let (writer, error) = self.launch(record, display);
        self.conclude(&writer, error)
    }

    /// Runs Burn's loop to its end. Returns what it has saved, and its error.
    fn launch(&mut self, record: Record, display: &dyn Display) -> (CheckpointWriter, Option<String>) {
        let (training, validation) = self.loaders();
        let Self { experiment, devices, run, model, schedule, history, .. } = self;
        let done = history.epochs().len();
        let scheduler = schedule.clone().with_layers(&experiment.optimizer.layer_factors);
        let writer = CheckpointWriter(Arc::new(Saving {
            run: run.clone(),
            history: history.clone(),
            meter: Meter::start(self.usage),
            model: model.clone(),
            optimizer: std::mem::take(&mut self.optimizer),
            tensorboard: experiment.training.tensorboard.then(|| schedule.clone()),
            state: Mutex::new(State { record, ..State::default() }),
        }));

        let (renderer, shown) = display.open(history);
        let accumulation = experiment.training.gradient_accumulation;
        let handover = if run.memory.is_some() { Duration::ZERO } else { HANDOVER };
        let interval = if share_memory(devices) || run.memory.is_some() { 1 } else { READ_INTERVAL };
        let mut supervised = SupervisedTraining::new(run.path(), Arc::new(training), Arc::new(validation))
            .metrics((BufferedMetric::new("Loss", interval), BufferedMetric::new("Accuracy", interval)))
            .with_metric_logger(history.clone())
            .with_checkpointing_strategy(history.clone())
            .with_custom_checkpointers(writer.clone(), writer.clone(), writer.clone())
            .with_interrupter(history.interrupter.clone())
            .early_stopping(history.clone())
            .renderer(renderer)
            // Burn's own log would replace the program's panic messages.
            .with_application_logger(None)
            .with_training_strategy(strategy(devices, accumulation, history, handover))
            .num_epochs(experiment.training.epochs);
        if experiment.training.ema_decay.is_some() {
            supervised = supervised
                .metric_valid_numeric(BufferedMetric::new("Raw Loss", interval))
                .metric_valid_numeric(BufferedMetric::new("Raw Accuracy", interval));
        }
        if done > 0 {
            supervised = supervised.checkpoint(done);
        }
        // Even for one batch, Burn would copy the model and move every gradient in each step.
        if accumulation > 1 {
            supervised = supervised.grads_accumulation(accumulation);
        }
        let result = supervised.launch(Learner::new(model.clone(), optimizer(&experiment.optimizer), scheduler));
        drop(shown);
        (writer, result.error.map(|error| error.to_string()))
    }

    fn loaders(&self) -> (Loader, Loader) {
        let Self { experiment, data, devices, .. } = self;
        let plan = self.history.plan;
        let loader = |indices: &[usize], batch_size| {
            let device = devices[0].device.clone();
            let mut loader = Loader::new(&data.images, indices.to_vec(), data.scaling, batch_size, device);
            loader.threads = experiment.data.loader_threads;
            loader.keep_on_device = !share_memory(devices);
            loader.epochs = Arc::new((self.history.epochs().len() as u64).into());
            loader
        };
        let mut training = loader(&data.split.training, plan.batch_size);
        training.as_bytes = share_memory(devices) && self.model.closed_form.is_some();
        training.plan = plan;
        training.unlabelled = data.split.unlabelled[..plan.unlabelled].into();
        training.shuffle = Some(experiment.seed);
        training.augmentation = Augmentation::new(&experiment.data.augment, experiment.seed, data.images.size());
        training.accumulation = experiment.training.gradient_accumulation;
        training.devices = devices.len();
        training.sampling = self.model.mechanism.as_ref().map(|it| (it.key.clone(), it.plan.total.sampling_rate));
        (training, loader(&data.split.validation, EVALUATION_BATCH))
    }

    /// The result, or the error. A divergence is written into the record.
    fn conclude(self, writer: &CheckpointWriter, error: Option<String>) -> Result<Trained, TrainingError> {
        let (mut state, usage) = (writer.0.state.lock(), writer.0.meter.read());
        if let Some(failure) = state.failure.take() {
            return Err(failure.into());
        }
        if let Some([epoch, batch]) = self.history.divergence() {
            let update = (batch - 1) / batches_per_update(self.experiment, self.devices);
            let rate = self.schedule.at((epoch - 1) * self.schedule.position.updates_per_epoch + update);
            let error = TrainingError::Diverged { epoch, batch, rate };
            state.record.failure = Some(error.to_string());
            self.run.write_record(&state.record)?;
            return Err(error);
        }
        if let Some(error) = error {
            return Err(TrainingError::Stopped(error));
        }
        // Burn does not see a signal after the last step.
        let interrupted = self.history.interrupter.should_stop();
        let (done, run) = (self.history.epochs().len(), self.run.path().into());
        match self.is_over() {
            false if interrupted => return Err(TrainingError::Interrupted { epoch: done + 1, run }),
            false => return Err(TrainingError::Paused { epoch: done }),
            true => self.run.remove_privacy_key()?,
        }
        Ok(Trained { history: self.history, record: state.record.clone(), usage, interrupted })
    }
}

fn batches_per_update(experiment: &Experiment, devices: &[Opened]) -> usize {
    experiment.training.gradient_accumulation * devices.len()
}

/// Whether all devices compute in this program's memory, so that data is not copied and reads do not wait.
fn share_memory(devices: &[Opened]) -> bool {
    devices.iter().all(Opened::shares_memory)
}
