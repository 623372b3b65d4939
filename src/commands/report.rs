//! `mnist-burn report`: a run as a page, or several in one.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::evaluate::evaluate_run;
use super::{open_device, print};
use crate::Error;
use crate::cli::Report;
use crate::evaluation::{Evaluated, EvaluationError};
use crate::model::Mlp;
use crate::notice::notice;
use crate::report::{MARK, comparison, page};
use crate::run::{RunFolder, write_whole_at};

/// The page's name, where none is given.
const NAME: &str = "report.html";

/// Writes the page and prints where it is.
pub fn run(arguments: &Report) -> Result<(), Error> {
    let runs: Vec<RunFolder> = arguments.runs.iter().map(|path| RunFolder::open(path)).collect();
    let (path, page) = match &runs[..] {
        [run] => {
            let path = arguments.output.clone().unwrap_or_else(|| run.path().join(NAME));
            // Before the work.
            refuse_others(&path)?;
            let record = run.record()?;
            let device = open_device(arguments.device.as_ref().unwrap_or(&record.device))?;
            let (model, evaluated) = evaluate_run(run, &record, &device)?;
            (path, page_of(run, &model, &evaluated)?)
        }
        runs => (arguments.output.clone().unwrap_or_else(|| NAME.into()), comparison(runs)?),
    };
    write(&path, &page)?;
    print(&path.display().to_string())
}

/// Leaves the page of a run that was just evaluated in its folder, and tells where. All else is there by then: without a
/// page, there is a warning.
pub fn leave_report(run: &RunFolder, model: &Mlp, evaluated: &Evaluated) -> Option<PathBuf> {
    let path = run.path().join(NAME);
    match page_of(run, model, evaluated).and_then(|page| write(&path, &page)) {
        Ok(()) => Some(path),
        Err(error) => {
            notice(format!("warning: the run has no new {NAME}: {error}"));
            None
        }
    }
}

fn page_of(run: &RunFolder, model: &Mlp, evaluated: &Evaluated) -> Result<String, Error> {
    let weights = model.first_weights().try_into_data().map_err(EvaluationError::from)?;
    Ok(page(run, &weights.iter::<f32>().collect::<Vec<_>>(), evaluated)?)
}

fn write(path: &Path, page: &str) -> Result<(), Error> {
    refuse_others(path)?;
    Ok(write_whole_at(path, page.as_bytes())?)
}

/// Refuses to replace what is no page of this program.
fn refuse_others(path: &Path) -> Result<(), Error> {
    let mut start = vec![];
    match File::open(path).and_then(|file| file.take(1024).read_to_end(&mut start)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) if String::from_utf8_lossy(&start).contains(MARK) => Ok(()),
        _ => Err(Error::NoReport { path: path.into() }),
    }
}
