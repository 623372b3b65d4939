//! What each epoch leaves in the run folder: the models, the checkpoint and the figures.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::lr_scheduler::LrSchedulerRecord;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::OptimizerRecord;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Tensor};
use burn::train::checkpoint::{Checkpointer, CheckpointerError};

use super::{Journal, Trainee, Watch};
use crate::checkpoint::Checkpoint;
use crate::record::{Record, Seconds, Stopwatch};
use crate::run::{RunError, RunFolder};
use crate::weights;

/// Burn's checkpointer of model, optimiser and schedule at once: Burn saves each on a thread of its own, and these threads
/// share this one, so that the three are kept together or not at all.
#[derive(Clone)]
pub struct Keeper(Arc<Shared>);

struct Shared {
    run: RunFolder,
    journal: Journal,
    watch: Watch,
    stopwatch: Stopwatch,
    start: Start,
    state: Mutex<State>,
}

/// Where the training starts from. Burn asks for it back if that is not the beginning.
pub struct Start {
    /// What is trained; each epoch's weights are filled into a copy of it.
    pub trainee: Trainee,
    /// The learning rates to come.
    pub rates: ModuleLrScheduler,
    /// The optimiser's state, as a file of Burn's, and the time that the training took before.
    pub checkpoint: Option<(Vec<u8>, Seconds)>,
    /// How many batches an epoch has.
    pub batches: usize,
    /// Whether the curves are kept for TensorBoard too.
    pub tensorboard: bool,
}

struct State {
    record: Record,
    /// Epochs of which one part has come.
    parts: BTreeMap<usize, Parts>,
    /// The first error: Burn passes on its text alone, without its cause.
    failure: Option<RunError>,
}

#[derive(Default)]
struct Parts {
    model: Option<ModuleRecord>,
    optimizer: Option<Vec<u8>>,
}

impl Keeper {
    /// Keeps what a training in `run` learns, the best model as `journal` has it.
    pub fn new(run: RunFolder, record: Record, journal: Journal, watch: Watch, start: Start) -> Self {
        let before = start.checkpoint.as_ref().map_or_else(Seconds::default, |(_, seconds)| *seconds);
        let state = Mutex::new(State { record, parts: BTreeMap::new(), failure: None });
        Self(Arc::new(Shared { run, journal, watch, stopwatch: Stopwatch::start(before), start, state }))
    }

    /// The record as it stands, the time of the training so far, and the error of keeping, if there was one.
    pub fn finish(&self) -> (Record, Seconds, Option<RunError>) {
        let mut state = self.state();
        (state.record.clone(), self.0.stopwatch.read(), state.failure.take())
    }

    /// Adds a part of an epoch, and keeps the epoch if it was the last one.
    fn add(&self, epoch: usize, add: impl FnOnce(&mut Parts)) -> Result<(), CheckpointerError> {
        let mut state = self.state();
        let state = &mut *state;
        let mut parts = state.parts.remove(&epoch).unwrap_or_default();
        add(&mut parts);
        let Parts { model: Some(model), optimizer: Some(optimizer) } = parts else {
            state.parts.insert(epoch, parts);
            return Ok(());
        };
        // A copy without gradients shares nothing with the one in training.
        let trainee = self.0.start.trainee.valid().try_load_record(model).map_err(CheckpointerError::Record)?;
        self.keep(epoch, &trainee, optimizer, &mut state.record).map_err(|error| {
            let text = CheckpointerError::Unknown(error.to_string());
            state.failure.get_or_insert(error);
            text
        })
    }

    fn keep(&self, epoch: usize, trainee: &Trainee, optimizer: Vec<u8>, record: &mut Record) -> Result<(), RunError> {
        let Shared { run, journal, watch, stopwatch, start, .. } = &*self.0;
        // The last update of an epoch can make what no loss has shown yet.
        if !is_finite(trainee) {
            watch.see(f64::NAN, epoch, start.batches);
            return Ok(());
        }
        let epochs = journal.until(epoch);
        let model = weights::to_bytes(&trainee.model)?;
        let average = trainee.average.as_ref().map(|average| weights::to_bytes(average.network())).transpose()?;
        let kept = average.as_ref().unwrap_or(&model);
        let mut models = vec![(RunFolder::LAST, kept.as_slice())];
        if journal.best_until(epoch).is_some_and(|best| best.epoch == epoch) {
            models.push((RunFolder::BEST, kept));
        }
        run.write_models(&models, record)?;
        let seconds = stopwatch.read();
        run.write_checkpoint(&Checkpoint { epochs: epochs.clone(), seconds, model, average, optimizer })?;
        if start.tensorboard {
            run.write_tensorboard(&epochs, record.started)?;
        }
        run.write_metrics(&epochs)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether every weight is a number.
fn is_finite(trainee: &Trainee) -> bool {
    struct Finite(bool);
    impl ModuleVisitor for Finite {
        fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
            self.0 &= parameter.val().into_data().iter::<f32>().all(f32::is_finite);
        }
    }
    let mut finite = Finite(true);
    trainee.visit(&mut finite);
    finite.0
}

impl Checkpointer<ModuleRecord> for Keeper {
    fn save(&self, epoch: usize, record: ModuleRecord) -> Result<(), CheckpointerError> {
        self.add(epoch, |parts| parts.model = Some(record))
    }

    fn delete(&self, _: usize) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, _: usize) -> Result<ModuleRecord, CheckpointerError> {
        Ok(self.0.start.trainee.clone().into_record())
    }
}

impl Checkpointer<OptimizerRecord> for Keeper {
    fn save(&self, epoch: usize, record: OptimizerRecord) -> Result<(), CheckpointerError> {
        let bytes = record.into_bytes().map_err(CheckpointerError::Record)?;
        self.add(epoch, |parts| parts.optimizer = Some(bytes.to_vec()))
    }

    fn delete(&self, _: usize) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, _: usize) -> Result<OptimizerRecord, CheckpointerError> {
        let state = self.0.start.checkpoint.as_ref().map_or(&[][..], |(optimizer, _)| optimizer);
        let bytes = Bytes::from_bytes_vec(state.to_vec());
        OptimizerRecord::from_bytes(bytes).map_err(CheckpointerError::Record)
    }
}

// The learning rate is a function of the update's number: there is nothing to save.
impl Checkpointer<LrSchedulerRecord> for Keeper {
    fn save(&self, _: usize, _: LrSchedulerRecord) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn delete(&self, _: usize) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, _: usize) -> Result<LrSchedulerRecord, CheckpointerError> {
        Ok(self.0.start.rates.to_record())
    }
}
