//! `mnist-burn resume`: resumes a run after its last complete epoch.

use super::config::absolute_paths;
use super::train::{finish, refuse_failed, resume};
use crate::Error;
use crate::cli::Resume;
use crate::config::{self, check_resumable};
use crate::run::RunFolder;

/// Resumes a run. It ends with the same bytes as a run without interruption.
pub fn run(arguments: &Resume) -> Result<(), Error> {
    arguments.ui.check()?;
    let run = RunFolder::at(&arguments.run);
    let before = run.experiment()?;
    let mut overrides = arguments.set.clone();
    overrides.extend(arguments.device.iter().map(|name| format!("device={name}")));
    let experiment = absolute_paths(config::load(Some(&run.config()), &overrides)?);
    let epochs = run.checkpoint()?.map_or(0, |checkpoint| checkpoint.epochs_done());
    check_resumable(&before, &experiment, epochs)?;
    refuse_failed(&run)?;
    if run.is_over(&experiment) {
        let mut longer = experiment.clone();
        longer.training.epochs = 2 * epochs;
        // A schedule may fix the number of epochs.
        let advice = match check_resumable(&experiment, &longer, epochs) {
            Ok(()) => format!("train it longer with --set training.epochs={}", longer.training.epochs),
            Err(_) => format!(
                "its {} schedule can't be extended; train a new run with more training.epochs",
                experiment.schedule.kind
            ),
        };
        return finish(&experiment, &run, true, &format!(" after {epochs} epochs; {advice}"));
    }
    resume(&experiment, &run, true, arguments.ui)
}
