//! The wrong predictions, the most confident first.

use askama::Template;

use super::data_uri::grey;
use crate::data::Images;
use crate::evaluation::{EvaluationOutput, Probabilities};

/// The most mistakes that a page shows.
const MOST: usize = 500;
/// The most pixels in all their images together. Fewer images are shown if they are large.
const MOST_PIXELS: usize = 1 << 19;

/// A wrong prediction, as the page shows it.
#[derive(Debug, Clone, Template)]
#[template(path = "mistake.html")]
pub struct Mistake {
    /// The image's index in the test set, from 0.
    pub index: usize,
    /// A data URI.
    pub image: String,
    pub truth: String,
    pub prediction: String,
    /// The three most probable classes.
    pub guesses: Vec<Guess>,
}

/// A class and its predicted probability.
#[derive(Debug, Clone)]
pub struct Guess {
    pub class: String,
    pub percent: String,
    /// Whether it is the true class.
    pub is_right: bool,
}

/// The indices of the wrong predictions, the most confident first; those of equal confidence by index.
pub fn ranked(labels: &[u8], predictions: &[Probabilities]) -> Vec<usize> {
    let confidence = |index: usize| predictions[index].0[predictions[index].best()];
    let is_wrong = |&index: &usize| predictions[index].best() != usize::from(labels[index]);
    let mut wrong: Vec<usize> = (0..predictions.len()).filter(is_wrong).collect();
    wrong.sort_by(|&a, &b| confidence(b).total_cmp(&confidence(a)));
    wrong
}

/// The mistakes that a page shows.
pub fn shown(evaluated: &EvaluationOutput) -> Vec<Mistake> {
    let EvaluationOutput { images, predictions, .. } = evaluated;
    let ranked = ranked(images.labels(), predictions);
    ranked.into_iter().take(most(images)).map(|index| Mistake::new(index, images, &predictions[index])).collect()
}

fn most(images: &Images) -> usize {
    let [height, width] = images.size();
    (MOST_PIXELS / (height * width).max(1)).clamp(1, MOST)
}

impl Mistake {
    fn new(index: usize, images: &Images, probabilities: &Probabilities) -> Self {
        let truth = usize::from(images.label(index));
        let name = |class: usize| images.names()[class].clone();
        let guess = |class: usize| Guess {
            class: name(class),
            percent: format!("{:.1}", 100.0 * probabilities.0[class]),
            is_right: class == truth,
        };
        Self {
            index,
            image: grey(images.pixels(index), images.size()),
            truth: name(truth),
            prediction: name(probabilities.best()),
            guesses: probabilities.ranked().into_iter().take(3).map(guess).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_ranked_by_confidence_without_correct_predictions() {
        let sure_of = |class: usize, confidence: f64| {
            let mut probabilities = vec![(1.0 - confidence) / 2.0; 3];
            probabilities[class] = confidence;
            Probabilities(probabilities)
        };
        let predictions = [sure_of(1, 0.6), sure_of(0, 0.9), sure_of(2, 0.9), sure_of(1, 0.99), sure_of(2, 0.6)];
        assert_eq!(ranked(&[0, 1, 2, 0, 1], &predictions), [3, 1, 0, 4]);
    }

    #[test]
    fn mistake_lists_the_three_best_guesses() {
        let images = Images::new(vec![0, 255, 0, 255], vec![3], [2, 2], 4);
        let mistake = Mistake::new(0, &images, &Probabilities(vec![0.05, 0.125, 0.625, 0.2]));
        let guesses: Vec<_> =
            mistake.guesses.iter().map(|it| (it.class.as_str(), it.percent.as_str(), it.is_right)).collect();
        assert_eq!(guesses, [("2", "62.5", false), ("3", "20.0", true), ("1", "12.5", false)]);
        assert_eq!((mistake.truth.as_str(), mistake.prediction.as_str()), ("3", "2"));
    }

    #[test]
    fn mistakes_of_large_images_are_fewer_but_at_least_one() {
        let of = |side: usize| most(&Images::new(vec![0; side * side], vec![0], [side, side], 1));
        assert_eq!((of(28), of(64), of(1024)), (MOST, 128, 1));
    }
}
