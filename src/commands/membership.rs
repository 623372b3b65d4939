//! An attack on a run's best model for its report: tells the training images from the test images by its answers.

use super::opening::locate;
use crate::Error;
use crate::cli::notice;
use crate::data::{Images, TrainingData};
use crate::device::Opened;
use crate::evaluation::{Attack, confidence, evaluate};
use crate::run::RunFolder;
use crate::text::percent;

/// A run's confidence in each training image, whether it was trained on it, and its confidence in each test image.
struct Answers {
    training: Vec<f64>,
    trained: Vec<bool>,
    test: Vec<f64>,
}

/// Attacks `run`. The `shadows`, runs on a part of its images, tell how sure a network is of an image that it has not seen.
pub fn attack(run: &RunFolder, shadows: &[RunFolder], device: &Opened) -> Result<Attack, Error> {
    let (record, experiment) = (run.record()?, run.experiment()?);
    let files = locate(&experiment.data)?;
    let (training, test) = (files.train()?, files.test([record.data.height, record.data.width], record.data.classes)?);
    let answers = |run: &RunFolder| -> Result<Answers, Error> {
        let (own, experiment) = (run.record()?, run.experiment()?);
        let is_other = own.data.sha256 != *files.checksums() || own.data.names() != record.data.names();
        if is_other || !own.members.is_empty() {
            return Err(Error::OtherImages { run: run.path().into() });
        }
        let classifier = run.classifier(&own, device)?;
        let confidences = |images: &Images| -> Result<Vec<f64>, Error> {
            let output = evaluate(&classifier, images.clone())?;
            Ok(output.predictions.iter().zip(images.labels()).map(|(it, &label)| confidence(it, label)).collect())
        };
        let mut trained = vec![false; training.len()];
        TrainingData::load(&files, &experiment)?.split.training.into_iter().for_each(|index| trained[index] = true);
        Ok(Answers { training: confidences(&training)?, trained, test: confidences(&test)? })
    };
    let target = answers(run)?;
    let shadows = shadows.iter().map(answers).collect::<Result<Vec<_>, _>>()?;
    // How much surer of an image the network is than the shadows that have not seen it.
    let score = |own: f64, fresh: Vec<f64>| match fresh.len() {
        0 => shadows.is_empty().then_some(own),
        count => Some(own - fresh.iter().sum::<f64>() / count as f64),
    };
    let fresh = |index: usize| shadows.iter().filter(move |it| !it.trained[index]).map(move |it| it.training[index]);
    let members = (0..training.len()).filter(|&index| target.trained[index]);
    let members = members.filter_map(|index| score(target.training[index], fresh(index).collect()));
    let others = target.test.iter().enumerate();
    let others = others.filter_map(|(index, &own)| score(own, shadows.iter().map(|it| it.test[index]).collect()));
    let attack = Attack::new(members.collect(), others.collect()).ok_or(Error::NoShadow)?;
    let rate = Attack::FALSE_POSITIVES;
    let [found, error] = [attack.true_positives(rate), attack.standard_error(rate)].map(|it| percent(Some(it)));
    let (rate, chance) = (percent(Some(rate)), 100.0 * rate);
    notice(format!(
        "membership: {found} of the training images are found at {rate} false positives; by chance it would be {chance:.2} ± \
         {error}"
    ));
    Ok(attack)
}
