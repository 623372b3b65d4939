//! `mnist-burn resume`: a run that was interrupted, or is to train longer, goes on after its last whole epoch.

use super::config::absolute_paths;
use super::train::{go_on, refuse_failed};
use crate::Error;
use crate::cli::Resume;
use crate::config::{self, check_resumable};
use crate::notice::notice;
use crate::run::RunFolder;

/// Goes on with a run, to the very bytes that it would have ended with undisturbed.
pub fn run(arguments: &Resume) -> Result<(), Error> {
    arguments.ui.check()?;
    let run = RunFolder::open(&arguments.run);
    let before = run.experiment()?;
    let mut overrides = arguments.set.clone();
    overrides.extend(arguments.device.iter().map(|name| format!("device={name}")));
    let experiment = absolute_paths(config::load(Some(&run.config()), &overrides)?);
    let epochs = run.checkpoint()?.map_or(0, |checkpoint| checkpoint.epochs_done());
    check_resumable(&before, &experiment, epochs)?;
    refuse_failed(&run)?;
    if run.is_over(&experiment) && run.has_evaluation() {
        notice(format!(
            "{} is finished after {epochs} epochs; --set training.epochs={} would train it longer",
            arguments.run.display(),
            2 * epochs
        ));
        return Ok(());
    }
    go_on(&experiment, &run, true, arguments.ui)
}
