//! Saves each epoch in the run folder: record, models, checkpoint, metrics, in the order that [`crate::run`] explains.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use burn::lr_scheduler::LrSchedulerRecord;
use burn::module::Module;
use burn::optim::OptimizerRecord;
use burn::store::{ModuleRecord, ModuleSnapshot, bridge};
use burn::tensor::Bytes;
use burn::train::checkpoint::{Checkpointer, CheckpointerError};
use parking_lot::Mutex;

use super::{history::History, model::TrainingModel, schedule::LrSchedule};
use crate::config::Init;
use crate::model::{WeightsError, only, weights};
use crate::run::metrics::best;
use crate::run::{Checkpoint, Meter, Record, RunError, RunFolder};

/// Burn's checkpointer of model, optimiser and learning rate. Burn's threads for them share it, so that all are saved or none.
#[derive(Clone)]
pub struct CheckpointWriter(pub Arc<Saving>);

pub struct Saving {
    pub run: RunFolder,
    pub history: History,
    pub meter: Meter,
    /// The model that the training starts from. The weights of each epoch are loaded into a copy of it.
    pub model: TrainingModel,
    /// The state that the optimiser starts from, in Burn's file format. On resume, Burn asks for it.
    pub optimizer: Vec<u8>,
    /// The learning rates, if the curves for TensorBoard are written, too.
    pub tensorboard: Option<LrSchedule>,
    pub state: Mutex<State>,
}

type Parts = (Option<ModuleRecord>, Option<Vec<u8>>);

#[derive(Default)]
pub struct State {
    pub record: Record,
    /// Epochs that wait for their second part.
    pub parts: BTreeMap<usize, Parts>,
    /// The first error. Burn passes on its text alone, without its cause.
    pub failure: Option<RunError>,
}

impl CheckpointWriter {
    fn add(&self, epoch: usize, part: Parts) -> Result<(), CheckpointerError> {
        let mut state = self.0.state.lock();
        let state = &mut *state;
        let before = state.parts.remove(&epoch).unwrap_or_default();
        let parts = (part.0.or(before.0), part.1.or(before.1));
        let (Some(model), Some(optimizer)) = parts else {
            state.parts.insert(epoch, parts);
            return Ok(());
        };
        // A copy without gradients shares nothing with the model in training.
        let model = self.0.model.valid().try_load_record(model).map_err(CheckpointerError::Record)?;
        self.write(epoch, &model, optimizer, &mut state.record).map_err(|error| {
            let text = CheckpointerError::Unknown(error.to_string());
            state.failure.get_or_insert(error);
            text
        })
    }

    fn write(&self, epoch: usize, model: &TrainingModel, state: Vec<u8>, record: &mut Record) -> Result<(), RunError> {
        let Saving { run, history, .. } = &*self.0;
        // The epoch's last update can make weights NaN or infinite before any loss shows it.
        let mut tensors = model.collect(None, None, false).into_iter().map(bridge::into_data);
        if !tensors.all(|tensor| tensor.is_ok_and(|it| it.iter::<f32>().all(f32::is_finite))) {
            history.check(f64::NAN, epoch, history.plan.batches);
            return Ok(());
        }
        let epochs = history.until(epoch);
        let network = weights::to_bytes(&model.network)?;
        let average = model.average.as_ref().map(weights::to_bytes).transpose()?;
        let unmerged = average.as_ref().unwrap_or(&network);
        let adapter = adapter(&model.experiment.init, unmerged, run.path())?;
        let merged = adapter.as_ref().map(|_| weights::to_bytes(&model.eval_model().clone().materialize()));
        let entries = record.description(&model.experiment.model).entries();
        let eval_model = weights::with_metadata(merged.transpose()?.as_ref().unwrap_or(unmerged), entries, run.path())?;
        let mut models = vec![(RunFolder::LAST, eval_model.as_slice())];
        if best(&epochs).is_some_and(|best| best.epoch == epoch) {
            models.push((RunFolder::BEST, &eval_model));
            models.extend(adapter.as_ref().map(|it| (RunFolder::ADAPTER, it.as_slice())));
        }
        record.privacy = self.0.model.mechanism.as_ref().map(|it| it.plan.spent(epoch + 1));
        run.write_models(&models, record)?;
        let usage = self.0.meter.read();
        run.write_checkpoint(&Checkpoint { epochs: epochs.clone(), usage, model: network, average, optimizer: state })?;
        if let Some(schedule) = &self.0.tensorboard {
            let last_rate = |epoch: usize| schedule.at(epoch * schedule.position.updates_per_epoch - 1);
            run.write_tensorboard(&epochs, &last_rate, record.started)?;
        }
        run.write_metrics(&epochs)
    }
}

/// With low-rank adaptation, the file of those tensors in `bytes` that have learned. `path` is named in errors.
fn adapter(init: &Init, bytes: &[u8], path: &Path) -> Result<Option<Vec<u8>>, WeightsError> {
    let Some((rank, alpha)) = init.lora.rank.zip(init.lora.alpha) else { return Ok(None) };
    let is_frozen = |layer: &str| init.unfreeze_after.is_none() && init.freeze.iter().any(|frozen| frozen == layer);
    let learns = |name: &str| {
        let layer = name.rsplit_once('.').map_or(name, |(layer, _)| layer);
        !is_frozen(layer) && !init.lora.layers.iter().any(|adapted| adapted == layer)
    };
    let entries = [("rank", rank.to_string()), ("alpha", alpha.to_string())].map(|(key, value)| (key.into(), value));
    weights::with_metadata(&only(bytes, learns, path)?, entries.into(), path).map(Some)
}

impl Checkpointer<ModuleRecord> for CheckpointWriter {
    fn save(&self, epoch: usize, record: ModuleRecord) -> Result<(), CheckpointerError> {
        self.add(epoch, (Some(record), None))
    }

    fn delete(&self, _: usize) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, _: usize) -> Result<ModuleRecord, CheckpointerError> {
        Ok(self.0.model.clone().into_record())
    }
}

impl Checkpointer<OptimizerRecord> for CheckpointWriter {
    fn save(&self, epoch: usize, record: OptimizerRecord) -> Result<(), CheckpointerError> {
        let bytes = record.into_bytes().map_err(CheckpointerError::Record)?;
        self.add(epoch, (None, Some(bytes.to_vec())))
    }

    fn delete(&self, _: usize) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, _: usize) -> Result<OptimizerRecord, CheckpointerError> {
        OptimizerRecord::from_bytes(Bytes::from_bytes_vec(self.0.optimizer.clone())).map_err(CheckpointerError::Record)
    }
}

// The learning rate is a function of the position: there is nothing to save.
impl Checkpointer<LrSchedulerRecord> for CheckpointWriter {
    fn save(&self, _: usize, _: LrSchedulerRecord) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn delete(&self, _: usize) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, _: usize) -> Result<LrSchedulerRecord, CheckpointerError> {
        Ok(LrSchedulerRecord::new())
    }
}
