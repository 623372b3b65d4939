//! A trained network: `predictions` has the `Classifier` of new images, with the scaling of their pixels; `results` compares
//! predictions with the true classes. An `Attack` tells training images from others.

mod predictions;
mod results;

pub(crate) use predictions::{Classifier, EvaluationError, Network, Probabilities, averages, largest};
pub use predictions::{EVALUATION_BATCH, classify};
pub use results::Evaluation;

use crate::data::Images;

/// The result of an evaluation: the metrics, and the images and predictions that they are computed from.
#[derive(Debug, Clone)]
pub(crate) struct EvaluationOutput {
    pub evaluation: Evaluation,
    pub images: Images,
    pub predictions: Vec<Probabilities>,
    /// The logarithms of the predictions of each network: of the members of an ensemble.
    pub members: Vec<Vec<Vec<f64>>>,
}

/// Classifies `images`, and computes the metrics. Fails as [`classify`] does.
pub(crate) fn evaluate(classifier: &Classifier, images: Images) -> Result<EvaluationOutput, EvaluationError> {
    let members = classifier.answers(&(0..images.len()).map(|index| images.pixels(index)).collect::<Vec<_>>())?;
    let mut confusion = vec![vec![0; images.classes()]; images.classes()];
    let (mut cross_entropy, mut predictions) = (0.0, Vec::with_capacity(images.len()));
    for (logarithms, &label) in averages(&members).iter().zip(images.labels()) {
        let (truth, probabilities) = (usize::from(label), Probabilities::of(logarithms));
        confusion[truth][probabilities.best()] += 1;
        cross_entropy -= logarithms[truth];
        predictions.push(probabilities);
    }
    let evaluation = Evaluation::new(confusion, images.names(), cross_entropy / images.len().max(1) as f64);
    Ok(EvaluationOutput { evaluation, images, predictions, members })
}

/// How sure a network is of the true class of an image: `log(p / (1 - p))`.
pub(crate) fn confidence(probabilities: &Probabilities, label: u8) -> f64 {
    let p = |class: usize| probabilities.0[class].max(f64::MIN_POSITIVE);
    let others = (0..probabilities.0.len()).filter(|&class| class != usize::from(label));
    p(label.into()).ln() - others.map(p).sum::<f64>().ln()
}

/// Membership inference, <https://arxiv.org/abs/2112.03570>: takes the images with the highest scores for training images.
#[derive(Debug)]
pub(crate) struct Attack {
    /// The scores of the training images and those of others, the highest first.
    members: Vec<f64>,
    others: Vec<f64>,
}

impl Attack {
    /// The rate of false positives at which attacks are compared.
    pub const FALSE_POSITIVES: f64 = 0.01;

    /// An attack with these scores of training images and of others. `None` if there are none.
    pub fn new(mut members: Vec<f64>, mut others: Vec<f64>) -> Option<Self> {
        [&mut members, &mut others].into_iter().for_each(|it| it.sort_by(|one, other| other.total_cmp(one)));
        (!members.is_empty() && !others.is_empty()).then_some(Self { members, others })
    }

    /// The fraction of the training images found while at most `false_positives` of the others, below 1, are taken for such.
    pub fn true_positives(&self, false_positives: f64) -> f64 {
        let threshold = self.others[(false_positives * self.others.len() as f64) as usize];
        self.members.partition_point(|&score| score > threshold) as f64 / self.members.len() as f64
    }

    /// The standard error of that fraction, where it equals that of false positives.
    pub fn standard_error(&self, rate: f64) -> f64 {
        let inverse = |scores: &[f64]| 1.0 / scores.len() as f64;
        (rate * (1.0 - rate) * (inverse(&self.members) + inverse(&self.others))).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_is_the_logarithm_of_the_odds() {
        let of = |p: [f64; 3]| confidence(&Probabilities(p.into()), 1);
        assert!((of([0.1, 0.8, 0.1]) - 4.0_f64.ln()).abs() < 1e-12);
        assert!(of([1e-30, 1.0, 0.0]) > 60.0 && of([1.0, 0.0, 0.0]) < -60.0);
    }

    #[test]
    fn attack_finds_what_lies_above_the_threshold_of_false_positives() {
        let others: Vec<f64> = (0..1000).map(f64::from).collect();
        // 30 of 100 members are above all others.
        let members = (0..100).map(|index| if index < 30 { 2000.0 } else { -1.0 }).collect();
        let attack = Attack::new(members, others.clone()).unwrap();
        assert_eq!([0.0, 0.01, 0.5].map(|rate| attack.true_positives(rate)), [0.3; 3]);
        let blind = Attack::new(others.clone(), others).unwrap();
        assert!((blind.true_positives(0.01) - 0.01).abs() < 2e-3);
        assert!((blind.standard_error(0.01) - (0.01_f64 * 0.99 * 0.002).sqrt()).abs() < 1e-12);
        assert!(Attack::new(vec![], vec![1.0]).is_none());
    }

    #[test]
    fn attack_on_equal_scores_finds_nothing() {
        let attack = Attack::new(vec![1.0; 10], vec![1.0; 10]).unwrap();
        assert_eq!(attack.true_positives(0.5), 0.0);
    }
}
