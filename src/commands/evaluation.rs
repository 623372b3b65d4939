//! The best model of a run, evaluated for a command on images, and whether an evaluation counts for a run.

use std::{collections::BTreeMap, path::Path};

use super::opening::locate;
use crate::cli::{Split, warn};
use crate::data::{DataError, Files, Images, TrainingData};
use crate::evaluation::{Classifier, EvaluationOutput, Network, evaluate};
use crate::run::{EvaluationRecord, Record, RunError, RunFolder};
use crate::{Error, device::Opened, text::listed};

pub struct Evaluated {
    pub networks: Vec<Network>,
    pub output: EvaluationOutput,
    pub record: EvaluationRecord,
    /// The images' files, if each has its own.
    pub files: Vec<String>,
}

/// Loads a run's best model and evaluates it on the images of a split of its own data, or of those in the folder `data`.
pub fn evaluate_run(run: &RunFolder, device: &Opened, data: Option<&Path>, split: Split) -> Result<Evaluated, Error> {
    let (record, experiment) = (run.record()?, run.experiment()?);
    let files = match data {
        Some(dir) => Files::other(dir, &experiment.data, &record.data.sha256)?,
        None => locate(&experiment.data)?,
    };
    let size = [record.data.height, record.data.width];
    let names = match &files {
        Files::ImageFolder(folder) if split == Split::Test => folder.test_files.clone(),
        _ => vec![],
    };
    let sums = if split == Split::Test { files.test_checksums() } else { BTreeMap::new() };
    let images = match (split, &files, data) {
        (Split::Validation, ..) => {
            if *files.checksums() != record.data.sha256 {
                return Err(Error::OtherSplit { run: run.path().into() });
            }
            let data = TrainingData::load(&files, &experiment)?;
            if data.split.validation.is_empty() || !record.members.is_empty() {
                return Err(Error::NoValidation { run: run.path().into() });
            }
            data.images.at(&data.split.validation)
        }
        (Split::Test, Files::ImageFolder(folder), Some(_)) => {
            let (test, names) = (files.test(size, folder.test.classes())?, record.data.names());
            let (dir, found, expected) = (folder.dir.clone(), test.names().into(), listed(&names, names.len()));
            test.among(&names).ok_or(DataError::Folders { dir, found, expected })?
        }
        _ => files.test(size, record.data.classes)?,
    };
    let evaluated = Evaluated { files: names, ..Evaluated::on(run, images, sums, device)? };
    files.warnings().iter().filter(|_| data.is_some()).for_each(warn);
    if data.is_none() {
        warn_of_other_data(&files, &record);
    }
    Ok(evaluated)
}

pub fn warn_of_other_data(files: &Files, record: &Record) {
    if *files.checksums() != record.data.sha256 {
        warn("the data files differ from those that this run was trained and tested with");
    }
}

impl Evaluated {
    /// Evaluates a run's best model on `images`, whose files have the checksums `data`.
    pub fn on(run: &RunFolder, images: Images, data: BTreeMap<String, String>, device: &Opened) -> Result<Self, Error> {
        let record = run.record()?;
        let classifier = run.classifier(&record, device)?;
        let names = record.data.names();
        // IDX files have no names.
        let images = if images.classes() == names.len() { images.named(&names) } else { images };
        let output = evaluate(&classifier, images)?;
        let Classifier { networks, sha256, .. } = classifier;
        let int8_wrong = run.evaluation(&record).ok().flatten().and_then(|stored| stored.int8_wrong);
        let record = EvaluationRecord { evaluation: output.evaluation.clone(), model: sha256, data, int8_wrong };
        Ok(Self { networks, output, record, files: vec![] })
    }
}

/// Refuses an evaluation on other test images than the run's, and one of a model that was replaced meanwhile.
pub fn check_current(run: &RunFolder, evaluated: &Evaluated) -> Result<(), RunError> {
    let (record, path) = (run.record()?, run.path().into());
    match run.best_checksum(&record).as_ref() == Some(&evaluated.record.model) {
        _ if !evaluated.record.is_of_data(&record) => Err(RunError::OtherTestData { run: path }),
        true => Ok(()),
        false => Err(RunError::InUse { run: path }),
    }
}

/// Warns of evaluations that do not count, as they are of another model or of other images.
pub fn warn_of_old_evaluations<'a>(runs: impl IntoIterator<Item = &'a RunFolder>) {
    for run in runs {
        let is_old = |record: Record| record.training.is_some() && matches!(run.evaluation(&record), Ok(None));
        if run.path().join("evaluation.json").exists() && run.record().is_ok_and(is_old) {
            let run = run.path().display();
            warn(format!(
                "{run}: evaluation.json is not of the model and the test images that the run has now; `mnist-burn evaluate \
                 {run}` replaces it"
            ));
        }
    }
}
