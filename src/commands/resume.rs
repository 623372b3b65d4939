//! `mnist-burn resume`: a run that was interrupted, or is to train longer, goes on after its last whole epoch.

use super::config::absolute_data;
use super::train::go_on;
use crate::cli::Resume;
use crate::config::{self, check_resumable};
use crate::notice::notice;
use crate::run::{RunFolder, State};
use crate::{Error, run::RunError};

/// Goes on with a run, to the very bytes that it would have ended with undisturbed.
pub fn run(arguments: &Resume) -> Result<(), Error> {
    let run = RunFolder::open(&arguments.run);
    let before = run.experiment()?;
    let mut overrides = arguments.set.clone();
    overrides.extend(arguments.device.iter().map(|name| format!("device={name}")));
    let experiment = absolute_data(config::load(Some(&run.config()), &overrides)?);
    let epochs = run.checkpoint()?.map_or(0, |checkpoint| checkpoint.epochs_done());
    check_resumable(&before, &experiment, epochs)?;
    match run.state() {
        Ok(State::Finished) if epochs >= experiment.training.epochs && run.has_evaluation() => {
            notice(format!(
                "{} is finished, all its {epochs} epochs are done; --set training.epochs={} would train it longer",
                arguments.run.display(),
                2 * epochs
            ));
            Ok(())
        }
        Ok(State::Failed) => {
            let failure = run.record()?.failure.unwrap_or_default();
            Err(RunError::Failed { run: arguments.run.clone(), failure }.into())
        }
        // Nothing but the experiment was written yet.
        _ => go_on(&experiment, &run, true),
    }
}
