//! An attack on a run's best model for its report: tells the training images from the test images by its answers.

use super::opening::locate;
use crate::Error;
use crate::cli::notice;
use crate::data::{Images, TrainingData};
use crate::device::Opened;
use crate::evaluation::{Attack, confidence, evaluate};
use crate::run::RunFolder;
use crate::text::percent;

/// A run's confidence in each training image, and in each test image, and which of the former it was trained on.
struct Answers {
    confidences: [Vec<f64>; 2],
    trained: Vec<bool>,
}

/// Attacks the model of `run`. The `shadows`, runs on a part of the same images, tell how sure a network is of an image that it
/// has not seen.
pub fn attack(run: &RunFolder, shadows: &[RunFolder], device: &Opened) -> Result<Attack, Error> {
    let (record, experiment) = (run.record()?, run.experiment()?);
    let files = locate(&experiment.data)?;
    let images = [files.train()?, files.test([record.data.height, record.data.width], record.data.classes)?];
    let answers = |run: &RunFolder| -> Result<Answers, Error> {
        let (own, experiment) = (run.record()?, run.experiment()?);
        if own.data.sha256 != *files.checksums() || own.data.names() != record.data.names() {
            return Err(Error::OtherImages { run: run.path().into() });
        }
        let model = run.model(&experiment, &own, device)?;
        let confidences = |images: &Images| -> Result<Vec<f64>, Error> {
            let output = evaluate(&model, images.clone(), own.data.scaling, &device.device)?;
            Ok(output.predictions.iter().zip(images.labels()).map(|(it, &label)| confidence(it, label)).collect())
        };
        let mut trained = vec![false; images[0].len()];
        TrainingData::load(&files, &experiment)?.split.training.into_iter().for_each(|index| trained[index] = true);
        Ok(Answers { confidences: [confidences(&images[0])?, confidences(&images[1])?], trained })
    };
    let target = answers(run)?;
    let shadows = shadows.iter().map(answers).collect::<Result<Vec<_>, _>>()?;
    let score = |part: usize, index: usize| {
        let fresh = shadows.iter().filter(|it| part == 1 || !it.trained[index]).map(|it| it.confidences[part][index]);
        let (sum, count) = fresh.fold((0.0, 0), |(sum, count), confidence| (sum + confidence, count + 1));
        let own = target.confidences[part][index];
        if shadows.is_empty() { Some(own) } else { (count > 0).then(|| own - sum / f64::from(count)) }
    };
    let members = (0..target.trained.len()).filter(|&index| target.trained[index]);
    let members = members.filter_map(|index| score(0, index)).collect();
    let others = (0..images[1].len()).filter_map(|index| score(1, index)).collect();
    let attack = Attack::new(members, others).ok_or(Error::NoShadow)?;
    let found = attack.true_positives(Attack::FALSE_POSITIVES);
    let error = attack.standard_error(Attack::FALSE_POSITIVES);
    notice(format!(
        "membership: {} of the training images are found at {} false positives; by chance it would be 1.00 ± {}",
        percent(Some(found)),
        percent(Some(Attack::FALSE_POSITIVES)),
        percent(Some(error))
    ));
    Ok(attack)
}
