//! `mnist-burn export`: writes a run's model to a file for other programs.

use super::opening::find_run;
use super::output::{OutputKind, Replaces};
use crate::Error;
use crate::cli::Export;
use crate::model::to_half;
use crate::run::{RunError, RunFolder};

/// Writes the file and prints its path.
pub fn run(arguments: &Export) -> Result<(), Error> {
    let replaces = if arguments.force { Replaces::Anything } else { Replaces::Nothing };
    let model = OutputKind { name: "safetensors file", endings: &["safetensors"], replaces };
    model.check(&arguments.file)?;
    let run = find_run(&arguments.run, &arguments.folder.runs)?;
    let name = if arguments.last { RunFolder::LAST } else { RunFolder::BEST };
    let weights = run.weights(name, &run.record()?)?;
    let weights = if arguments.half { to_half(&weights, &arguments.file).map_err(RunError::from)? } else { weights };
    model.save(&arguments.file, &weights)
}
