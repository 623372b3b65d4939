//! `mnist-burn config`: the experiment that a file and its overrides come to.

use super::print;
use crate::cli::Experiment;
use crate::{Error, config};

/// Prints the resolved experiment as a config file.
pub fn run(arguments: &Experiment) -> Result<(), Error> {
    print(resolve(arguments)?.to_toml().trim_end())
}

/// The experiment with its overrides, `--device` being the last of them.
pub fn resolve(arguments: &Experiment) -> Result<config::Experiment, Error> {
    let mut overrides = arguments.set.clone();
    overrides.extend(arguments.device.iter().map(|name| format!("device={name}")));
    Ok(absolute_paths(config::load(arguments.config.as_deref(), &overrides)?))
}

/// The experiment with the paths in it made absolute, so that a run's config means the same from everywhere.
pub fn absolute_paths(mut experiment: config::Experiment) -> config::Experiment {
    for path in [&mut experiment.data.dir, &mut experiment.init.from].into_iter().flatten() {
        if let Ok(absolute) = std::path::absolute(&path)
            // A config file can't hold other paths.
            && absolute.to_str().is_some()
        {
            *path = absolute;
        }
    }
    experiment
}
