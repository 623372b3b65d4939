//! What each epoch leaves in the run folder: the last model, the best model and the figures so far.

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::train::checkpoint::{Checkpoint, Checkpointer, CheckpointerError};

use super::Journal;
use crate::model::Mlp;
use crate::run::RunFolder;
use crate::weights;

/// Burn's checkpointer of the model, called after each epoch on a thread of its own.
pub struct ModelKeeper {
    run: RunFolder,
    journal: Journal,
    /// A network of the same shape, to be filled with each epoch's weights.
    shape: Mlp,
}

impl ModelKeeper {
    /// Keeps models shaped like `shape` in `run`, the best one as `journal` has it.
    pub fn new(run: RunFolder, journal: Journal, shape: Mlp) -> Self {
        Self { run, journal, shape }
    }
}

impl Checkpointer<ModuleRecord> for ModelKeeper {
    fn save(&self, epoch: usize, record: ModuleRecord) -> Result<(), CheckpointerError> {
        let failed = |error: &dyn std::error::Error| CheckpointerError::Unknown(error.to_string());
        let model = self.shape.clone().try_load_record(record).map_err(CheckpointerError::Record)?;
        weights::save(&model, &self.run.last_model()).map_err(|error| failed(&error))?;
        if self.journal.best().is_some_and(|best| best.epoch == epoch) {
            weights::save(&model, &self.run.best_model()).map_err(|error| failed(&error))?;
        }
        self.run.write_metrics(&self.journal.until(epoch)).map_err(|error| failed(&error))
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
