//! A sweep: variants of one experiment, each run with several seeds, and the choice among them.
//!
//! `file` reads what is to be tried, with `reader` and `place`, `space` makes the trials of it, `names` calls them, and
//! `results` puts together what became of them. Everything wrong with the file, or with an experiment that comes of it,
//! is reported at once.

mod error;
mod file;
mod location;
mod names;
mod reader;
mod results;
mod space;

use std::fs;
use std::path::{Path, PathBuf};

use toml::Value;

use crate::config::{self, ConfigError, Experiment, Problem};

pub use error::SweepError;
use file::SweepFile;
pub use results::{Results, RunResult, Spread, TrialResult};
pub use space::Settings;

/// A sweep, checked: every run of it can be trained, as far as its config tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Names its folder in `runs`.
    pub name: String,
    /// The config file that the trials change, from the current folder.
    pub base: PathBuf,
    /// What each trial is run with, in turn. At least one, each once.
    pub seeds: Vec<u64>,
    /// What is tried, at least one, no two with the same settings.
    pub trials: Vec<Trial>,
}

/// One variant of the experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its name, fit for a folder: `learning_rate=0.001,hidden=300-100`.
    pub name: String,
    /// What it changes in the base: dotted keys and their values.
    pub settings: Settings,
    /// The base with these changes, and the base's own seed.
    pub experiment: Experiment,
}

/// One training of a sweep.
#[derive(Debug, Clone, Copy)]
pub struct SweepRun<'a> {
    /// What is tried.
    pub trial: &'a Trial,
    /// The seed of it.
    pub seed: u64,
}

impl Sweep {
    /// Reads a sweep's file and checks every experiment that comes of it. `device` goes before the base's.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] if there is no reading `file`, or [`ConfigError::Problems`] with all that is wrong.
    pub fn load(file: &Path, device: Option<&str>) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(file).map_err(|source| ConfigError::Unreadable { path: file.to_path_buf(), source })?;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        Self::build(&text, &stem, device).map_err(|mut problems| {
            problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
            ConfigError::Problems { origin: file.display().to_string(), problems }
        })
    }

    fn build(text: &str, stem: &str, device: Option<&str>) -> Result<Self, Vec<Problem>> {
        let file = file::read(text, stem)?;
        let space = file.space.trials();
        let mut problems = vec![];
        let mut trials = vec![];
        for (name, settings) in names::of(&space).into_iter().zip(space) {
            match experiment(&file, &settings, device) {
                Ok(experiment) => trials.push(Trial { name, settings, experiment }),
                // One value may be wrong in many trials.
                Err(found) => found.into_iter().for_each(|problem| {
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                }),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { name: file.name, base: file.base, seeds: file.seeds, trials })
    }

    /// Every training of the sweep, in order: the seeds of the first trial, then those of the next.
    pub fn runs(&self) -> impl Iterator<Item = SweepRun<'_>> {
        self.trials.iter().flat_map(|trial| self.runs_of(trial))
    }

    /// The trainings of one of its trials.
    fn runs_of<'a>(&'a self, trial: &'a Trial) -> impl Iterator<Item = SweepRun<'a>> {
        self.seeds.iter().map(move |&seed| SweepRun { trial, seed })
    }
}

impl Trial {
    /// Its changes as `--set` takes them.
    pub fn overrides(&self) -> Vec<String> {
        overrides(&self.settings)
    }
}

impl SweepRun<'_> {
    /// What is trained.
    pub fn experiment(&self) -> Experiment {
        Experiment { seed: self.seed, ..self.trial.experiment.clone() }
    }

    /// Its name, also that of its folder in the sweep's: `<trial>-seed<seed>`.
    pub fn name(&self) -> String {
        format!("{}-seed{}", self.trial.name, self.seed)
    }
}

fn overrides(settings: &[(String, Value)]) -> Vec<String> {
    settings.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

/// The base with these settings, or what is wrong with it, at the lines of the sweep's file.
fn experiment(
    file: &SweepFile,
    settings: &[(String, Value)],
    device: Option<&str>,
) -> Result<Experiment, Vec<Problem>> {
    let base_place = &file.base_place;
    let mut arguments = overrides(settings);
    arguments.extend(device.map(|name| format!("device={name}")));
    let place = |problem: Problem| {
        if problem.line.is_some() {
            return base_place.problem(problem.to_string());
        }
        let setting = arguments.iter().position(|argument| problem.setting == format!("--set {argument}"));
        match setting.and_then(|index| settings.get(index)) {
            Some((key, value)) => {
                let line = file.space.place(key).map(|place| place.line);
                Problem { line, setting: format!("{key} = {value}"), ..problem }
            }
            None => problem,
        }
    };
    match config::load(Some(&file.base), &arguments) {
        Ok(experiment) if experiment.data.validation == 0 => {
            let place = file.space.place("data.validation").unwrap_or(base_place);
            Err(vec![place.problem(
                "holds out no images, but trials are chosen by their validation error: set data.validation in the base, \
                 or here to a single value, as in \"data.validation\" = [5000] under [grid]",
            )])
        }
        Ok(experiment) => Ok(experiment),
        Err(ConfigError::Problems { problems, .. }) => Err(problems.into_iter().map(place).collect()),
        Err(ConfigError::Unreadable { source, .. }) => Err(vec![
            base_place
                .problem(format!("can't be read ({source}); its path starts in the current folder, as --config's")),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "base = 'config/smoke.toml'\nseeds = [1, 2]\n";

    fn sweep(text: &str) -> Sweep {
        Sweep::build(&format!("{START}{text}"), "try", None).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    fn problems(text: &str) -> Vec<String> {
        let mut problems = Sweep::build(text, "try", None).unwrap_err();
        problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_trial_is_the_base_with_its_settings_and_each_run_a_trial_with_a_seed() {
        let sweep = sweep("[grid]\n'optimizer.learning_rate' = [0.1, 0.2]\n'training.epochs' = [3]");
        let trained: Vec<_> = sweep.runs().map(|run| (run.name(), run.experiment())).collect();
        let names: Vec<&str> = trained.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "learning_rate=0.1-seed1",
            "learning_rate=0.1-seed2",
            "learning_rate=0.2-seed1",
            "learning_rate=0.2-seed2",
        ];
        assert_eq!(names, expected);
        for (_, experiment) in &trained {
            assert_eq!((experiment.training.epochs, experiment.data.validation), (3, 5000));
        }
        assert_eq!((trained[2].1.optimizer.learning_rate, trained[3].1.seed), (0.2, 2));
    }

    #[test]
    fn the_overrides_of_a_trial_give_its_experiment() {
        let file = "[grid]\n'model.hidden' = [[], [3, 2]]\n'optimizer.learning_rate' = [1e-7]\nmodel.activation = ['gelu']\n\
            'training.batch_size' = ['all', 7]";
        for trial in sweep(file).trials {
            let loaded = config::load(Some("config/smoke.toml".as_ref()), &trial.overrides()).unwrap();
            assert_eq!(loaded, trial.experiment);
        }
    }

    #[test]
    fn a_grid_without_keys_is_the_base_itself() {
        let sweep = sweep("[grid]");
        assert_eq!(sweep.runs().map(|run| run.name()).collect::<Vec<_>>(), ["base-seed1", "base-seed2"]);
    }

    #[test]
    fn what_is_wrong_in_the_trials_is_reported_once_at_its_line_in_the_file() {
        let text = format!(
            "{START}[grid]\n'optimizer.learing_rate' = [0.1]\n'model.dropout' = [0.1, 1.5]\n'training.epochs' = [1, 2]\n\
             model.activation = ['rleu']"
        );
        let expected = [
            "line 4: optimizer.learing_rate = 0.1: unknown key; did you mean optimizer.learning_rate?",
            "line 5: model.dropout = 1.5: must be a number of at least 0 and less than 1",
            "line 7: model.activation = \"rleu\": must be one of \"relu\", \"sigmoid\", \"tanh\", \"gelu\"; did you mean \
             \"relu\"?",
        ];
        assert_eq!(problems(&text), expected);
    }

    #[test]
    fn what_is_wrong_in_the_base_is_reported_once_with_both_places() {
        let base = tempfile::NamedTempFile::new().unwrap();
        fs::write(base.path(), "data.validation = 10\nmodel.dropout = 2").unwrap();
        let line = format!("base = '{}'", base.path().display());
        let found = problems(&format!("{line}\nseeds = [1]\n[grid]\n'training.epochs' = [1, 2]"));
        assert_eq!(
            found,
            [format!("line 1: {line}: line 2: model.dropout = 2: must be a number of at least 0 and less than 1")]
        );
    }

    #[test]
    fn a_base_that_is_not_there_is_reported_with_where_it_is_looked_for() {
        let found = problems("base = 'no/such.toml'\nseeds = [1]\n[grid]\n'training.epochs' = [1, 2]");
        assert!(found.len() == 1 && found[0].starts_with("line 1: base = 'no/such.toml': can't be read"), "{found:?}");
        assert!(found[0].contains("current folder"), "{found:?}");
    }

    #[test]
    fn a_sweep_without_validation_images_is_refused() {
        let refused = "holds out no images, but trials are chosen by their validation error";
        let found = problems("base = 'config/baseline.toml'\nseeds = [1]\n[grid]");
        assert!(found[0].starts_with("line 1: base") && found[0].contains(refused), "{found:?}");
        let found = problems(&format!("{START}[grid]\n'data.validation' = [0]"));
        assert!(found[0].starts_with("line 4: ") && found[0].contains(refused), "{found:?}");
        let base = "base = 'config/baseline.toml'\nseeds = [1]\n[grid]\n'data.validation' = [5000]";
        assert!(Sweep::build(base, "try", None).is_ok());
    }

    #[test]
    fn the_device_of_the_command_line_goes_before_the_bases() {
        let device = |name| Sweep::build(&format!("{START}[grid]"), "try", Some(name));
        assert_eq!(device("flex").unwrap().trials[0].experiment.device, "flex".into());
        assert!(device("abacus").unwrap_err()[0].to_string().starts_with("--set device=abacus: must be"));
    }

    #[test]
    fn the_shipped_sweeps_are_sound() {
        let files: Vec<_> = fs::read_dir("config/sweeps").unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty());
        for file in files {
            Sweep::load(&file, None).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
