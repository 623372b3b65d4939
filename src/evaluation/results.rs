//! The results of one model on one set of images, counted from its predictions.

use std::fmt;

use anstyle::Style;
use serde::{Deserialize, Serialize};

/// The metrics of one model on one set of images; the contents of `evaluation.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// How many images were classified.
    pub images: usize,
    /// How many of them were misclassified.
    pub wrong: usize,
    /// The fraction classified correctly, in [0, 1].
    pub accuracy: f64,
    /// Mean cross-entropy, in nats.
    pub loss: f64,
    /// The metrics of each class, in order.
    pub classes: Vec<ClassMetrics>,
    /// `confusion[truth][prediction]` counts images.
    pub confusion: Vec<Vec<usize>>,
}

/// The metrics of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// The class.
    pub class: usize,
    /// Its name; empty in evaluations written before classes had names.
    #[serde(default)]
    pub name: String,
    /// The fraction of the images predicted as this class that belong to it; 0 if there are none.
    pub precision: f64,
    /// The fraction of this class's images that are predicted as it; 0 if there are none.
    pub recall: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// How many images are of this class.
    pub images: usize,
}

impl Evaluation {
    /// The metrics from a confusion matrix, the names of its classes, and the mean loss.
    pub fn new(confusion: Vec<Vec<usize>>, names: &[String], loss: f64) -> Self {
        let images = confusion.iter().flatten().sum();
        let correct: usize = (0..confusion.len()).map(|class| confusion[class][class]).sum();
        let classes =
            names.iter().enumerate().map(|(class, name)| ClassMetrics::new(class, name, &confusion)).collect();
        Self { images, wrong: images - correct, accuracy: fraction(correct, images), loss, classes, confusion }
    }

    /// The count of the most frequent confusion: the largest one off the diagonal.
    pub fn most_confused(&self) -> usize {
        let off = |(truth, row): (usize, &Vec<usize>)| {
            row.iter().enumerate().filter(|&(class, _)| class != truth).map(|(_, &count)| count).max()
        };
        self.confusion.iter().enumerate().filter_map(off).max().unwrap_or(0)
    }
}

impl ClassMetrics {
    fn new(class: usize, name: &str, confusion: &[Vec<usize>]) -> Self {
        let correct = confusion[class][class];
        let images = confusion[class].iter().sum();
        let predicted = confusion.iter().map(|row| row[class]).sum();
        Self {
            class,
            name: name.into(),
            precision: fraction(correct, predicted),
            recall: fraction(correct, images),
            // 2PR / (P + R), without its division of zero by zero.
            f1: fraction(2 * correct, images + predicted),
            images,
        }
    }
}

fn fraction(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.write(f, |_, _| Style::new())
    }
}

impl Evaluation {
    /// Writes the metrics as text, each count of the confusion matrix in the style of its truth and prediction.
    pub fn write(&self, f: &mut impl fmt::Write, style: impl Fn(usize, usize) -> Style) -> fmt::Result {
        writeln!(f, "test accuracy   {:.2} %", 100.0 * self.accuracy)?;
        writeln!(f, "wrong           {} of {}", self.wrong, self.images)?;
        writeln!(f, "loss            {:.4}", self.loss)?;
        let row = self.classes.iter().map(|class| class.name.chars().count()).fold(5, usize::max);
        let column = row + 1;
        writeln!(f, "\n{:>row$}  precision  recall      f1  images", "class")?;
        for class in &self.classes {
            let ClassMetrics { name, precision, recall, f1, images, .. } = class;
            writeln!(f, "{name:>row$}  {precision:>9.4}  {recall:>6.4}  {f1:>6.4}  {images:>6}")?;
        }
        write!(f, "\nconfusion matrix: rows are the truth, columns the prediction\n{:row$}", "")?;
        for class in &self.classes {
            write!(f, "{:>column$}", class.name)?;
        }
        for (truth, (class, counts)) in self.classes.iter().zip(&self.confusion).enumerate() {
            write!(f, "\n{:>row$}", class.name)?;
            for (prediction, count) in counts.iter().enumerate() {
                let style = style(truth, prediction);
                write!(f, "{style}{count:>column$}{style:#}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two classes: one of six zeros is predicted as a one, and two of four ones as zeros.
    fn evaluation() -> Evaluation {
        Evaluation::new(vec![vec![5, 1], vec![2, 2]], &["zero".into(), "one".into()], 0.5)
    }

    #[test]
    fn wrong_predictions_are_those_off_the_diagonal() {
        let evaluation = evaluation();
        assert_eq!((evaluation.images, evaluation.wrong), (10, 3));
        assert!((evaluation.accuracy - 0.7).abs() < 1e-12);
    }

    #[test]
    fn precision_counts_columns_and_recall_counts_rows() {
        let [zero, one] = &evaluation().classes[..] else { panic!("two classes") };
        assert_eq!((zero.precision, zero.recall), (5.0 / 7.0, 5.0 / 6.0));
        assert_eq!((one.precision, one.recall), (2.0 / 3.0, 0.5));
        let harmonic = 2.0 * one.precision * one.recall / (one.precision + one.recall);
        assert!((one.f1 - harmonic).abs() < 1e-12);
    }

    #[test]
    fn class_that_never_occurs_has_metrics_of_zero() {
        let evaluation = Evaluation::new(vec![vec![3, 0], vec![0, 0]], &["0".into(), "1".into()], 0.0);
        assert_eq!(
            (evaluation.classes[1].precision, evaluation.classes[1].recall, evaluation.classes[1].f1),
            (0.0, 0.0, 0.0)
        );
    }
}
