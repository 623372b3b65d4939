//! `mnist-burn config`: prints the resolved config of a file and its overrides, or the JSON Schema of configs.

use std::path::{Path, PathBuf};

use super::{opening::find_run, output::print};
use crate::cli::{Config, Experiment, Overrides};
use crate::config::{all_keys, values_by_key};
use crate::run::{RunError, is_run};
use crate::{Error, config};

pub fn run(arguments: &Config, folder: &Path) -> Result<(), Error> {
    if arguments.schema {
        return print(config::schema_json().trim_end());
    }
    let experiment = resolve(&arguments.experiment, folder)?;
    let set = values_by_key(&experiment);
    let unset = all_keys().iter().filter(|key| !set.contains_key(&key.name));
    let unset: String = unset.map(|key| format!("\n#   {}", key.name)).collect();
    print(&format!("{}\n\n# Keys that are not set:{unset}", experiment.to_toml().trim_end()))
}

pub fn resolve(arguments: &Experiment, folder: &Path) -> Result<config::Experiment, Error> {
    load(arguments.config.as_deref(), &arguments.overrides, folder)
}

/// Loads an experiment with its overrides. `init.from` may name a run in `runs`.
pub fn load(file: Option<&Path>, overrides: &Overrides, runs: &Path) -> Result<config::Experiment, Error> {
    absolute_paths(config::load(file, &overrides.settings())?, runs)
}

/// Makes paths absolute, so that a run's config means the same everywhere. Names of runs in `runs` become their paths.
pub fn absolute_paths(mut experiment: config::Experiment, runs: &Path) -> Result<config::Experiment, Error> {
    let config::Experiment { data, init, distillation, .. } = &mut experiment;
    for (key, path) in [("init.from", &mut init.from), ("distillation.teacher", &mut distillation.teacher)] {
        let is_here = |from: &PathBuf| from.is_file() || is_run(from);
        let Some(from) = path.as_mut().filter(|from| !is_here(&config::expand_home(from))) else { continue };
        match find_run(from, runs) {
            Ok(run) => *from = run.path().into(),
            // The path of a file or folder that a resumed run does not need any more.
            Err(RunError::Unknown { .. }) if from.components().count() > 1 => {}
            Err(source) => return Err(Error::SourceRun { key, source }),
        }
    }
    for path in [&mut data.dir, &mut init.from, &mut distillation.teacher].into_iter().flatten() {
        if let Ok(absolute) = std::path::absolute(config::expand_home(path))
            // A config file can hold UTF-8 paths only.
            && absolute.to_str().is_some()
        {
            *path = absolute;
        }
    }
    Ok(experiment)
}
