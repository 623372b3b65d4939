//! The arguments of the commands that train: `train`, `resume` and `sweep`, and of `config` and `privacy`.

use std::path::PathBuf;

use clap::{Arg, Args};

use crate::{cli::completion, cli::display::Ui, config::variable};

#[derive(Debug, Args)]
pub struct Experiment {
    /// The experiment's config file, or - for standard input [default: the reference recipe, config/baseline.toml]
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
}

#[derive(Debug, Args)]
pub struct Overrides {
    /// Override a key of the config, e.g. training.epochs=10; may be repeated
    #[arg(long, value_name = "KEY=VALUE", add = completion::setting())]
    set: Vec<String>,
    /// Override `name`, with which the run's folder begins
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Override `seed`
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<String>,
    /// Override `training.epochs`
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    epochs: Option<String>,
    /// Override `training.batch_size`
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    batch_size: Option<String>,
    /// Override `optimizer.learning_rate`
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    learning_rate: Option<String>,
    /// The device: auto, cpu, gpu, flex, wgpu, wgpu:1, ..., or several with commas; overrides the config's `device`
    #[arg(long, value_name = "NAME", default_value = variable("MNIST_BURN_DEVICE"))]
    device: Option<String>,
}

impl Overrides {
    /// All of them as `key=value`, those that count more later.
    pub fn settings(&self) -> Vec<String> {
        let keys = ["name", "seed", "training.epochs", "training.batch_size", "optimizer.learning_rate", "device"];
        let values = [&self.name, &self.seed, &self.epochs, &self.batch_size, &self.learning_rate, &self.device];
        let short = keys.iter().zip(values).filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)));
        self.set.iter().cloned().chain(short).collect()
    }
}

#[derive(Debug, Default, Args)]
pub struct TrainOptions {
    /// Skip the final evaluation on the test set
    #[arg(long)]
    pub no_test: bool,
    /// How to show progress
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    pub ui: Ui,
    /// Print a JSON object at the end: the run, its metrics, evaluation and files
    #[arg(long)]
    pub json: bool,
    /// Print only this at the end: the path of the run's folder
    #[arg(long, value_name = "WHAT", value_parser = ["run"], conflicts_with = "json")]
    pub print: Option<String>,
}

#[derive(Debug, Args)]
pub struct Config {
    #[command(flatten)]
    pub experiment: Experiment,
    /// Print the JSON Schema of config files, for editors that complete and check TOML
    #[arg(long, conflicts_with_all = ["config", "set", "name", "seed", "epochs", "batch_size", "learning_rate", "device"])]
    pub schema: bool,
}

#[derive(Debug, Args)]
pub struct Privacy {
    /// The experiment's config file, e.g. config/private.toml, or - for standard input
    pub config: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Print JSON: an object with the costs of the training, and after each epoch
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct LrFind {
    #[command(flatten)]
    pub experiment: Experiment,
    /// The learning rate of the first update
    #[arg(long, alias = "min", value_name = "RATE", default_value_t = 1e-6, value_parser = rate)]
    pub from: f64,
    /// The learning rate after the last update
    #[arg(long, alias = "max", value_name = "RATE", default_value_t = 1.0, value_parser = rate)]
    pub to: f64,
    /// The number of updates
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u16).range(10..))]
    pub steps: u16,
    /// The HTML file with the curve; `-` is standard output
    #[arg(long, short, value_name = "FILE", default_value = "lr-find.html")]
    pub output: PathBuf,
    /// Print JSON and write no file: both rates, and the rate and the smoothed loss of each batch
    #[arg(long, conflicts_with = "output")]
    pub json: bool,
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate| (f64::MIN_POSITIVE..=1000.0).contains(rate));
    rate.ok_or("it must be a number above 0, at most 1000")
}

#[derive(Debug, Args)]
pub struct Train {
    #[command(flatten)]
    pub experiment: Experiment,
    /// Use this folder as the run folder; a run that was started there is resumed
    #[arg(long, value_name = "DIR", conflicts_with = "runs")]
    pub run: Option<PathBuf>,
    #[command(flatten)]
    pub options: TrainOptions,
    /// Run one batch end to end and save nothing
    #[arg(long, conflicts_with_all = ["json", "print"])]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Show {
    /// The run: its folder, its name in `--runs` or a unique beginning of it, `latest`, `best`, `latest:CONFIG` or `best:CONFIG`
    #[arg(add = completion::run(), default_value = "latest")]
    pub run: PathBuf,
    /// Print a JSON object: the run, its metrics, evaluation and files
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(mut_args(without_fixed_keys))]
pub struct Resume {
    /// The run: its folder, its name in `--runs` or a unique beginning of it, `latest`, `best`, `latest:CONFIG` or `best:CONFIG`
    #[arg(add = completion::run(), default_value = "latest")]
    pub run: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub options: TrainOptions,
}

/// Hides the options for keys that can't change within a run.
fn without_fixed_keys(option: Arg) -> Arg {
    let is_fixed = ["name", "seed", "batch_size", "learning_rate"].contains(&option.get_id().as_str());
    option.hide(is_fixed)
}

#[derive(Debug, Args)]
pub struct Sweep {
    /// The sweep file, with base, seeds, [grid] or [random], and [halving], e.g. config/sweeps/learning-rate.toml
    pub file: PathBuf,
    /// The device; overrides the base's `device`
    #[arg(long, value_name = "NAME", default_value = variable("MNIST_BURN_DEVICE"))]
    pub device: Option<String>,
    /// Train in N processes at once, each with its share of the processors
    #[arg(long, short, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..), conflicts_with_all = ["list", "collect"])]
    pub jobs: u8,
    /// What a process of `--jobs` does: it trains for one rung of the halving
    #[arg(long, hide = true)]
    pub rung: Option<usize>,
    /// Print a command for each run, for any job scheduler; train nothing
    #[arg(long, alias = "dry-run", conflicts_with_all = ["collect", "json"])]
    pub list: bool,
    /// Join the runs of the chosen trial into an ensemble, in the folder TRIAL-ensemble of the sweep
    #[arg(long, conflicts_with = "list")]
    pub ensemble: bool,
    /// Collect the results so far; train nothing
    #[arg(long)]
    pub collect: bool,
    /// Print JSON: the contents of sweep.json
    #[arg(long)]
    pub json: bool,
}
