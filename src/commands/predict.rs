//! `mnist-burn predict`: classifies PNG and JPEG images.

use std::path::Path;

use serde::Serialize;

use super::opening::open_device;
use super::print::{print, print_json, print_styled};
use crate::cli::{Predict, notice, terminal};
use crate::data::LARGEST_IMAGE_FILE;
use crate::data::prepare::{self, Limits};
use crate::evaluation::{EVALUATION_BATCH, Probabilities};
use crate::run::RunFolder;
use crate::text::printable;
use crate::{Error, bounded};

/// The prediction for one image: a line or a JSON object of the output.
#[derive(Debug, Serialize)]
struct Answer {
    file: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome {
    Classified {
        /// The name of the class.
        class: String,
        /// The same as a number, if it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        digit: Option<u64>,
        probabilities: Probabilities,
        /// The image that the network sees.
        #[serde(skip)]
        pixels: Vec<u8>,
    },
    Failed {
        error: String,
    },
}

/// Prints a prediction per image, in the given order. Reports unreadable files and classifies the others.
pub fn run(arguments: &Predict) -> Result<(), Error> {
    let run = RunFolder::at(&arguments.run);
    let record = run.record()?;
    let device = open_device(arguments.device.as_ref().unwrap_or(&record.device))?;
    let classifier = run.classifier(&record, &device)?;
    let (size, names) = (classifier.size(), classifier.names());

    let mut answers = Vec::with_capacity(arguments.images.len());
    for files in arguments.images.chunks(EVALUATION_BATCH) {
        let prepared: Vec<Result<Vec<u8>, String>> = files.iter().map(|file| prepare(file, size)).collect();
        let images: Vec<&[u8]> = prepared.iter().flatten().map(Vec::as_slice).collect();
        let mut classified = classifier.classify(&images)?.into_iter();
        for (file, prepared) in files.iter().zip(prepared) {
            // The classifier returns a result for each prepared image, in the same order.
            let outcome = match prepared.and_then(|pixels| match classified.next() {
                Some(probabilities) => Ok((pixels, probabilities)),
                None => Err("not classified".to_string()),
            }) {
                Ok((pixels, probabilities)) => {
                    let class = names[probabilities.best()].clone();
                    Outcome::Classified { digit: class.parse().ok(), class, probabilities, pixels }
                }
                Err(error) => Outcome::Failed { error },
            };
            answers.push(Answer { file: file.display().to_string(), outcome });
        }
    }
    let show = arguments.show && terminal::is_coloured();
    report(&answers, names, arguments.json, show.then_some(size))
}

fn prepare(file: &Path, size: [usize; 2]) -> Result<Vec<u8>, String> {
    let encoded = bounded::read(file, LARGEST_IMAGE_FILE).map_err(|error| error.to_string())?;
    prepare::prepare(&encoded, size, Limits::FILE).map_err(|error| error.to_string())
}

/// Prints the predictions. `names` are the names of the classes. `show` is the size of the images, to draw each image
/// too.
fn report(answers: &[Answer], names: &[String], json: bool, show: Option<[usize; 2]>) -> Result<(), Error> {
    if json {
        print_json(answers)?;
    }
    let mut failed = 0;
    for Answer { file, outcome } in answers {
        match outcome {
            Outcome::Failed { error } => {
                failed += 1;
                notice(format!("error: {file}: {error}"));
            }
            Outcome::Classified { class, probabilities, pixels, .. } if !json => {
                if let Some(size) = show {
                    let drawn = terminal::prediction(pixels, size, probabilities, names);
                    print_styled(&format!("{}: {}\n{drawn}", printable(file), printable(class)))?;
                    continue;
                }
                let percent = |(name, p): (&String, &f64)| format!("{name}: {:.1} %", 100.0 * p);
                let percents: Vec<String> = names.iter().zip(&probabilities.0).map(percent).collect();
                print(&format!("{file}: {class}  ({})", percents.join("  ")))?;
            }
            Outcome::Classified { .. } => {}
        }
    }
    if failed > 0 { Err(Error::UnreadableImages { failed, images: answers.len() }) } else { Ok(()) }
}
