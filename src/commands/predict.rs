//! `mnist-burn predict`: classifies PNG and JPEG images.

use std::io::{self, Cursor};
use std::path::Path;
use std::{fs, mem};

use image::{DynamicImage, ImageFormat};
use serde::Serialize;

use super::opening::{choose_run, open_recorded};
use super::print::{print, print_json, print_styled};
use crate::cli::{Predict, notice, terminal, warn};
use crate::data::LARGEST_IMAGE_FILE;
use crate::data::prepare::{self, Doubt, Limits, Prepared};
use crate::evaluation::{Classifier, EVALUATION_BATCH, Probabilities};
use crate::run::{RunError, RunFolder, write_whole_at};
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
        class: String,
        /// The same as a number, if it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        digit: Option<u64>,
        probabilities: Probabilities,
        warnings: Vec<Doubt>,
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
    let (run, files) = arguments.run_and_images();
    if let (Some(run), []) = (run, files) {
        return Err(Error::NoImages { run: run.into() });
    }
    let (named, _bundled) = choose_run(run, &arguments.runs)?;
    let run = RunFolder::at(&named.path);
    let record = run.record()?;
    let device = open_recorded(arguments.device.as_deref(), &record.device)?;
    let classifier = run.classifier(&record, &device)?;
    let (size, names) = (classifier.size, &classifier.names);

    let mut stages = arguments.stages.as_deref().map(StageWriter::new).transpose()?;
    let mut answers = Vec::with_capacity(files.len());
    for files in files.chunks(EVALUATION_BATCH) {
        let mut prepared: Vec<Result<Prepared, String>> = Vec::with_capacity(files.len());
        for file in files {
            let mut result = prepare(file, &classifier);
            if let Ok(made) = &mut result {
                // They take much more memory than the image.
                let made = mem::take(&mut made.stages);
                stages.as_mut().map(|stages| stages.write(file, made)).transpose()?;
            }
            prepared.push(result);
        }
        let images: Vec<&[u8]> = prepared.iter().flatten().map(|prepared| prepared.pixels.as_slice()).collect();
        let mut classified = classifier.classify(&images)?.into_iter();
        for (file, prepared) in files.iter().zip(prepared) {
            // The classifier returns a result for each prepared image, in the same order.
            let outcome = match prepared.and_then(|prepared| match classified.next() {
                Some(probabilities) => Ok((prepared, probabilities)),
                None => Err("not classified".to_string()),
            }) {
                Ok((prepared, probabilities)) => {
                    let class = names[probabilities.best()].clone();
                    let warnings = prepared.warnings(probabilities.0[probabilities.best()]);
                    let pixels = prepared.pixels;
                    Outcome::Classified { digit: class.parse().ok(), class, probabilities, warnings, pixels }
                }
                Err(error) => Outcome::Failed { error },
            };
            answers.push(Answer { file: file.display().to_string(), outcome });
        }
    }
    let show = arguments.show && terminal::is_coloured();
    report(&answers, names, arguments.json, show.then_some(size))
}

fn prepare(file: &Path, classifier: &Classifier) -> Result<Prepared, String> {
    let encoded = bounded::read(file, LARGEST_IMAGE_FILE).map_err(|error| error.to_string())?;
    prepare::prepare(&encoded, classifier.size, &classifier.look, Limits::FILE).map_err(|error| error.to_string())
}

/// Writes the stages of images into a folder: `<image's number>-<its name>-<stage's number>-<its name>.png`.
struct StageWriter<'a> {
    folder: &'a Path,
    images: usize,
}

impl<'a> StageWriter<'a> {
    fn new(folder: &'a Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|source| RunError::Create { path: folder.into(), source })?;
        Ok(Self { folder, images: 0 })
    }

    fn write(&mut self, file: &Path, stages: Vec<(&str, DynamicImage)>) -> Result<(), Error> {
        self.images += 1;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        for (number, (name, picture)) in stages.into_iter().enumerate() {
            let path = self.folder.join(format!("{}-{stem}-{}-{name}.png", self.images, number + 1));
            let mut png = Cursor::new(vec![]);
            let failed = |error| RunError::Write { path: path.clone(), source: io::Error::other(error) };
            picture.write_to(&mut png, ImageFormat::Png).map_err(failed)?;
            write_whole_at(&path, png.get_ref(), true)?.into_iter().for_each(warn);
        }
        Ok(())
    }
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
            Outcome::Classified { class, probabilities, pixels, warnings, .. } if !json => {
                warnings.iter().for_each(|warning| warn(format!("{file}: {warning}")));
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
