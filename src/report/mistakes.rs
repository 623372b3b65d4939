//! The wrong predictions, the most confident first.

use askama::Template;

use crate::data::Images;
use crate::evaluation::{EvaluationOutput, Probabilities};

/// The most mistakes that a page shows.
const MOST: usize = 500;
/// The number of mistakes that are visible at first; the others are folded.
pub const UNFOLDED: usize = 60;
/// The most pixels in all their images together. Fewer images are shown if they are large.
const MOST_PIXELS: usize = 1 << 19;

#[derive(Debug, Clone, Template)]
#[template(path = "mistake.html")]
pub struct Mistake<'a> {
    /// The image's index in the test set, from 0.
    index: usize,
    images: &'a Images,
    probabilities: &'a Probabilities,
}

impl<'a> Mistake<'a> {
    pub fn at(index: usize, EvaluationOutput { images, predictions, .. }: &'a EvaluationOutput) -> Self {
        Self { index, images, probabilities: &predictions[index] }
    }
}

/// The indices of the wrong predictions, the most confident first; those of equal confidence by index.
pub fn ranked(labels: &[u8], predictions: &[Probabilities]) -> Vec<usize> {
    let confidence = |index: usize| predictions[index].0[predictions[index].best()];
    let is_wrong = |&index: &usize| predictions[index].best() != usize::from(labels[index]);
    let mut wrong: Vec<usize> = (0..predictions.len()).filter(is_wrong).collect();
    wrong.sort_by(|&a, &b| confidence(b).total_cmp(&confidence(a)));
    wrong
}

pub fn shown(evaluated: &EvaluationOutput) -> Vec<Mistake<'_>> {
    let EvaluationOutput { images, predictions, .. } = evaluated;
    let wrong = ranked(images.labels(), predictions).into_iter().take(most(images));
    wrong.map(|index| Mistake::at(index, evaluated)).collect()
}

pub fn most(images: &Images) -> usize {
    (MOST_PIXELS / images.area().max(1)).clamp(1, MOST)
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
        let probabilities = Probabilities(vec![0.05, 0.125, 0.625, 0.2]);
        let html = Mistake { index: 0, images: &images, probabilities: &probabilities }.render().unwrap();
        let guesses: Vec<&str> = html.lines().filter(|line| line.starts_with("<div class=\"guess")).collect();
        assert_eq!(
            guesses,
            [
                r#"<div class="guess" style="--p:62.5"><span>2</span><span>62.5 %</span></div>"#,
                r#"<div class="guess is-right" style="--p:20.0"><span>3</span><span>20.0 %</span></div>"#,
                r#"<div class="guess" style="--p:12.5"><span>1</span><span>12.5 %</span></div>"#,
            ]
        );
        assert!(html.contains("3 classified as 2") && html.contains("test image 0, from 0"), "{html}");
    }

    #[test]
    fn mistakes_of_large_images_are_fewer_but_at_least_one() {
        let of = |side: usize| most(&Images::new(vec![0; side * side], vec![0], [side, side], 1));
        assert_eq!((of(28), of(64), of(1024)), (MOST, 128, 1));
    }
}
