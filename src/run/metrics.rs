//! The metrics of each epoch, and `metrics.csv`.

use std::io;

use serde::{Deserialize, Serialize};

/// One epoch's metrics: a row of `metrics.csv`. Without validation images, the validation metrics are `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// The epoch's number, from 1.
    pub epoch: usize,
    /// Mean cross-entropy of the training images during the epoch, with augmentation, dropout and noise.
    pub train_loss: f64,
    /// Fraction of the training images classified correctly, likewise.
    pub train_accuracy: f64,
    /// Mean cross-entropy of the validation images at the end of the epoch.
    pub validation_loss: Option<f64>,
    /// Fraction of the validation images classified correctly.
    pub validation_accuracy: Option<f64>,
    /// The validation loss of the network itself, if the model is a moving average of its weights.
    pub raw_validation_loss: Option<f64>,
    /// Its validation accuracy, likewise.
    pub raw_validation_accuracy: Option<f64>,
    /// Wall-clock seconds of training and validation.
    pub seconds: f64,
}

pub fn to_csv(epochs: &[Epoch]) -> Vec<u8> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let written = epochs.iter().try_for_each(|epoch| table.serialize(epoch));
    written.ok().and_then(|()| table.into_inner().ok()).expect("memory takes all that is written to it")
}

/// Reads the contents of `metrics.csv`: epochs, numbered from 1, with possible metrics. Ignores unknown columns.
pub fn from_csv(table: &[u8]) -> Result<Vec<Epoch>, csv::Error> {
    let rows: Vec<Epoch> = csv::Reader::from_reader(table).into_deserialize().collect::<Result<_, _>>()?;
    for (number, row) in (1..).zip(&rows) {
        let accuracies = [Some(row.train_accuracy), row.validation_accuracy, row.raw_validation_accuracy];
        let is_impossible = accuracies.iter().flatten().any(|it| *it < 0.0 || *it > 1.0);
        let why = match row.epoch {
            other if other != number => format!("epoch {other} is in the row of epoch {number}"),
            _ if is_impossible => format!("epoch {number} has an accuracy that is not from 0 to 1"),
            _ if !(0.0..f64::INFINITY).contains(&row.seconds) => format!("epoch {number} has an impossible time"),
            _ => continue,
        };
        return Err(io::Error::new(io::ErrorKind::InvalidData, why).into());
    }
    Ok(rows)
}

/// The best epoch: highest validation accuracy, then lowest validation loss, then the first; without validation, the last.
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

    /// The best of some epochs, each given as its wrong predictions, of 1,000 validation images, and its validation
    /// loss.
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
    fn best_epoch_has_the_lowest_error_then_the_lowest_loss_then_comes_first() {
        assert_eq!(best_of(&[(25, 0.1), (12, 0.9), (25, 0.05)]), 2);
        assert_eq!(best_of(&[(25, 0.3), (25, 0.2), (25, 0.4)]), 2);
        assert_eq!(best_of(&[(25, 0.2), (25, 0.2)]), 1);
    }

    #[test]
    fn best_epoch_is_the_last_without_validation() {
        let epochs = [1, 2, 3].map(|epoch| Epoch { epoch, ..Epoch::default() });
        assert_eq!(best(&epochs).unwrap().epoch, 3);
        assert_eq!(best(&[]), None);
    }
}
