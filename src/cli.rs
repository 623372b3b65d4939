//! The command line, as typed.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::listing::Sort;
use crate::remote::Address;
use crate::training::Ui;

/// Trains a multi-layer perceptron on MNIST with Burn, from one config file, and uses it.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; to train, unless said otherwise.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The bare command's arguments are those of `train`.
    #[command(flatten)]
    pub train: Train,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a network, count its errors on the test set, keep it in a run folder (the default)
    Train(Train),
    /// Go on with a run that was interrupted, or train it longer
    Resume(Resume),
    /// Count a trained network's errors on the test set again
    Evaluate(Evaluate),
    /// Tell which digits PNG or JPEG images show
    Predict(Predict),
    /// Write a run's model alone into a file, for other programs
    Export(Export),
    /// Make the page of a run again, or put several runs into one
    Report(Report),
    /// Open a page where one draws a digit and reads the runs' reports; it has a JSON interface too
    Serve(Serve),
    /// List the runs, or compare some of them
    Runs(Runs),
    /// Train variants of an experiment, over several seeds, and choose one by its validation error
    Sweep(Sweep),
    /// Draw training images as they are, and as they are distorted in the first epochs
    Images(Images),
    /// Print the experiment that a config file and --set come to, itself a config file
    Config(Experiment),
    /// List the backends compiled in and the adapters present, or the devices of a worker
    Devices(Devices),
    /// Serve this machine's devices to other machines, which name them `remote:...`
    Worker(Worker),
}

/// Which experiment.
#[derive(Debug, Args)]
pub struct Experiment {
    /// The experiment's config file [default: the reference recipe, config/baseline.toml]
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Change a key of the config, e.g. training.epochs=10; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Where to compute: auto, ndarray, flex, wgpu, wgpu:1, ..., or several, with commas; goes before the config's `device`
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
}

/// Arguments of `train`.
#[derive(Debug, Args)]
pub struct Train {
    /// The experiment to run.
    #[command(flatten)]
    pub experiment: Experiment,
    /// The folder that run folders are made in
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// The run's own folder, in place of a new one; a run begun there goes on
    #[arg(long, value_name = "DIR", conflicts_with = "runs")]
    pub run: Option<PathBuf>,
    /// Leave the test images alone: for runs that others are compared with
    #[arg(long)]
    pub no_test: bool,
    /// What shows the training under way
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    pub ui: Ui,
    /// Take one batch through everything, and keep nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub struct Resume {
    /// The run's folder, e.g. runs/baseline-20260101-120000
    pub run: PathBuf,
    /// Change what may change: training.epochs=20, stop.patience=5, ...; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Where to compute [default: where the config says]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// What shows the training under way
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    pub ui: Ui,
}

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub struct Runs {
    /// Two or more folders of runs, to be compared
    #[arg(num_args = 2.., value_name = "RUN", conflicts_with_all = ["runs", "sort"])]
    pub compare: Vec<PathBuf>,
    /// The folder that the runs are in, directly or deeper
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// The order; the newest, the largest or what has no such figure comes last
    #[arg(long, value_name = "KEY", value_enum, default_value_t = Sort::Time)]
    pub sort: Sort,
    /// Print JSON: an array with an object a run, or an object with what differs
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `sweep`.
#[derive(Debug, Args)]
pub struct Sweep {
    /// The sweep's file, e.g. config/sweeps/learning-rate.toml
    pub file: PathBuf,
    /// The folder that the sweep's folder is made in
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// Where to compute; goes before the base's `device`
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Print each run as a command of its own, for any job scheduler, and train nothing
    #[arg(long, conflicts_with_all = ["collect", "json"])]
    pub list: bool,
    /// Put together what there is, and train nothing
    #[arg(long)]
    pub collect: bool,
    /// Print JSON: the contents of sweep.json
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
pub struct Evaluate {
    /// The run's folder, e.g. runs/baseline-20260101-120000
    pub run: PathBuf,
    /// Where to compute [default: where the run was trained]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Print JSON: the contents of evaluation.json
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// The run's folder, e.g. runs/baseline-20260101-120000
    pub run: PathBuf,
    /// The file, which is a safetensors file whatever its name; to be new
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Take the model after the last epoch, not after the best
    #[arg(long)]
    pub last: bool,
    /// Replace the file if it exists
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// The run's folder; or several, to be compared
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The page [default: report.html, in the run's folder, or of several runs in the current one]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where to compute [default: where the run was trained]; several runs need no computing
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
}

/// Arguments of `images`.
#[derive(Debug, Args)]
pub struct Images {
    /// The experiment whose images are drawn.
    #[command(flatten)]
    pub experiment: Experiment,
    /// The picture, a PNG
    #[arg(long, short, value_name = "FILE", default_value = "images.png")]
    pub output: PathBuf,
}

/// Arguments of `predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// The run's folder, e.g. runs/baseline-20260101-120000
    pub run: PathBuf,
    /// PNG or JPEG images, each of one digit
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// Where to compute [default: where the run was trained]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Show each image as the network sees it, beside bars of the probabilities; in a terminal with colours only
    #[arg(long, conflicts_with = "json")]
    pub show: bool,
    /// Print a JSON array: an object an image, with its file and its digit and probabilities, or its error
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// The folder of the run whose network reads, until another one is chosen [default: the newest finished run]
    pub run: Option<PathBuf>,
    /// The folder that the runs to choose among are in, directly or deeper
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// The port; 0 is any free one
    #[arg(long, default_value_t = 8000)]
    pub port: u16,
    /// Let other machines in, at this address of this one, 0.0.0.0 for all: whoever reaches it can have the networks
    /// compute, and read the runs' names, figures and reports
    #[arg(long, value_name = "ADDRESS")]
    pub expose: Option<IpAddr>,
    /// Where to compute [default: where the run was trained]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
}

/// Arguments of `devices`.
#[derive(Debug, Args)]
pub struct Devices {
    /// A device of a worker, `remote:...`: list those of this worker [default: those of this machine]
    #[arg(value_name = "NAME", value_parser = address)]
    pub of: Option<Address>,
}

/// Arguments of `worker`.
#[derive(Debug, Args)]
pub struct Worker {
    /// What to serve: auto, ndarray, wgpu, ..., or several of one backend, with commas
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub device: String,
    /// The port; 0 is any free one
    #[arg(long, default_value_t = 4433)]
    pub port: u16,
    /// Let other machines in, at this address of this one, 0.0.0.0 for all: whoever reaches it and has the token can
    /// have the devices compute
    #[arg(long, value_name = "ADDRESS")]
    pub expose: Option<IpAddr>,
    /// Keep the worker's identity in this file, made if it is not there: its devices then keep their names
    #[arg(long, value_name = "FILE", conflicts_with = "websocket")]
    pub identity: Option<PathBuf>,
    /// Serve over WebSocket, which is not encrypted, on a network that is trusted
    #[arg(long)]
    pub websocket: bool,
}

fn address(name: &str) -> Result<Address, &'static str> {
    Address::parse(name).ok_or("it is none of a worker's; `mnist-burn worker` prints them, remote:...")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_bare_command_takes_the_arguments_of_train() {
        let cli = Cli::parse_from(["mnist-burn", "--set", "seed=2", "--runs", "here"]);
        assert!(cli.command.is_none());
        assert_eq!((cli.train.experiment.set, cli.train.runs), (vec!["seed=2".to_string()], "here".into()));
    }
}
