//! `mnist-burn report`: writes the HTML report of a run, or a comparison of several runs.

use std::fs;
use std::path::{Path, PathBuf};

use super::evaluation::{Evaluated, check_current, evaluate_run, warn_of_old_evaluations};
use super::opening::{find_run, locate, lock, open_recorded};
use super::output::{OutputKind, Replaces};
use crate::cli::{Report, Split, notice, warn};
use crate::data::{Images, TrainingData};
use crate::evaluation::{Attack, EvaluationError, confidence, evaluate};
use crate::report::{MARK, comparison, page};
use crate::run::{RunFolder, write_whole_at};
use crate::{Error, device::Opened, text::percent};

pub const PAGE: OutputKind = OutputKind { name: "report", endings: &["html", "htm"], replaces: Replaces::Marked(MARK) };

pub fn run(arguments: &Report, folder: &Path) -> Result<(), Error> {
    let find = |run: &PathBuf| find_run(run, folder);
    let runs = arguments.compared.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let place = if let [run] = &runs[..] { run.path() } else { Path::new("") };
    let path = arguments.output.clone().unwrap_or_else(|| place.join(RunFolder::REPORT));
    // Check before the evaluation, which takes time.
    PAGE.check(&path)?;
    let shadows = arguments.shadow.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let [run] = &runs[..] else {
        if arguments.membership {
            return Err(Error::SeveralRuns { option: "--membership" });
        }
        warn_of_old_evaluations(&runs);
        return PAGE.save(&path, comparison(&runs)?.as_bytes());
    };
    let device = open_recorded(arguments.device.as_deref(), &run.record()?.device)?;
    let evaluated = evaluate_run(run, &device, None, Split::Test)?;
    // The run's own report is of its own model and images.
    let own = arguments.output.is_none().then(|| lock(run)).transpose()?;
    if own.is_some() {
        check_current(run, &evaluated)?;
    }
    let attack = arguments.membership.then(|| attack(run, &shadows, &device)).transpose()?;
    PAGE.save(&path, page_of(run, &evaluated, attack.as_ref())?.as_bytes())
}

/// Writes a report at `path`, and returns the path. A failure is only a warning, as the results are saved anyway.
pub fn write_page(path: PathBuf, page: Result<String, Error>) -> Option<PathBuf> {
    let write = |page: String| {
        PAGE.check(&path)?;
        // What the file system can't do was reported when the run was locked.
        Ok(write_whole_at(&path, page.as_bytes(), true)?)
    };
    let written = page.and_then(write).inspect_err(|it| warn(format!("{} was not written: {it}", path.display())));
    written.is_ok().then_some(path)
}

/// Removes the report of a run whose training goes on: it would show an older model.
pub fn remove_report(run: &RunFolder) {
    let path = run.path().join(RunFolder::REPORT);
    if path.exists()
        && PAGE.check(&path).is_ok()
        && let Err(error) = fs::remove_file(&path)
    {
        warn(format!("{} is out of date, and can't be removed: {error}", path.display()));
    }
}

/// The report of a run, with the result of an `attack` on it.
pub fn page_of(run: &RunFolder, evaluated: &Evaluated, attack: Option<&Attack>) -> Result<String, Error> {
    let weights = evaluated.networks[0].model.first_weights().try_into_data().map_err(EvaluationError::from)?;
    Ok(page(run, &weights.iter::<f32>().collect::<Vec<_>>(), &evaluated.output, attack)?)
}

/// A run's confidence in each training image, whether it was trained on it, and its confidence in each test image.
struct Answers {
    training: Vec<f64>,
    trained: Vec<bool>,
    test: Vec<f64>,
}

/// Attacks the best model of `run`: tells the training images from the test images by its answers. The `shadows`, runs on a
/// part of its images, tell how sure a network is of an image that it has not seen.
fn attack(run: &RunFolder, shadows: &[RunFolder], device: &Opened) -> Result<Attack, Error> {
    let (record, experiment) = (run.record()?, run.experiment()?);
    let files = locate(&experiment.data)?;
    let (training, test) = (files.train()?, files.test([record.data.height, record.data.width], record.data.classes)?);
    let answers = |run: &RunFolder| -> Result<Answers, Error> {
        let own = run.record()?;
        // An ensemble knows what its members were trained on.
        let mut trained = vec![false; training.len()];
        for network in run.networks(&own) {
            let data = network.record()?.data;
            if data.sha256 != *files.checksums() || data.names() != record.data.names() {
                return Err(Error::OtherImages { run: network.path().into() });
            }
            let split = TrainingData::load(&files, &network.experiment()?)?.split;
            split.training.into_iter().for_each(|index| trained[index] = true);
        }
        let classifier = run.classifier(&own, device)?;
        let confidences = |images: &Images| -> Result<Vec<f64>, Error> {
            let output = evaluate(&classifier, images.clone())?;
            Ok(output.predictions.iter().zip(images.labels()).map(|(it, &label)| confidence(it, label)).collect())
        };
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
