//! What each epoch leaves in the run folder: the last model, the best model and the figures so far.

use std::sync::{Arc, Mutex, PoisonError};

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::train::checkpoint::{Checkpoint, Checkpointer, CheckpointerError};

use super::Journal;
use crate::model::Mlp;
use crate::run::{RunError, RunFolder};
use crate::weights;

/// Burn's checkpointer of the model, called after each epoch on a thread of its own.
pub struct ModelKeeper {
    run: RunFolder,
    journal: Journal,
    /// A network of the same shape, to be filled with each epoch's weights.
    shape: Mlp,
    /// When the training began, in seconds of UNIX time, if there are to be files for TensorBoard.
    tensorboard: Option<f64>,
    failure: Failure,
}

/// The first error of keeping: Burn passes on its text alone, without its cause.
#[derive(Debug, Clone, Default)]
pub struct Failure(Arc<Mutex<Option<RunError>>>);

impl Failure {
    /// The error, if there was one.
    pub fn take(&self) -> Option<RunError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, error: RunError) -> CheckpointerError {
        let text = CheckpointerError::Unknown(error.to_string());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        text
    }
}

impl ModelKeeper {
    /// Keeps models shaped like `shape` in `run`, the best one as `journal` has it.
    pub fn new(run: RunFolder, journal: Journal, shape: Mlp) -> Self {
        Self { run, journal, shape, tensorboard: None, failure: Failure::default() }
    }

    /// Keeps the curves for TensorBoard too, of a training that began at `start`, in seconds of UNIX time.
    pub fn with_tensorboard(self, start: f64) -> Self {
        Self { tensorboard: Some(start), ..self }
    }

    /// Where to ask later what went wrong.
    pub fn failure(&self) -> Failure {
        self.failure.clone()
    }

    fn keep(&self, epoch: usize, model: &Mlp) -> Result<(), RunError> {
        weights::save(model, &self.run.last_model())?;
        if self.journal.best().is_some_and(|best| best.epoch == epoch) {
            weights::save(model, &self.run.best_model())?;
        }
        let epochs = self.journal.until(epoch);
        if let Some(start) = self.tensorboard {
            self.run.write_tensorboard(&epochs, start)?;
        }
        self.run.write_metrics(&epochs)
    }
}

impl Checkpointer<ModuleRecord> for ModelKeeper {
    fn save(&self, epoch: usize, record: ModuleRecord) -> Result<(), CheckpointerError> {
        let model = self.shape.clone().try_load_record(record).map_err(CheckpointerError::Record)?;
        self.keep(epoch, &model).map_err(|error| self.failure.keep(error))
    }

    fn delete(&self, _: usize) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, _: usize) -> Result<ModuleRecord, CheckpointerError> {
        Err(CheckpointerError::Unknown("models are loaded from the run folder, not by Burn".into()))
    }
}

/// The checkpointer of what a run does not keep: Burn wants one for the optimiser and one for the schedule as well.
pub struct NotKept;

impl<R: Checkpoint> Checkpointer<R> for NotKept {
    fn save(&self, _: usize, _: R) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn delete(&self, _: usize) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, _: usize) -> Result<R, CheckpointerError> {
        Err(CheckpointerError::Unknown("not kept".into()))
    }
}
