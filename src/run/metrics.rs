//! The figures of each epoch, and `metrics.csv`.

use std::io;

use serde::{Deserialize, Serialize};

/// One epoch's figures; a row of `metrics.csv`. The validation figures are missing where nothing is held out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean cross-entropy of the training images, each as it was met, with dropout and noise.
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

/// The epoch whose model is the best: fewest validation errors, then least validation loss, then the earliest. Without a
/// validation split, the last.
pub fn best(epochs: &[Epoch]) -> Option<&Epoch> {
    let is_better = |new: &Epoch, best: &Epoch| match (new.validation_accuracy, best.validation_accuracy) {
        (Some(accuracy), Some(highest)) => (-accuracy, new.validation_loss) < (-highest, best.validation_loss),
        _ => true,
    };
    epochs.iter().reduce(|best, new| if is_better(new, best) { new } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best of epochs with so many of 1,000 validation images wrong, and that loss.
    fn best_of(validation: &[(usize, f64)]) -> usize {
        let epoch = |(number, &(wrong, loss))| Epoch {
            epoch: number,
            validation_accuracy: Some((1_000 - wrong) as f64 / 1_000.0),
            validation_loss: Some(loss),
            ..Epoch::default()
        };
        best(&(1..).zip(validation).map(epoch).collect::<Vec<_>>()).unwrap().epoch
    }

    #[test]
    fn the_best_epoch_has_the_least_error_then_the_least_loss_then_comes_first() {
        assert_eq!(best_of(&[(25, 0.1), (12, 0.9), (25, 0.05)]), 2);
        assert_eq!(best_of(&[(25, 0.3), (25, 0.2), (25, 0.4)]), 2);
        assert_eq!(best_of(&[(25, 0.2), (25, 0.2)]), 1);
    }

    #[test]
    fn without_validation_the_last_epoch_is_the_best() {
        let epochs = [1, 2, 3].map(|epoch| Epoch { epoch, ..Epoch::default() });
        assert_eq!(best(&epochs).unwrap().epoch, 3);
        assert_eq!(best(&[]), None);
    }
}
