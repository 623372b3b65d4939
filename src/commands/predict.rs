//! `mnist-burn predict`: which digits some images show.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use super::{open_device, print};
use crate::Error;
use crate::cli::Predict;
use crate::data::ImageBatcher;
use crate::evaluation::{Probabilities, classify};
use crate::picture;
use crate::run::RunFolder;
use crate::training::EVALUATION_BATCH;

/// One image's line, or object, of output.
#[derive(Debug, Serialize)]
struct Answer {
    file: PathBuf,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome {
    Read { digit: usize, probabilities: Probabilities },
    Failed { error: String },
}

/// Prints an answer an image, in the order given; bad files are reported and the rest is still done.
pub fn run(arguments: &Predict) -> Result<(), Error> {
    let run = RunFolder::open(&arguments.run);
    let (record, experiment) = (run.record()?, run.experiment()?);
    let device = open_device(&arguments.device)?;
    let model = run.model(&experiment, &record.data, &device)?;
    let batcher = ImageBatcher::new(record.data.scaling);

    let mut answers = Vec::with_capacity(arguments.images.len());
    for files in arguments.images.chunks(EVALUATION_BATCH) {
        let prepared: Vec<Result<Vec<u8>, String>> =
            files.iter().map(|file| prepare(file, [record.data.height, record.data.width])).collect();
        let readable: Vec<&[u8]> = prepared.iter().flatten().map(Vec::as_slice).collect();
        let mut read = match readable.len() {
            0 => vec![],
            _ => classify(&model, batcher.images(readable.into_iter(), &device.device))?,
        }
        .into_iter();
        answers.extend(files.iter().zip(prepared).map(|(file, prepared)| Answer {
            file: file.clone(),
            outcome: match prepared.map(|_| read.next()) {
                Ok(Some(probabilities)) => Outcome::Read { digit: probabilities.best(), probabilities },
                Ok(None) => Outcome::Failed { error: "the device gave no answer".into() },
                Err(error) => Outcome::Failed { error },
            },
        }));
    }
    report(&answers, arguments.json)
}

fn prepare(file: &PathBuf, size: [usize; 2]) -> Result<Vec<u8>, String> {
    let encoded = fs::read(file).map_err(|error| error.to_string())?;
    picture::prepare(&encoded, size).map_err(|error| error.to_string())
}

fn report(answers: &[Answer], json: bool) -> Result<(), Error> {
    if json {
        print(&serde_json::to_string_pretty(answers).map_err(std::io::Error::from)?)?;
    }
    let mut failed = 0;
    for Answer { file, outcome } in answers {
        match outcome {
            Outcome::Failed { error } => {
                failed += 1;
                eprintln!("error: {}: {error}", file.display());
            }
            Outcome::Read { digit, probabilities } if !json => {
                let shares: Vec<String> = probabilities
                    .0
                    .iter()
                    .enumerate()
                    .map(|(class, p)| format!("{class}: {:.1} %", 100.0 * p))
                    .collect();
                print(&format!("{}: {digit}  ({})", file.display(), shares.join("  ")))?;
            }
            Outcome::Read { .. } => {}
        }
    }
    if failed > 0 { Err(Error::Pictures { failed, images: answers.len() }) } else { Ok(()) }
}
