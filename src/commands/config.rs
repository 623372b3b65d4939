//! `mnist-burn config`: prints the resolved config of a file and its overrides, or the JSON Schema of configs.

use std::path::Path;

use super::print::print;
use crate::cli::{Config, Experiment};
use crate::{Error, config};

/// Prints the resolved experiment as a config file, or the JSON Schema.
pub fn run(arguments: &Config) -> Result<(), Error> {
    if arguments.schema {
        return print(config::schema_json().trim_end());
    }
    print(resolve(&arguments.experiment)?.to_toml().trim_end())
}

/// Resolves the experiment with its overrides.
pub fn resolve(arguments: &Experiment) -> Result<config::Experiment, Error> {
    load(arguments.config.as_deref(), &arguments.set, arguments.device.as_deref())
}

/// Loads an experiment with its overrides, of which `device` is the last.
pub fn load(file: Option<&Path>, set: &[String], device: Option<&str>) -> Result<config::Experiment, Error> {
    let device = device.map(|name| format!("device={name}"));
    Ok(absolute_paths(config::load(file, &[set, device.as_slice()].concat())?))
}

/// Makes the experiment's paths absolute, so that a run's config means the same in every folder. `~` is the home folder.
pub fn absolute_paths(mut experiment: config::Experiment) -> config::Experiment {
    for path in [&mut experiment.data.dir, &mut experiment.init.from].into_iter().flatten() {
        if let Ok(absolute) = std::path::absolute(config::expand_home(path))
            // A config file can hold UTF-8 paths only.
            && absolute.to_str().is_some()
        {
            *path = absolute;
        }
    }
    experiment
}
