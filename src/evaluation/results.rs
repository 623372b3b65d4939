//! The results of one model on one set of images, counted from its predictions.

use std::cmp::Reverse;

use anstyle::Style;
use serde::{Deserialize, Serialize};

use crate::text::{nats, printable};

/// The most classes whose confusion matrix is written as text. A larger one would not fit a terminal.
const WIDEST_MATRIX: usize = 12;
/// The most confusions that are written in its place.
const MOST_CONFUSIONS: usize = 12;

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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    pub class: usize,
    /// Its name; empty in evaluations written before classes had names.
    #[serde(default)]
    pub name: String,
    /// The fraction of the images predicted as this class that belong to it. `None` if no image is predicted as it.
    pub precision: Option<f64>,
    /// The fraction of this class's images that are predicted as it. `None` if it has no images.
    pub recall: Option<f64>,
    /// The harmonic mean of precision and recall. `None` if it has no images and none is predicted as it.
    pub f1: Option<f64>,
    pub images: usize,
}

impl Evaluation {
    /// The metrics from a confusion matrix, the names of its classes, and the mean loss.
    pub fn new(confusion: Vec<Vec<usize>>, names: &[String], loss: f64) -> Self {
        let images = confusion.iter().flatten().sum();
        let correct: usize = (0..confusion.len()).map(|class| confusion[class][class]).sum();
        let metrics = |(class, name): (usize, &String)| {
            let (correct, images) = (confusion[class][class], confusion[class].iter().sum());
            let predicted = confusion.iter().map(|row| row[class]).sum();
            let (precision, recall) = (fraction(correct, predicted), fraction(correct, images));
            // 2PR / (P + R), without its division of zero by zero.
            let f1 = fraction(2 * correct, images + predicted);
            ClassMetrics { class, name: name.clone(), precision, recall, f1, images }
        };
        let classes = names.iter().enumerate().map(metrics).collect();
        let accuracy = fraction(correct, images).unwrap_or(0.0);
        Self { images, wrong: images - correct, accuracy, loss, classes, confusion }
    }

    /// Why these can't be the metrics of any model, if so.
    pub fn implausible(&self) -> Option<&'static str> {
        let classes = self.confusion.len();
        let counted = self.confusion.iter().flatten().try_fold(0_usize, |sum, &count| sum.checked_add(count));
        let right = (0..classes).try_fold(0_usize, |sum, class| sum.checked_add(*self.confusion[class].get(class)?));
        let is_square = self.classes.len() == classes && self.confusion.iter().all(|row| row.len() == classes);
        let are_counts = counted == Some(self.images) && right.and_then(|it| it.checked_add(self.wrong)) == counted;
        let shape = (!is_square).then_some("confusion is not a square with a row for each of the classes");
        shape.or((!are_counts).then_some("images and wrong are not the counts in confusion"))
    }

    /// The fraction classified wrongly, in [0, 1].
    pub fn error(&self) -> f64 {
        self.wrong as f64 / self.images.max(1) as f64
    }

    /// The count of the most frequent confusion.
    pub fn most_confused(&self) -> usize {
        self.confusions().map(|(count, ..)| count).max().unwrap_or(0)
    }

    /// The confusions, each with its count, truth and prediction: what is off the diagonal.
    fn confusions(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let rows = self.confusion.iter().enumerate();
        let all = rows.flat_map(|(truth, row)| (0..).zip(row).map(move |(class, &count)| (count, truth, class)));
        all.filter(|&(count, truth, prediction)| count > 0 && truth != prediction)
    }

    /// The metrics as text after the accuracy's `heading`. A count of the matrix has the style of its truth and prediction.
    pub fn text(&self, heading: &str, style: impl Fn(usize, usize) -> Style) -> String {
        let Self { images, wrong, accuracy, loss, classes, confusion } = self;
        let mut text = format!("{heading:<15} {:.2} %\nwrong           {wrong} of {images}\n", 100.0 * accuracy);
        let row = classes.iter().map(|class| printable(&class.name).chars().count()).fold(5, usize::max);
        let column = row + 1;
        text += &format!("loss            {loss:.4}\n\n{:>row$}  precision  recall      f1  images\n", "class");
        for class in classes {
            let [precision, recall, f1] = [class.precision, class.recall, class.f1].map(nats);
            let (name, images) = (printable(&class.name), class.images);
            text += &format!("{name:>row$}  {precision:>9}  {recall:>6}  {f1:>6}  {images:>6}\n");
        }
        if classes.len() > WIDEST_MATRIX {
            return text + &self.most_frequent_confusions(row);
        }
        text += &format!("\nconfusion matrix: rows are the truth, columns the prediction\n{:row$}", "");
        text.extend(classes.iter().map(|class| format!("{:>column$}", printable(&class.name))));
        for (truth, (class, counts)) in classes.iter().zip(confusion).enumerate() {
            text += &format!("\n{:>row$}", printable(&class.name));
            text.extend(counts.iter().enumerate().map(|(prediction, count)| {
                let style = style(truth, prediction);
                format!("{style}{count:>column$}{style:#}")
            }));
        }
        text
    }

    /// The most frequent confusions, a line each, in columns of `width` characters.
    fn most_frequent_confusions(&self, width: usize) -> String {
        let mut confusions: Vec<_> = self.confusions().collect();
        confusions.sort_by_key(|&(count, ..)| Reverse(count));
        let name = |class: usize| printable(&self.classes[class].name);
        let second = width.max("prediction".len());
        let line = |&(count, truth, prediction): &(usize, usize, usize)| {
            format!("\n{:>width$}  {:>second$}  {count:>6}", name(truth), name(prediction))
        };
        let heading = format!("\nmost frequent confusions\n{:>width$}  {:>second$}  images", "truth", "prediction");
        heading + &confusions.iter().take(MOST_CONFUSIONS).map(line).collect::<String>()
    }
}

fn fraction(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two classes: one of six zeros is predicted as a one, and two of four ones as zeros.
    fn evaluation() -> Evaluation {
        Evaluation::new(vec![vec![5, 1], vec![2, 2]], &["zero".into(), "one".into()], 0.5)
    }

    fn plain(evaluation: &Evaluation) -> String {
        evaluation.text("test accuracy", |_, _| Style::new())
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
        assert_eq!((zero.precision, zero.recall), (Some(5.0 / 7.0), Some(5.0 / 6.0)));
        let (precision, recall) = (2.0 / 3.0, 0.5);
        assert_eq!((one.precision, one.recall), (Some(precision), Some(recall)));
        assert!((one.f1.unwrap() - 2.0 * precision * recall / (precision + recall)).abs() < 1e-12);
    }

    #[test]
    fn class_that_never_occurs_has_no_metrics() {
        let evaluation = Evaluation::new(vec![vec![3, 0], vec![0, 0]], &["0".into(), "1".into()], 0.0);
        let ClassMetrics { precision, recall, f1, .. } = evaluation.classes[1];
        assert_eq!((precision, recall, f1), (None, None, None));
        assert!(plain(&evaluation).contains("    1          -       -       -       0\n"), "{evaluation:?}");
    }

    #[test]
    fn many_classes_are_written_as_a_list_of_confusions() {
        let names: Vec<String> = (0..13).map(|class| class.to_string()).collect();
        let mut confusion = vec![vec![0; 13]; 13];
        (confusion[3][5], confusion[12][0], confusion[4][4]) = (2, 7, 90);
        let text = plain(&Evaluation::new(confusion, &names, 0.5));
        let (_, list) = text.split_once("most frequent confusions\n").unwrap();
        assert_eq!(list, "truth  prediction  images\n   12           0       7\n    3           5       2");
        assert!(!text.contains("matrix"), "{text}");
    }

    #[test]
    fn names_with_control_characters_are_escaped() {
        let evaluation = Evaluation::new(vec![vec![3, 0], vec![0, 1]], &["\u{1b}[2J".into(), "1".into()], 0.0);
        assert!(!plain(&evaluation).contains('\u{1b}'));
    }
}
