//! The wrong predictions, the most confident first; of an ensemble, also what each member adds, and where they differ.

use askama::Template;

use crate::evaluation::{EvaluationOutput, Probabilities, averages, largest};
use crate::{data::Images, run::Member};

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

/// The indices of the wrong predictions, the most confident first; those of equal confidence by index.
pub fn ranked(labels: &[u8], predictions: &[Probabilities]) -> Vec<usize> {
    let confidence = |index: usize| predictions[index].0[predictions[index].best()];
    let is_wrong = |&index: &usize| predictions[index].best() != usize::from(labels[index]);
    let mut wrong: Vec<usize> = (0..predictions.len()).filter(is_wrong).collect();
    wrong.sort_by(|&a, &b| confidence(b).total_cmp(&confidence(a)));
    wrong
}

pub fn shown(EvaluationOutput { images, predictions, .. }: &EvaluationOutput) -> Vec<Mistake<'_>> {
    let wrong = ranked(images.labels(), predictions).into_iter().take(most(images));
    wrong.map(|index| Mistake { index, images, probabilities: &predictions[index] }).collect()
}

fn most(images: &Images) -> usize {
    (MOST_PIXELS / images.area().max(1)).clamp(1, MOST)
}

#[derive(Template)]
#[template(path = "ensemble.html")]
pub struct Ensemble<'a> {
    contributions: Vec<Contribution>,
    /// The number of images on which the members differ.
    disputed: usize,
    /// Some of them, those first of which the ensemble is least sure.
    shown: Vec<Mistake<'a>>,
}

/// What a member adds: the errors, from 0 to 1, of itself, of it and the members before, and of the ensemble without it.
struct Contribution {
    run: String,
    alone: f64,
    so_far: f64,
    without: f64,
}

impl<'a> Ensemble<'a> {
    /// What `members` add on the test images; `None` if there are none, in a run of one network.
    pub fn new(members: &[Member], evaluated: &'a EvaluationOutput) -> Option<Self> {
        let answers: Vec<_> = evaluated.members.iter().map(Vec::as_slice).collect();
        let EvaluationOutput { images, predictions, .. } = evaluated;
        let labels = images.labels();
        let error = |answers: &[&[Vec<f64>]]| {
            let classes = averages(answers).into_iter().map(|logarithms| largest(&logarithms));
            let wrong = classes.zip(labels).filter(|&(class, &label)| class != usize::from(label)).count();
            wrong as f64 / labels.len().max(1) as f64
        };
        let contribution = |(number, member): (usize, &Member)| Contribution {
            run: member.run.file_name().unwrap_or(member.run.as_os_str()).to_string_lossy().into(),
            alone: error(&answers[number..=number]),
            so_far: error(&answers[..=number]),
            without: error(&[&answers[..number], &answers[number + 1..]].concat()),
        };
        let class = |network: usize, image: usize| largest(&answers[network][image]);
        let differs = |&image: &usize| (1..answers.len()).any(|network| class(network, image) != class(0, image));
        let mut disputed: Vec<usize> = (0..labels.len()).filter(differs).collect();
        let confidence = |image: usize| predictions[image].0[predictions[image].best()];
        disputed.sort_by(|&a, &b| confidence(a).total_cmp(&confidence(b)));
        let mistake = |&index: &usize| Mistake { index, images, probabilities: &predictions[index] };
        (!members.is_empty()).then(|| Self {
            contributions: members.iter().enumerate().map(contribution).collect(),
            shown: disputed.iter().take(most(images).min(UNFOLDED)).map(mistake).collect(),
            disputed: disputed.len(),
        })
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
        let probabilities = Probabilities(vec![0.05, 0.125, 0.625, 0.2]);
        let html = Mistake { index: 0, images: &images, probabilities: &probabilities }.render().unwrap();
        let guesses: Vec<&str> = html.lines().filter(|line| line.starts_with("<div class=\"guess")).collect();
        assert_eq!(
            guesses,
            [
                r#"<div class="guess" style="--p:62.5"><span>2</span><span class="unseen">: </span><span>62.5 %</span><span class="unseen">, </span></div>"#,
                r#"<div class="guess is-right" style="--p:20.0"><span>3</span><span class="unseen">: </span><span>20.0 %</span><span class="unseen">, </span></div>"#,
                r#"<div class="guess" style="--p:12.5"><span>1</span><span class="unseen">: </span><span>12.5 %</span><span class="unseen">, </span></div>"#,
            ]
        );
        assert!(html.contains("3, classified as 2") && html.contains("test image 0, from 0"), "{html}");
    }

    #[test]
    fn mistakes_of_large_images_are_fewer_but_at_least_one() {
        let of = |side: usize| most(&Images::new(vec![0; side * side], vec![0], [side, side], 1));
        assert_eq!((of(28), of(64), of(1024)), (MOST, 128, 1));
    }
}
