//! The command line and its help texts.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::display::Ui;
use crate::config::expand_home;
use crate::device::remote::Address;

/// Trains a multi-layer perceptron on MNIST with Burn, from one config file, and classifies images with it.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// The command; `train` if none is given.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The bare command's arguments are those of `train`.
    #[command(flatten)]
    pub train: Train,
}

impl Cli {
    /// The command line of this process. Ends the process if it is not valid.
    pub fn read() -> Self {
        Self::parse_from(std::env::args_os().map(with_home))
    }
}

/// An argument with the home folder in place of the `~` that its path starts with: `~/runs`, or `--runs=~/runs`.
fn with_home(argument: OsString) -> OsString {
    match argument.to_str().and_then(|text| text.split_once('=')) {
        Some((option, path)) if option.starts_with("--") => {
            let mut argument = OsString::from(format!("{option}="));
            argument.push(expand_home(path.as_ref()));
            argument
        }
        _ => expand_home(argument.as_ref()).into(),
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a network and evaluate it on the test set (the default)
    Train(Train),
    /// Resume an interrupted run, or extend a finished one
    Resume(Resume),
    /// Evaluate a trained network on the test set again, and store the result if the run has none
    Evaluate(Evaluate),
    /// Classify PNG or JPEG images
    Predict(Predict),
    /// Write a run's model to a file for other programs: safetensors or ONNX
    Export(Export),
    /// Write a run's HTML report, or compare several runs in one
    Report(Report),
    /// Serve a web page to draw digits and read reports, with a JSON API
    Serve(Serve),
    /// List the runs, or compare some of them
    Runs(Runs),
    /// Train variants of an experiment with several seeds each, and choose one by its validation error
    Sweep(Sweep),
    /// Draw training images, and their augmented forms in the first epochs
    Images(Images),
    /// Print what a private training will cost, epoch by epoch, without training
    Privacy(Privacy),
    /// Print the resolved config with all its keys, or the JSON Schema of configs
    Config(Config),
    /// List the backends of this build and their adapters, or the devices of a worker
    Devices(Devices),
    /// Serve this machine's devices to other machines, which name them `remote:...`
    Worker(Worker),
}

/// The experiment of a command.
#[derive(Debug, Args)]
pub struct Experiment {
    /// The experiment's config file, or - for standard input [default: the reference recipe, config/baseline.toml]
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override a key of the config, e.g. training.epochs=10; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The device: auto, flex, wgpu, wgpu:1, ..., or several with commas; overrides the config's `device`
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
}

#[derive(Debug, Args)]
pub struct Config {
    #[command(flatten)]
    pub experiment: Experiment,
    /// Print the JSON Schema of config files, for editors that complete and check TOML
    #[arg(long, conflicts_with_all = ["config", "set", "device"])]
    pub schema: bool,
}

#[derive(Debug, Args)]
pub struct Privacy {
    /// The experiment's config file, e.g. config/private.toml, or - for standard input
    pub config: PathBuf,
    /// Override a key of the config, e.g. privacy.epsilon=8; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print JSON: an object with the costs of the training, and after each epoch
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Train {
    #[command(flatten)]
    pub experiment: Experiment,
    /// The folder in which to create the run folder
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// Use this folder as the run folder; a run that was started there is resumed
    #[arg(long, value_name = "DIR", conflicts_with = "runs")]
    pub run: Option<PathBuf>,
    /// Skip the final evaluation on the test set
    #[arg(long)]
    pub no_test: bool,
    /// How to show progress
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    pub ui: Ui,
    /// Run one batch end to end and save nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Resume {
    /// The run's folder, e.g. runs/baseline-20260101-120000
    pub run: PathBuf,
    /// Override a key that may change, e.g. training.epochs=20; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The device [default: that of the run's config]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// How to show progress
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    pub ui: Ui,
}

#[derive(Debug, Args)]
pub struct Runs {
    /// Two or more run folders to compare
    #[arg(num_args = 2.., value_name = "RUN", conflicts_with_all = ["runs", "sort"])]
    pub compare: Vec<PathBuf>,
    /// The folder that holds the runs, directly or in sub-folders
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// The key to sort by, in ascending order; runs without this value come last
    #[arg(long, value_name = "KEY", value_enum, default_value_t = Sort::Time)]
    pub sort: Sort,
    /// Print JSON: an array with an object for each run, or an object with the differences
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Sweep {
    /// The sweep file, e.g. config/sweeps/learning-rate.toml
    pub file: PathBuf,
    /// The folder in which to create the sweep's folder
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// The device; overrides the base's `device`
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Print a command for each run, for any job scheduler; train nothing
    #[arg(long, conflicts_with_all = ["collect", "json"])]
    pub list: bool,
    /// Collect the results so far; train nothing
    #[arg(long)]
    pub collect: bool,
    /// Print JSON: the contents of sweep.json
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Evaluate {
    /// The run's folder, e.g. runs/baseline-20260101-120000
    pub run: PathBuf,
    /// The device [default: the one that the run was trained on]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Print JSON: the contents of evaluation.json
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Export {
    /// The run's folder, e.g. runs/baseline-20260101-120000, or a model's safetensors file
    pub run: PathBuf,
    /// The file to write: ONNX if it ends in .onnx, else safetensors; `-` is standard output
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What an ONNX file takes: grey levels, uint8 [batch, height, width], or scaled pixels, float [batch, height * width]
    /// [default: raw]
    #[arg(long, value_name = "NAME", value_parser = ["raw", "float"])]
    pub input: Option<String>,
    /// Write an ONNX file with integers, in a quarter of the size, and report its errors on the test images
    #[arg(long, value_name = "NAME", value_parser = ["int8"])]
    pub quantize: Option<String>,
    /// Export the model of the last epoch instead of the best
    #[arg(long)]
    pub last: bool,
    /// Write the weights of a safetensors file in half precision, in half the size
    #[arg(long)]
    pub half: bool,
    /// Replace the file if it exists and is a regular file
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct Report {
    /// The run folder, or several to compare
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The HTML file to write, or `-` for standard output [default: report.html, in the run folder, or for several runs
    /// in the current folder]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The device [default: the one that the run was trained on]; a comparison needs none
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
}

#[derive(Debug, Args)]
pub struct Images {
    #[command(flatten)]
    pub experiment: Experiment,
    /// The PNG file; `-` is standard output
    #[arg(long, short, value_name = "FILE", default_value = "images.png")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct Predict {
    /// The run's folder, e.g. runs/baseline-20260101-120000, or a model's safetensors file, and PNG or JPEG images of one digit
    /// each [default run: the newest finished one in `--runs`, or else the network that comes with the program]
    #[arg(required = true, value_name = "[RUN] IMAGE")]
    paths: Vec<PathBuf>,
    /// The folder to look for a run in, if none is named
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// The device [default: the one that the run was trained on]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Show each image as the network sees it, with the probabilities as bars; only in a terminal with colours
    #[arg(long, conflicts_with = "json")]
    pub show: bool,
    /// Write what each stage of the preparation makes of an image into this folder, as PNG
    #[arg(long, value_name = "DIR")]
    pub stages: Option<PathBuf>,
    /// Print a JSON array with an object for each image: file, class, probabilities and warnings, or the error
    #[arg(long)]
    pub json: bool,
}

impl Predict {
    /// The run, if one is named, and the images. The first path is a run if it is called like a model's file, or unless it is a
    /// file or is called like an image.
    pub fn run_and_images(&self) -> (Option<&Path>, &[PathBuf]) {
        let is_called = |path: &Path, endings: &[&str]| {
            let extension = path.extension().unwrap_or_default();
            endings.iter().any(|ending| extension.eq_ignore_ascii_case(ending))
        };
        let is_model = |path: &Path| is_called(path, &["safetensors"]);
        let is_image = |path: &Path| path.is_file() || is_called(path, &["png", "jpg", "jpeg"]);
        match self.paths.split_first() {
            Some((run, images)) if run.is_dir() || is_model(run) || !is_image(run) => (Some(run), images),
            _ => (None, &self.paths),
        }
    }
}

#[derive(Debug, Args)]
pub struct Serve {
    /// The run to use at first; the page can choose another one [default: the newest finished run, or else the network that comes
    /// with the program]
    pub run: Option<PathBuf>,
    /// The folder that holds the runs to choose from, directly or in sub-folders
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// The port; 0 takes any free one
    #[arg(long, default_value_t = 8000)]
    pub port: u16,
    /// Let other machines connect to this address (0.0.0.0: all addresses). Everyone who can reach it can use the networks
    /// and read the runs' names, metrics and reports
    #[arg(long, value_name = "ADDRESS")]
    pub expose: Option<IpAddr>,
    /// Answer requests that name this host, such as a reverse proxy's; may be repeated
    #[arg(long, value_name = "NAME")]
    pub allow_host: Vec<String>,
    /// The device [default: the one that the run was trained on]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
}

#[derive(Debug, Args)]
pub struct Devices {
    /// The name of a worker's device, `remote:...`, to list the devices of that worker [default: those of this machine]
    #[arg(value_name = "NAME", value_parser = address)]
    pub of: Option<Address>,
}

#[derive(Debug, Args)]
pub struct Worker {
    /// The device to serve: auto, flex, wgpu, ..., or several of one backend with commas
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub device: String,
    /// The port; 0 takes any free one
    #[arg(long, default_value_t = 4433)]
    pub port: u16,
    /// Accept other machines on this address, or on all addresses with 0.0.0.0: everyone who can reach it and has the
    /// token can use the devices
    #[arg(long, value_name = "ADDRESS")]
    pub expose: Option<IpAddr>,
    /// The file with the worker's identity, which keeps the names of its devices; created if missing
    #[arg(long, value_name = "FILE", conflicts_with = "websocket")]
    pub identity: Option<PathBuf>,
    /// Serve over WebSocket, which is not encrypted; only for a trusted network
    #[arg(long)]
    pub websocket: bool,
}

fn address(name: &str) -> Result<Address, &'static str> {
    Address::parse(name).ok_or("it is not a device of a worker; `mnist-burn worker` prints their names, remote:...")
}

/// The order of a list of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// The time when the run was started
    Time,
    /// The name of the folder
    Name,
    /// The best validation error
    Validation,
    /// The test error
    Test,
    /// The number of epochs so far
    Epochs,
    /// The training time
    Duration,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn bare_command_takes_the_arguments_of_train() {
        let cli = Cli::parse_from(["mnist-burn", "--set", "seed=2", "--runs", "here"]);
        assert!(cli.command.is_none());
        assert_eq!((cli.train.experiment.set, cli.train.runs), (vec!["seed=2".to_string()], "here".into()));
    }
}
