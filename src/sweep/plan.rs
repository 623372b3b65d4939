//! The runs of a sweep: every trial with every seed, checked before anything is trained.

use std::path::{Path, PathBuf};
use std::{collections::HashSet, fs};

use toml::Value;

use super::file::{self, SweepFile, find};
use super::space::{Settings, names};
use crate::config::{self, ConfigError, Experiment, Problem, what_trains};
use crate::run::RunFolder;

#[derive(Debug)]
pub struct Sweep {
    pub file: SweepFile,
    /// The trials of the file with their experiments: at least one, all with different settings.
    pub trials: Vec<Trial>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    pub name: String,
    pub settings: Settings,
    /// The base with these changes. It has the base's own seed.
    pub experiment: Experiment,
    /// Its runs, once they have their places: a seed and a folder each.
    pub runs: Vec<(u64, PathBuf)>,
}

impl Sweep {
    /// Reads a sweep file and checks the experiment of every trial. `device` overrides the base's.
    pub fn load(file: &Path, device: Option<&str>) -> Result<Self, ConfigError> {
        let text = config::read(file).map_err(|source| ConfigError::Unreadable { path: file.to_path_buf(), source })?;
        Self::build(&text, &file.file_stem().unwrap_or_default().to_string_lossy(), device).map_err(|mut problems| {
            problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
            ConfigError::Problems { origin: file.display().to_string(), problems }
        })
    }

    fn build(text: &str, stem: &str, device: Option<&str>) -> Result<Self, Vec<Problem>> {
        let file = file::read(text, stem)?;
        let mut problems = vec![];
        let mut trials = vec![];
        for (name, settings) in names(&file.trials).into_iter().zip(&file.trials) {
            match experiment(&file, settings, device) {
                Ok(experiment) => trials.push(Trial { name, settings: settings.clone(), experiment, runs: vec![] }),
                // The same value may be wrong in many trials.
                Err(mut found) => {
                    found.retain(|problem| !problems.contains(problem));
                    problems.extend(found);
                }
            }
        }
        if problems.is_empty() { Ok(Self { file, trials }) } else { Err(problems) }
    }

    /// Gives each run its place in `folder`: that of the same training, whatever its name, or else a free one.
    pub fn place(&mut self, folder: &Path) {
        let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let read = |path: PathBuf| {
            let run = RunFolder::at(&path);
            // The config of an ensemble is that of its first member.
            let is_ensemble = run.record().is_ok_and(|record| !record.members.is_empty());
            Some((what_trains(&run.experiment().ok().filter(|_| !is_ensemble)?), path))
        };
        let (found, mut taken): (Vec<_>, _) = (paths.filter_map(read).collect(), HashSet::new());
        for trial in &mut self.trials {
            for &seed in &self.file.seeds {
                let (wanted, own) = (what_trains(&trial.with_seed(seed)), folder.join(trial.run_name(seed)));
                let is_same = |(what, path): &&(_, PathBuf)| *what == wanted && !taken.contains(path);
                let same = found.iter().filter(is_same).map(|(_, path)| path).max_by_key(|path| **path == own).cloned();
                let is_free = |path: &PathBuf| !taken.contains(path) && found.iter().all(|(_, is)| is != path);
                let numbered = (2..).map(|number| folder.join(format!("{}-{number}", trial.run_name(seed))));
                let mut names = [own].into_iter().chain(numbered);
                let path = same.or_else(|| names.find(is_free)).expect("numbers do not end");
                taken.insert(path.clone());
                trial.runs.push((seed, path));
            }
        }
    }
}

impl Trial {
    pub fn with_seed(&self, seed: u64) -> Experiment {
        Experiment { seed, ..self.experiment.clone() }
    }

    /// The name of the run with `seed`, also that of its folder in the sweep's folder, if it is free: `<trial>-seed<seed>`.
    pub fn run_name(&self, seed: u64) -> String {
        format!("{}-seed{seed}", self.name)
    }
}

pub fn overrides(settings: &[(String, Value)]) -> Vec<String> {
    settings.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

/// The base with these settings, or its problems, with their lines in the sweep file.
fn experiment(file: &SweepFile, settings: &Settings, device: Option<&str>) -> Result<Experiment, Vec<Problem>> {
    let mut arguments = overrides(settings);
    arguments.extend(device.map(|name| format!("device={name}")));
    let locate = |problem: Problem| {
        if problem.line.is_some() {
            return file.base_setting.problem(problem.to_string());
        }
        let is_cause =
            |(_, (key, value)): &(_, &(String, Value))| problem.setting == format!("{key}={value} (override)");
        let Some((varied, (key, value))) = file.keys.iter().zip(settings).find(is_cause) else { return problem };
        Problem { line: varied.line, setting: format!("{key} = {value}"), ..problem }
    };
    match config::load(Some(&config::expand_home(&file.base)), &arguments) {
        Ok(experiment) if experiment.data.validation == 0 => {
            let setting = find(&file.keys, "data.validation").unwrap_or(&file.base_setting);
            Err(vec![setting.problem(
                "holds out no images, but trials are chosen by their validation error: set data.validation in the base, \
                 or here to a single value, as in \"data.validation\" = [5000] under [grid]",
            )])
        }
        Ok(experiment) => Ok(experiment),
        Err(ConfigError::Problems { problems, .. }) => Err(problems.into_iter().map(locate).collect()),
        Err(ConfigError::Unreadable { source, .. }) => Err(vec![
            file.base_setting.problem(format!("can't be read ({source}); the path is relative to the current folder")),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const START: &str = "base = 'config/smoke.toml'\nseeds = [1, 2]\n";

    fn sweep(text: &str) -> Sweep {
        Sweep::build(&format!("{START}{text}"), "try", None).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// The names of the runs' folders, in order, as they get them in `folder`.
    fn placed(sweep: &mut Sweep, folder: &Path) -> Vec<String> {
        sweep.place(folder);
        let runs = sweep.trials.iter().flat_map(|trial| &trial.runs);
        runs.map(|(_, path)| path.strip_prefix(folder).unwrap().display().to_string()).collect()
    }

    fn problems(text: &str) -> Vec<String> {
        let mut problems = Sweep::build(text, "try", None).unwrap_err();
        problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn trial_is_the_base_with_its_settings_and_run_is_a_trial_with_a_seed() {
        let mut sweep = sweep("[grid]\n'optimizer.learning_rate' = [0.1, 0.2]\n'training.epochs' = [3]");
        let names = placed(&mut sweep, "runs/try".as_ref());
        let runs = sweep.trials.iter().flat_map(|trial| trial.runs.iter().map(move |(seed, _)| (trial, *seed)));
        let trained: Vec<_> = runs.map(|(trial, seed)| trial.with_seed(seed)).collect();
        let expected = [
            "learning_rate=0.1-seed1",
            "learning_rate=0.1-seed2",
            "learning_rate=0.2-seed1",
            "learning_rate=0.2-seed2",
        ];
        assert_eq!(names, expected);
        for experiment in &trained {
            assert_eq!((experiment.training.epochs, experiment.data.validation), (3, 5000));
        }
        assert_eq!((trained[2].optimizer.learning_rate, trained[3].seed), (0.2, 2));
    }

    #[test]
    fn run_keeps_its_folder_when_a_key_is_added_and_when_only_harmless_keys_change() {
        let folder = tempfile::tempdir().unwrap();
        let save = |name: &str, experiment: &Experiment| {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("config.toml"), experiment.to_toml()).unwrap();
        };
        let mut first = sweep("[grid]\n'optimizer.learning_rate' = [0.1, 0.2]");
        assert_eq!(placed(&mut first, folder.path())[0], "learning_rate=0.1-seed1");
        for trial in &first.trials {
            trial.runs.iter().for_each(|(seed, path)| {
                save(path.file_name().unwrap().to_str().unwrap(), &trial.with_seed(*seed));
            });
        }
        let dropout = first.trials[0].experiment.model.dropout;
        let text = format!("[grid]\n'optimizer.learning_rate' = [0.2]\n'model.dropout' = [{dropout}, 0.3]");
        let mut second = sweep(&text);
        second.trials.iter_mut().for_each(|trial| trial.experiment.data.loader_threads = 3);
        let expected = ["learning_rate=0.2-seed1", "learning_rate=0.2-seed2", "dropout=0.3-seed1", "dropout=0.3-seed2"];
        assert_eq!(placed(&mut second, folder.path()), expected);
    }

    #[test]
    fn run_on_other_images_is_another_training_and_one_under_another_name_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut sweep = sweep("[grid]");
        let save = |experiment: &Experiment| {
            fs::create_dir_all(folder.path().join("base-seed1")).unwrap();
            fs::write(folder.path().join("base-seed1/config.toml"), experiment.to_toml()).unwrap();
        };
        save(&Experiment { name: "other".into(), ..sweep.trials[0].with_seed(1) });
        assert_eq!(placed(&mut sweep, folder.path())[0], "base-seed1");
        let experiment = &mut sweep.trials[0].experiment;
        (experiment.data.dataset, experiment.data.dir) = (config::Dataset::Idx, Some("/here".into()));
        save(&sweep.trials[0].with_seed(1));
        sweep.trials[0].experiment.data.dir = Some("/there".into());
        sweep.trials[0].runs.clear();
        assert_eq!(placed(&mut sweep, folder.path())[0], "base-seed1-2");
    }

    #[test]
    fn trials_that_train_the_same_have_a_run_each() {
        let folder = tempfile::tempdir().unwrap();
        let mut sweep = sweep("[grid]\n'training.gradients' = ['autodiff', 'closed-form']");
        fs::create_dir(folder.path().join("gradients=autodiff-seed1")).unwrap();
        let first = sweep.trials[0].with_seed(1).to_toml();
        fs::write(folder.path().join("gradients=autodiff-seed1/config.toml"), first).unwrap();
        let names = placed(&mut sweep, folder.path());
        assert_eq!((names[0].as_str(), names[2].as_str()), ("gradients=autodiff-seed1", "gradients=closed-form-seed1"));
    }

    #[test]
    fn run_of_another_training_keeps_its_folder_and_the_new_one_gets_a_number() {
        let folder = tempfile::tempdir().unwrap();
        let mut sweep = sweep("[grid]\n'optimizer.learning_rate' = [0.1, 0.2]");
        let mut other = sweep.trials[0].with_seed(1);
        other.training.epochs += 1;
        fs::create_dir(folder.path().join("learning_rate=0.1-seed1")).unwrap();
        fs::write(folder.path().join("learning_rate=0.1-seed1/config.toml"), other.to_toml()).unwrap();
        let names = placed(&mut sweep, folder.path());
        assert_eq!(names[..2], ["learning_rate=0.1-seed1-2", "learning_rate=0.1-seed2"]);
    }

    #[test]
    fn overrides_of_a_trial_give_its_experiment() {
        let file = "[grid]\n'model.hidden' = [[], [3, 2]]\n'optimizer.learning_rate' = [1e-7]\nmodel.activation = ['gelu']\n\
            'training.batch_size' = ['all', 7]";
        for trial in sweep(file).trials {
            let loaded = config::load(Some("config/smoke.toml".as_ref()), &overrides(&trial.settings)).unwrap();
            assert_eq!(loaded, trial.experiment);
        }
    }

    #[test]
    fn grid_without_keys_is_the_base_itself() {
        assert_eq!(placed(&mut sweep("[grid]"), "runs/try".as_ref()), ["base-seed1", "base-seed2"]);
    }

    #[test]
    fn problems_in_trials_are_reported_once_at_their_line_in_the_file() {
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
    fn old_names_are_answered_with_the_new_ones() {
        let text =
            format!("{START}[grid]\nstop.patience = [1]\n'training.ema' = [0.9]\n[grid.data.distort]\nshear = [1]");
        let expected = [
            "line 4: stop.patience = 1: renamed to [early_stopping], and its key error to target_error",
            "line 5: training.ema = 0.9: renamed to training.ema_decay",
            "line 7: data.distort.shear = 1: renamed to [data.augment]",
        ];
        assert_eq!(problems(&text), expected);
    }

    #[test]
    fn problems_in_the_base_are_reported_once_with_both_locations() {
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
    fn missing_base_is_reported_with_the_folder_that_its_path_is_relative_to() {
        let found = problems("base = 'no/such.toml'\nseeds = [1]\n[grid]\n'training.epochs' = [1, 2]");
        assert!(found.len() == 1 && found[0].starts_with("line 1: base = 'no/such.toml': can't be read"), "{found:?}");
        assert!(found[0].contains("current folder"), "{found:?}");
    }

    #[test]
    fn sweep_without_validation_images_is_refused() {
        let refused = "holds out no images, but trials are chosen by their validation error";
        let found = problems("base = 'config/baseline.toml'\nseeds = [1]\n[grid]");
        assert!(found[0].starts_with("line 1: base") && found[0].contains(refused), "{found:?}");
        let found = problems(&format!("{START}[grid]\n'data.validation' = [0]"));
        assert!(found[0].starts_with("line 4: ") && found[0].contains(refused), "{found:?}");
        let base = "base = 'config/baseline.toml'\nseeds = [1]\n[grid]\n'data.validation' = [5000]";
        assert!(Sweep::build(base, "try", None).is_ok());
    }

    #[test]
    fn device_of_the_command_line_overrides_that_of_the_base() {
        let device = |name| Sweep::build(&format!("{START}[grid]"), "try", Some(name));
        assert_eq!(device("flex").unwrap().trials[0].experiment.device, "flex".into());
        assert!(device("abacus").unwrap_err()[0].to_string().starts_with("device=abacus (override): must be"));
    }

    #[test]
    fn shipped_sweeps_are_valid() {
        let files: Vec<_> = fs::read_dir("config/sweeps").unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty());
        for file in files {
            Sweep::load(&file, None).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
