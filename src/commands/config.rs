//! `mnist-burn config`: the experiment that a file and its overrides come to.

use super::print;
use crate::cli::Experiment;
use crate::{Error, config};

/// Prints the resolved experiment as a config file.
pub fn run(arguments: &Experiment) -> Result<(), Error> {
    print(resolve(arguments)?.to_toml().trim_end())
}

/// The experiment with its overrides, `--device` being one.
pub fn resolve(arguments: &Experiment) -> Result<config::Experiment, Error> {
    let mut experiment = config::load(arguments.config.as_deref(), &arguments.set)?;
    if let Some(device) = &arguments.device {
        experiment.device.clone_from(device);
    }
    Ok(experiment)
}
