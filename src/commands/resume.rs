//! `mnist-burn resume`: resumes a run after its last complete epoch.

use super::config::load;
use super::opening::find_run;
use super::train::{print_trained, resume};
use crate::Error;
use crate::cli::Resume;
use crate::config::{check_resumable, word};

/// Resumes a run. It ends with the same bytes as a run without interruption.
pub fn run(arguments: &Resume) -> Result<(), Error> {
    arguments.showing.ui.check()?;
    let run = find_run(&arguments.run, &arguments.folder.runs)?;
    let experiment = load(Some(&run.config()), &arguments.overrides, &arguments.folder.runs)?;
    resume(&experiment, &run, true, &arguments.showing, |epochs| {
        let mut longer = experiment.clone();
        longer.training.epochs = 2 * epochs;
        // A schedule may fix the number of epochs.
        let advice = match check_resumable(&experiment, &longer, epochs) {
            Ok(()) => format!("train it longer with --set training.epochs={}", longer.training.epochs),
            Err(_) => format!(
                "its {} schedule can't be extended; train a new run with more training.epochs",
                word(experiment.schedule.kind)
            ),
        };
        format!(" after {epochs} epochs; {advice}")
    })?;
    print_trained(&run, &arguments.showing)
}
