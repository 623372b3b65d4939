//! `mnist-burn export`: writes a run's model to a file for other programs.

use super::print::print;
use crate::Error;
use crate::cli::Export;
use crate::model::to_half;
use crate::run::{RunError, RunFolder, write_whole_at};

/// Writes the file and prints its path.
pub fn run(arguments: &Export) -> Result<(), Error> {
    let (run, file) = (RunFolder::at(&arguments.run), &arguments.file);
    let name = if arguments.last { RunFolder::LAST } else { RunFolder::BEST };
    let model = run.weights(name, &run.record()?)?;
    if file.exists() && !arguments.force {
        return Err(Error::Exists { path: file.clone() });
    }
    let model = if arguments.half { to_half(&model, file).map_err(RunError::from)? } else { model };
    write_whole_at(file, &model)?;
    print(&file.display().to_string())
}
