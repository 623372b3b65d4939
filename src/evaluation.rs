//! What a trained model knows: its predictions, counted against the truth.

use std::fmt;
use std::sync::Arc;

use anstyle::Style;
use burn::data::dataloader::DataLoader;
use burn::tensor::{Device, ExecutionError, Tensor};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::data::{Batch, ImageBatcher, Images, Loader, Scaling};
use crate::model::Mlp;

/// Images in one forward pass where no gradients are kept; it changes the speed and nothing else.
pub const EVALUATION_BATCH: usize = 500;

/// Why an evaluation broke off.
#[derive(Debug, Error)]
pub enum EvaluationError {
    /// The device failed while computing.
    #[error("the device failed while evaluating: {0}")]
    Device(String),
    /// The network's answer is infinite or no number.
    #[error("the model gives no numbers: its training diverged; train it with a smaller optimizer.learning_rate")]
    NotFinite,
}

impl From<ExecutionError> for EvaluationError {
    fn from(error: ExecutionError) -> Self {
        Self::Device(error.to_string())
    }
}

/// The figures of one model on one set of images; the contents of `evaluation.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// How many images were classified.
    pub images: usize,
    /// How many of them wrongly.
    pub wrong: usize,
    /// The share classified rightly, in [0, 1].
    pub accuracy: f64,
    /// Mean cross-entropy, in nats.
    pub loss: f64,
    /// Figures of each class, in order.
    pub classes: Vec<ClassFigures>,
    /// `confusion[truth][prediction]` counts images.
    pub confusion: Vec<Vec<usize>>,
}

/// How well one class is told from the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassFigures {
    /// The class.
    pub class: usize,
    /// What it is called; empty in evaluations of before there were names.
    #[serde(default)]
    pub name: String,
    /// The share of the images called this class that are; 0 where none is called so.
    pub precision: f64,
    /// The share of this class's images that are called so; 0 where there are none.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// How many images are of this class.
    pub images: usize,
}

impl Evaluation {
    /// The figures that follow from a confusion matrix of classes with these names, and a mean loss.
    pub fn new(confusion: Vec<Vec<usize>>, names: &[String], loss: f64) -> Self {
        let images = confusion.iter().flatten().sum();
        let right: usize = (0..confusion.len()).map(|class| confusion[class][class]).sum();
        let classes =
            names.iter().enumerate().map(|(class, name)| ClassFigures::new(class, name, &confusion)).collect();
        Self { images, wrong: images - right, accuracy: share(right, images), loss, classes, confusion }
    }

    /// How often the two classes most often confused were: the largest count off the diagonal.
    pub fn most_confused(&self) -> usize {
        let off = |(truth, row): (usize, &Vec<usize>)| {
            row.iter().enumerate().filter(|&(class, _)| class != truth).map(|(_, &count)| count).max()
        };
        self.confusion.iter().enumerate().filter_map(off).max().unwrap_or(0)
    }
}

impl ClassFigures {
    fn new(class: usize, name: &str, confusion: &[Vec<usize>]) -> Self {
        let right = confusion[class][class];
        let images = confusion[class].iter().sum();
        let called = confusion.iter().map(|row| row[class]).sum();
        Self {
            class,
            name: name.into(),
            precision: share(right, called),
            recall: share(right, images),
            // 2PR / (P + R), without its division of zero by zero.
            f1: share(2 * right, images + called),
            images,
        }
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// What came of one look at some images: the figures, and all that they were counted from.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// The figures.
    pub evaluation: Evaluation,
    /// The images.
    pub images: Arc<Images>,
    /// What the model made of each of them, in their order.
    pub predictions: Vec<Probabilities>,
}

/// Classifies `images`, scaled by `scaling`, on `device`, and counts.
///
/// # Errors
/// If the device fails, or the model gives what are no numbers.
pub fn evaluate(model: &Mlp, images: Images, scaling: Scaling, device: &Device) -> Result<Evaluated, EvaluationError> {
    let classes = images.classes();
    let images = Arc::new(images);
    let indices = (0..images.len()).collect();
    let loader = Loader::new(&images, indices, ImageBatcher::new(scaling), EVALUATION_BATCH, device.clone());
    let mut confusion = vec![vec![0; classes]; classes];
    let (mut loss, mut predictions) = (0.0, Vec::with_capacity(images.len()));
    for batch in loader.iter() {
        let Batch { images: pixels, .. } = batch.map_err(|error| EvaluationError::Device(error.to_string()))?;
        for scores in classify(model, pixels)? {
            let truth = usize::from(images.label(predictions.len()));
            let probabilities = scores.probabilities();
            confusion[truth][probabilities.best()] += 1;
            loss += scores.loss(truth);
            predictions.push(probabilities);
        }
    }
    let evaluation = Evaluation::new(confusion, images.names(), loss / images.len().max(1) as f64);
    Ok(Evaluated { evaluation, images, predictions })
}

/// One image's logits, a class each.
#[derive(Debug, Clone, PartialEq)]
pub struct Logits(Vec<f64>);

impl Logits {
    /// Softmax of the logits.
    pub fn probabilities(&self) -> Probabilities {
        let normalizer = self.normalizer();
        Probabilities(self.0.iter().map(|logit| (logit - normalizer).exp()).collect())
    }

    /// The cross-entropy of the prediction where `truth` is right: `-log softmax(z)[truth]`.
    fn loss(&self, truth: usize) -> f64 {
        self.normalizer() - self.0[truth]
    }

    /// `log Σ exp(z)`, for logits of any size.
    fn normalizer(&self) -> f64 {
        let largest = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        largest + self.0.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln()
    }
}

/// One image's probabilities, a class each.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Probabilities(pub Vec<f64>);

impl Probabilities {
    /// The classes, the most probable one first; the first of equals before the others.
    pub fn ranked(&self) -> Vec<usize> {
        let mut classes: Vec<usize> = (0..self.0.len()).collect();
        classes.sort_by(|&a, &b| self.0[b].total_cmp(&self.0[a]));
        classes
    }

    /// The most probable class, the first of equals.
    pub fn best(&self) -> usize {
        (0..self.0.len()).reduce(|best, class| if self.0[class] > self.0[best] { class } else { best }).unwrap_or(0)
    }
}

/// The logits of each of some scaled images, `[batch, pixels]`.
///
/// # Errors
/// If the device fails, or the model gives what are no numbers.
pub fn classify(model: &Mlp, images: Tensor<2>) -> Result<Vec<Logits>, EvaluationError> {
    let logits = model.forward(images);
    let [_, classes] = logits.dims();
    let logits: Vec<f64> = logits.try_into_data()?.iter::<f64>().collect();
    if logits.iter().any(|logit| !logit.is_finite()) {
        return Err(EvaluationError::NotFinite);
    }
    Ok(logits.chunks(classes).map(|logits| Logits(logits.to_vec())).collect())
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.write(f, |_, _| Style::new())
    }
}

impl Evaluation {
    /// Writes the figures as a text, each count of the confusion matrix in the style of its truth and prediction.
    pub fn write(&self, f: &mut impl fmt::Write, style: impl Fn(usize, usize) -> Style) -> fmt::Result {
        writeln!(f, "test accuracy   {:.2} %", 100.0 * self.accuracy)?;
        writeln!(f, "wrong           {} of {}", self.wrong, self.images)?;
        writeln!(f, "loss            {:.4}", self.loss)?;
        let row = self.classes.iter().map(|class| class.name.chars().count()).fold(5, usize::max);
        let column = row + 1;
        writeln!(f, "\n{:>row$}  precision  recall      f1  images", "class")?;
        for class in &self.classes {
            let ClassFigures { name, precision, recall, f1, images, .. } = class;
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

    /// Two classes: of six zeros one is called a one, of four ones two are called zeros.
    fn evaluation() -> Evaluation {
        Evaluation::new(vec![vec![5, 1], vec![2, 2]], &["zero".into(), "one".into()], 0.5)
    }

    #[test]
    fn the_wrong_predictions_are_those_off_the_diagonal() {
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
    fn a_class_that_never_occurs_has_figures_of_zero() {
        let evaluation = Evaluation::new(vec![vec![3, 0], vec![0, 0]], &["0".into(), "1".into()], 0.0);
        assert_eq!(
            (evaluation.classes[1].precision, evaluation.classes[1].recall, evaluation.classes[1].f1),
            (0.0, 0.0, 0.0)
        );
    }

    #[test]
    fn softmax_survives_large_logits_and_sums_to_one() {
        let Probabilities(values) = Logits(vec![1000.0, 999.0, -1000.0]).probabilities();
        assert!((values.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((values[0] / values[1] - std::f64::consts::E).abs() < 1e-9);
    }

    #[test]
    fn a_loss_of_any_size_is_told() {
        let logits = Logits(vec![0.0, 5000.0]);
        assert_eq!((logits.loss(0), logits.loss(1)), (5000.0, 0.0));
        assert!((Logits(vec![0.0, 0.0]).loss(0) - 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn among_equals_the_first_class_is_predicted() {
        assert_eq!(Probabilities(vec![0.4, 0.4, 0.2]).best(), 0);
        assert_eq!(Probabilities(vec![0.2, 0.4, 0.4]).ranked(), [1, 2, 0]);
    }
}
