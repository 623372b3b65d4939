//! What each member adds to an ensemble, and on which images the members differ.

use askama::Template;

use super::mistakes::{Mistake, UNFOLDED, most};
use crate::evaluation::{EvaluationOutput, averages, largest};
use crate::run::Member;

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
        let labels = evaluated.images.labels();
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
        let confidence = |image: usize| evaluated.predictions[image].0[evaluated.predictions[image].best()];
        disputed.sort_by(|&a, &b| confidence(a).total_cmp(&confidence(b)));
        let most = most(&evaluated.images).min(UNFOLDED);
        (!members.is_empty()).then(|| Self {
            contributions: members.iter().enumerate().map(contribution).collect(),
            shown: disputed.iter().take(most).map(|&index| Mistake::at(index, evaluated)).collect(),
            disputed: disputed.len(),
        })
    }
}
