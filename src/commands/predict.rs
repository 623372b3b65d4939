//! `mnist-burn predict`: classifies PNG and JPEG images, and those of IDX files.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::mem;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat};
use serde::Serialize;

use super::opening::{choose_run, open_recorded};
use super::output::{OutputKind, json_lines, print, print_styled};
use crate::cli::{Format, Predict, notice, say, terminal, warn};
use crate::data::prepare::{self, Doubt, Limits, Prepared};
use crate::data::{DataError, Images, LARGEST_IMAGE_FILE, idx, is_picture, visible};
use crate::evaluation::{Classifier, Probabilities};
use crate::run::{RunError, RunFolder, write_whole_at};
use crate::text::{chain, csv_line, printable};
use crate::{Error, bounded};

/// How many images are classified together. Their answers are written at once.
const AT_ONCE: usize = 64;
/// For how many images warnings are printed: IDX files have thousands.
const MOST_WARNED: usize = 20;

/// The prediction for one image: a line or a JSON object of the output.
#[derive(Debug, Serialize)]
struct Answer {
    file: String,
    #[serde(flatten)]
    classified: Option<Classified>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Classified {
    class: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    digit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top: Option<Vec<(String, f64)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probabilities: Option<Probabilities>,
    warnings: Vec<Doubt>,
    #[serde(skip)]
    drawn: Option<String>,
}

/// An image's name, and the image as the network takes it, or why there is none.
type Input = (String, Result<Prepared, String>);

/// Writes a prediction per image, in the given order. Reports unreadable files and classifies the others.
pub fn run(arguments: &Predict, folder: &Path) -> Result<(), Error> {
    let (run, paths) = arguments.run_and_images();
    let (named, _bundled) = choose_run(run, folder)?;
    if let (Some(run), []) = (run, &paths[..]) {
        return Err(Error::NoImages { path: run.into() });
    }
    let run = RunFolder::at(&named.path);
    let record = run.record()?;
    let transposed = run.experiment()?.data.transpose;
    let mut writer = Writer::new(arguments, record.data.names())?;
    let device = open_recorded(arguments.device.as_deref(), &record.device)?;
    let classifier = run.classifier(&record, &device)?;

    if let Some(path) = &arguments.stages {
        fs::create_dir_all(path).map_err(|source| RunError::Create { path: path.clone(), source })?;
    }
    let (mut prepared, mut waiting) = (0, vec![]);
    for path in paths {
        let files = files(path)?;
        if files.is_empty() {
            return Err(Error::NoImages { path: path.into() });
        }
        for file in &files {
            let picture = || vec![(file.display().to_string(), prepare(file, &classifier))];
            for mut input in idx_images(file, classifier.size, transposed).unwrap_or_else(picture) {
                if let (_, Ok(made)) = &mut input {
                    prepared += 1;
                    // They take much more memory than the image.
                    let stages = mem::take(&mut made.stages);
                    if let Some(folder) = &arguments.stages {
                        write_stages(folder, prepared, file, stages)?;
                    }
                }
                waiting.push(input);
                if waiting.len() == AT_ONCE {
                    writer.answer(&classifier, mem::take(&mut waiting))?;
                }
            }
        }
    }
    writer.answer(&classifier, waiting)?;
    writer.finish()
}

/// The pictures and IDX files in a folder and its sub-folders, by name, without hidden ones; or the file itself.
fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.into()]);
    }
    let mut found = vec![];
    for entry in visible(path)? {
        // Don't follow links to folders: they may form a loop.
        if entry.is_dir() && !entry.is_symlink() {
            found.extend(files(&entry)?);
        } else if is_picture(&entry) || entry.file_name().is_some_and(|it| it.to_string_lossy().contains("idx3")) {
            found.push(entry);
        }
    }
    Ok(found)
}

/// The images of an IDX file, each named by file and number; `None` if it is another. `transposed`: stored column by column.
fn idx_images(file: &Path, size: [usize; 2], transposed: bool) -> Option<Vec<Input>> {
    // What is read from a pipe is gone, and a device has no end.
    if !file.is_file() {
        return None;
    }
    let mut start = [0; 2];
    File::open(file).and_then(|mut file| file.read_exact(&mut start)).ok()?;
    if !idx::STARTS.contains(&start) {
        return None;
    }
    let read = || {
        let ([count, height, width], pixels) = idx::images(file)?;
        let images = Images::new(pixels, vec![0; count], [height, width], 1);
        let images = if transposed { images.transposed() } else { images };
        match images.size() {
            found if found == size => Ok(images),
            found => Err(DataError::Size { path: file.into(), found, expected: size }),
        }
    };
    let name = file.display();
    Some(match read() {
        Ok(images) => (0..images.len())
            .map(|index| (format!("{name}[{index}]"), Ok(Prepared::from(images.pixels(index).to_vec()))))
            .collect(),
        Err(error) => vec![(name.to_string(), Err(chain(&error)))],
    })
}

fn prepare(file: &Path, classifier: &Classifier) -> Result<Prepared, String> {
    let encoded = bounded::read_or_stdin(file, LARGEST_IMAGE_FILE).map_err(|error| error.to_string())?;
    prepare::prepare(&encoded, classifier.size, &classifier.look, Limits::FILE).map_err(|error| error.to_string())
}

/// Writes answers as they come, to standard output or a file.
struct Writer<'a> {
    arguments: &'a Predict,
    names: Vec<String>,
    /// What is written at the end: an array of JSON.
    array: Vec<Answer>,
    /// What goes into a file, which is written at the end.
    text: String,
    images: usize,
    doubtful: usize,
    failed: usize,
}

impl<'a> Writer<'a> {
    fn new(arguments: &'a Predict, names: Vec<String>) -> Result<Self, Error> {
        let mut writer =
            Self { arguments, names, array: vec![], text: String::new(), images: 0, doubtful: 0, failed: 0 };
        arguments.output.iter().try_for_each(|path| writer.kind().check(path))?;
        if arguments.format() == Format::Csv {
            let heading = ["file".to_string(), "class".into()].into_iter();
            let classes = match arguments.top {
                None => writer.names.clone(),
                Some(top) => (1..=writer.names.len().min(top.into()))
                    .flat_map(|rank| [format!("class {rank}"), format!("probability {rank}")])
                    .collect(),
            };
            writer.write(csv_line(heading.chain(classes)))?;
        }
        Ok(writer)
    }

    fn kind(&self) -> OutputKind {
        let endings: &[&str] = match self.arguments.format() {
            Format::Text if self.arguments.format.is_none() => &["txt", "json", "jsonl", "csv"],
            Format::Text => &["txt"],
            Format::Json => &["json"],
            Format::Jsonl => &["jsonl"],
            Format::Csv => &["csv"],
        };
        OutputKind::new("file of predictions", endings, self.arguments.force)
    }

    fn answer(&mut self, classifier: &Classifier, inputs: Vec<Input>) -> Result<(), Error> {
        let images: Vec<_> = inputs.iter().flat_map(|(_, image)| image).map(|image| image.pixels.as_slice()).collect();
        let mut classified = classifier.classify(&images)?.into_iter();
        for (file, image) in inputs {
            let mut next = || classified.next().expect("the classifier returns a result for each image, in order");
            let answer = image.map(|image| self.classified(classifier.size[1], &image, next()));
            let (classified, error) = answer.map_or_else(|error| (None, Some(error)), |it| (Some(it), None));
            self.report(Answer { file, classified, error })?;
        }
        Ok(())
    }

    fn classified(&self, width: usize, image: &Prepared, probabilities: Probabilities) -> Classified {
        let best = probabilities.best();
        let class = self.names[best].clone();
        let drawn = (self.arguments.show && terminal::is_coloured())
            .then(|| terminal::prediction(&image.pixels, width, &probabilities, &self.names));
        let warnings = image.warnings(probabilities.0[best]);
        let named = |class: usize| (self.names[class].clone(), probabilities.0[class]);
        let top = self.arguments.top.map(|n| probabilities.ranked().into_iter().take(n.into()).map(named).collect());
        let probabilities = top.is_none().then_some(probabilities);
        Classified { digit: class.parse().ok(), class, top, probabilities, warnings, drawn }
    }

    /// JSON has them in each object.
    fn lacks_warnings(&self) -> bool {
        matches!(self.arguments.format(), Format::Text | Format::Csv)
    }

    fn report(&mut self, answer: Answer) -> Result<(), Error> {
        let Answer { file, classified, error } = &answer;
        self.images += 1;
        self.doubtful += usize::from(classified.as_ref().is_some_and(|it| !it.warnings.is_empty()));
        self.failed += usize::from(error.is_some());
        error.iter().for_each(|error| say(format!("error: {file}: {error}")));
        let shown = classified.iter().filter(|_| self.lacks_warnings() && self.doubtful <= MOST_WARNED);
        shown.flat_map(|it| &it.warnings).for_each(|warning| warn(format!("{file}: {warning}")));
        match (self.arguments.format(), classified) {
            (Format::Json, _) => self.array.push(answer),
            (Format::Jsonl, _) => self.write(json_lines([&answer])?)?,
            (_, None) => {}
            (Format::Csv, Some(Classified { class, top, probabilities, .. })) => {
                let numbers = probabilities.iter().flat_map(|all| all.0.iter().map(f64::to_string));
                let top = top.iter().flatten().flat_map(|(name, p)| [name.clone(), p.to_string()]);
                self.write(csv_line([file.clone(), class.clone()].into_iter().chain(numbers).chain(top)))?;
            }
            (Format::Text, Some(Classified { class, top, probabilities, drawn, .. })) => {
                if let Some(drawn) = drawn {
                    return print_styled(&format!("{}: {}\n{drawn}", printable(file), printable(class)));
                }
                let percent = |name: &String, p: f64| format!("{name}: {:.1} %", 100.0 * p);
                let all = self.names.iter().zip(probabilities.iter().flat_map(|all| &all.0));
                let all = all.map(|(name, &p)| percent(name, p));
                let top = top.iter().flatten().map(|(name, p)| percent(name, *p));
                self.write(format!("{file}: {class}  ({})\n", all.chain(top).collect::<Vec<_>>().join("  ")))?;
            }
        }
        Ok(())
    }

    fn write(&mut self, lines: String) -> Result<(), Error> {
        if self.arguments.output.is_none() {
            return print(lines.trim_end_matches('\n'));
        }
        self.text += &lines;
        Ok(())
    }

    fn finish(mut self) -> Result<(), Error> {
        if self.arguments.format() == Format::Json {
            let array = serde_json::to_string_pretty(&self.array).map_err(|error| Error::Output(error.into()))?;
            self.write(array + "\n")?;
        }
        self.arguments.output.iter().try_for_each(|path| self.kind().save(path, self.text.as_bytes()))?;
        let doubtful = self.doubtful;
        if doubtful > MOST_WARNED && self.lacks_warnings() {
            warn(format!("{doubtful} images have warnings, of which those of the first {MOST_WARNED} are shown"));
        }
        if self.images > 1 {
            notice(format!("{} images, {} of them with warnings", self.images, self.doubtful));
        }
        if self.failed > 0 { Err(Error::UnreadableImages { failed: self.failed, images: self.images }) } else { Ok(()) }
    }
}

/// Writes the stages of an image, the given `number` of all, as `<number>-<its name>-<stage's number>-<its name>.png`.
fn write_stages(folder: &Path, number: usize, file: &Path, stages: Vec<(&str, DynamicImage)>) -> Result<(), Error> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    for (stage, (name, picture)) in (1..).zip(stages) {
        let path = folder.join(format!("{number}-{stem}-{stage}-{name}.png"));
        let mut png = Cursor::new(vec![]);
        let failed = |error| RunError::Write { path: path.clone(), source: io::Error::other(error) };
        picture.write_to(&mut png, ImageFormat::Png).map_err(failed)?;
        write_whole_at(&path, png.get_ref(), true)?.into_iter().for_each(warn);
    }
    Ok(())
}
