//! What can break a training off, in words for its user.

use std::path::PathBuf;

use thiserror::Error;

use crate::run::RunError;

/// Why a training broke off.
#[derive(Debug, Error)]
pub enum TrainingError {
    /// The device failed.
    #[error("the training stopped: {0}")]
    Stopped(String),
    /// What was learned before can't be loaded, or an epoch's model or figures can't be kept.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A signal stopped it.
    #[error("interrupted in epoch {epoch}: {}; `mnist-burn resume {run}` goes on from there", kept(*epoch))]
    Interrupted {
        /// The epoch that was under way.
        epoch: usize,
        /// The run's folder.
        run: PathBuf,
    },
    /// The loss is infinite or no number.
    #[error(
        "the training diverged in epoch {epoch}, batch {batch}, at the learning rate {rate}: the loss is no number any \
         more; take a smaller optimizer.learning_rate. {}",
        if *epoch == 1 { "No model was kept" } else { "The best model of the epochs before is kept" }
    )]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// The batch in it, from 1.
        batch: usize,
        /// The learning rate of its update.
        rate: f64,
    },
}

fn kept(epoch: usize) -> String {
    match epoch {
        1 => "no epoch is whole yet, and it will begin again".into(),
        2 => "epoch 1 is kept, epoch 2 will be done again".into(),
        _ => format!("epochs 1 to {} are kept, epoch {epoch} will be done again", epoch - 1),
    }
}
