//! Why a training stopped, as messages for the user.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::run::RunError;

#[derive(Debug, Error)]
pub enum TrainingError {
    #[error(
        "{key} is too large: the training needs {} for weights, gradients and the optimiser's state and {} for a batch, \
         but {} of memory are free",
        gigabytes(*weights), gigabytes(*batch), gigabytes(*free)
    )]
    Memory { key: &'static str, weights: u64, batch: u64, free: u64 },
    #[error("the training stopped: {0}")]
    Stopped(String),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("interrupted in epoch {epoch}, which is not saved; run `mnist-burn resume {run}` to continue with it")]
    Interrupted { epoch: usize, run: PathBuf },
    #[error("paused after epoch {epoch}")]
    Paused { epoch: usize },
    #[error("interrupted after the last epoch: {}", missing(run, *test))]
    InterruptedAtEnd { run: PathBuf, test: bool },
    /// The device has memory of its own.
    #[error("{key} computes in this program's memory, which {device} does not use; remove it, or use --device flex")]
    ClosedForm { key: &'static str, device: String },
    #[error("privacy.epsilon = {epsilon} is too small for {steps} steps with any noise; raise it, or train less")]
    PrivacyBudget { epsilon: f64, steps: usize },
    #[error("distillation.teacher = \"{teacher}\" was trained for images of another size, or for other classes")]
    OtherTeacher { teacher: PathBuf },
    #[error("training.class_weights has {weights} numbers for {classes} classes; give one for each class")]
    ClassWeights { weights: usize, classes: usize },
    #[error(
        "the training diverged in epoch {epoch}, batch {batch}, at the learning rate {rate}: the loss became NaN \
         or infinite; use a smaller optimizer.learning_rate. {}",
        if *epoch == 1 { "No model was saved" } else { "The best model of the earlier epochs is saved" }
    )]
    Diverged { epoch: usize, batch: usize, rate: f64 },
}

impl TrainingError {
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Interrupted { .. } | Self::InterruptedAtEnd { .. })
    }
}

fn missing(run: &Path, test: bool) -> String {
    match test {
        true => format!("the evaluation on the test set is missing; run `mnist-burn resume {}` for it", run.display()),
        false => "the training is complete, and nothing is missing".into(),
    }
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.2} GB", bytes as f64 / 1e9)
}
