//! The figures of each epoch, and `metrics.csv`.

use std::io;

use serde::{Deserialize, Serialize};

/// One epoch's figures; a row of `metrics.csv`. The validation figures are missing where nothing is held out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean cross-entropy of the training images, each as it was met, with dropout.
    pub train_loss: f64,
    /// Share of them classified rightly, likewise.
    pub train_accuracy: f64,
    /// Mean cross-entropy of the validation images at the epoch's end.
    pub validation_loss: Option<f64>,
    /// Share of them classified rightly.
    pub validation_accuracy: Option<f64>,
    /// The loss of the network as it is, where the model is an average of its weights.
    pub raw_validation_loss: Option<f64>,
    /// Its accuracy, likewise.
    pub raw_validation_accuracy: Option<f64>,
    /// Wall-clock seconds, training and validation.
    pub seconds: f64,
}

/// `metrics.csv`: a header and a row an epoch.
///
/// # Errors
/// None that is known: it is written to memory.
pub fn to_csv(epochs: &[Epoch]) -> io::Result<Vec<u8>> {
    let mut table = csv::Writer::from_writer(Vec::new());
    epochs.iter().try_for_each(|epoch| table.serialize(epoch))?;
    table.into_inner().map_err(|error| io::Error::other(error.to_string()))
}
