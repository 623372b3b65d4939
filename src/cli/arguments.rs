//! The command line and its help texts. The arguments of the commands that train are in `training`, those of the commands for
//! trained networks in `models`, those of `mnist-burn runs` in `runs`.

mod models;
mod runs;
mod training;

use std::{ffi::OsString, net::IpAddr, path::PathBuf};

use anstream::ColorChoice;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Args, CommandFactory, Parser, Subcommand};
use clap_complete::{CompleteEnv, env::Shells};

pub use {models::*, runs::*, training::*};

use super::notice::{set_quiet, show_logs};
use crate::config::{expand_home, key_named, variable};
use crate::device::{Backend, remote::Address};

/// Trains a multi-layer perceptron on MNIST with Burn, from one config file, and classifies images with it.
#[derive(Debug, Parser)]
#[command(version, long_version = version(), about, args_conflicts_with_subcommands = true)]
#[command(after_help = include_str!("after_help.txt").trim_end())]
pub struct Cli {
    /// The command; `train` if none is given.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The bare command's arguments are those of `train`.
    #[command(flatten)]
    pub train: Train,
    /// The folder that holds the runs, directly or in sub-folders
    #[arg(long, value_name = "DIR", default_value = variable("MNIST_BURN_RUNS").unwrap_or("runs"), global = true)]
    pub runs: PathBuf,
    /// Print results, warnings and errors only
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Also print the config of a training, and the logs of the libraries: Burn, wgpu and others
    #[arg(long, short, global = true)]
    verbose: bool,
    /// Whether to use colours; `auto`: in a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", default_value = "auto", value_parser = ["auto", "always", "never"], global = true)]
    color: String,
}

impl Cli {
    /// The command line of this process. Ends the process if it is not valid, or if a shell asks for completions.
    pub fn read() -> Self {
        CompleteEnv::with_factory(Self::command).complete();
        let mut arguments: Vec<_> = std::env::args_os().map(with_home).collect();
        // Clap would take `-q evaluate` for a training without a command.
        let is_shared = |&at: &usize| match (&*arguments[at - 1].to_string_lossy(), &*arguments[at].to_string_lossy()) {
            ("--runs" | "--color", _) | (_, "--runs" | "--color" | "-q" | "--quiet" | "-v" | "--verbose") => true,
            (_, it) => it.starts_with("--runs=") || it.starts_with("--color="),
        };
        let leading = (1..arguments.len()).take_while(is_shared).count();
        arguments[1..].rotate_left(leading);
        let cli = Self::try_parse_from(&arguments).unwrap_or_else(|mut error| {
            // Clap would advise to pass an unknown option as a value.
            error.remove(ContextKind::Suggested);
            if let Some(advice) = advice(&error, &arguments) {
                error.remove(ContextKind::SuggestedArg);
                error.remove(ContextKind::SuggestedSubcommand);
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![advice.into()]));
            }
            error.exit()
        });
        set_quiet(cli.quiet);
        if cli.verbose {
            show_logs();
        }
        match &*cli.color {
            "always" => ColorChoice::Always.write_global(),
            "never" => ColorChoice::Never.write_global(),
            _ => ColorChoice::Auto.write_global(),
        }
        cli
    }
}

/// What to write in place of an argument that does not exist: an option for a key of the config, or for a config file.
fn advice(error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    if error.kind() == ErrorKind::ArgumentConflict {
        let is_bare = |pair: &[OsString]| pair[0] == "--set" && !pair[1].to_string_lossy().contains('=');
        return arguments.windows(2).any(is_bare).then(|| "write --set KEY=VALUE".into());
    }
    let wrong = error.get(ContextKind::InvalidArg).or_else(|| error.get(ContextKind::InvalidSubcommand));
    let Some(ContextValue::String(wrong)) = wrong else { return None };
    if wrong.ends_with(".toml") {
        return Some(format!("a config file is named with --config {wrong}"));
    }
    let (program, name) = (Cli::command(), arguments.get(1)?.to_string_lossy());
    let command = program.find_subcommand(&*name).unwrap_or(&program);
    let takes_run = |it: &Arg| it.get_value_names().is_some_and(|names| names.iter().any(|name| name.contains("RUN")));
    if wrong == "--run" && command.get_positionals().any(takes_run) {
        return Some("the run is named without an option, before the others".into());
    }
    let wrong = wrong.trim_start_matches("--").split('=').next()?;
    let inner =
        program.find_subcommand("runs")?.find_subcommand(wrong).map(|_| format!("write mnist-burn runs {wrong}"));
    let itself = program.find_subcommand(wrong).map(|it| format!("write mnist-burn {}", it.get_name()));
    let option = command.get_arguments().filter_map(|it| it.get_long()).find(|it| *it == wrong.replace('_', "-"));
    let takes_keys = command.get_arguments().any(|it| it.get_id() == "set");
    let key = key_named(wrong).filter(|_| takes_keys).map(|key| format!("write --set {key}=VALUE"));
    option.map(|option| format!("write --{option} VALUE")).or(key).or(itself).or(inner)
}

/// This program's version, the commit that it was built from, Burn's version, and the backends of this build.
fn version() -> &'static str {
    let commit = option_env!("MNIST_BURN_COMMIT").unwrap_or("unknown");
    let [version, burn] = [env!("CARGO_PKG_VERSION"), env!("MNIST_BURN_BURN")];
    format!("{version}\ncommit    {commit}\nBurn      {burn}\nbackends  {}", Backend::names()).leak()
}

/// An argument with the home folder in place of the `~` that its path starts with: `~/runs`, or `--runs=~/runs`.
fn with_home(argument: OsString) -> OsString {
    match argument.to_str().and_then(|text| text.split_once('=')) {
        Some((option, path)) if option.starts_with("--") => {
            OsString::from_iter([format!("{option}=").into(), expand_home(path.as_ref()).into_os_string()])
        }
        _ => expand_home(argument.as_ref()).into(),
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a network and evaluate it on the test set (the default)
    Train(Train),
    /// Resume an interrupted run, or extend a finished one
    #[command(alias = "continue")]
    Resume(Resume),
    /// Evaluate a trained network on the test set again, and store the result if the run has none
    #[command(alias = "test")]
    Evaluate(Evaluate),
    /// Classify images: PNG, JPEG or IDX files, folders of them, or standard input
    Predict(Predict),
    /// Join trained networks into an ensemble, a run that averages their probabilities
    Ensemble(Ensemble),
    /// Write a run's model for other programs: safetensors, ONNX, PyTorch or Keras
    Export(Export),
    /// Write a run's HTML report, or compare several runs in one
    Report(Report),
    /// Serve a web page to draw digits and read reports, with a JSON API: POST /api/predict takes a picture
    Serve(Serve),
    /// List the runs, compare, export or remove some of them
    #[command(aliases = ["compare", "diff", "history", "list", "ls"])]
    Runs(Runs),
    /// Show a run: its config, data, network, curves, results and files
    Show(Show),
    /// Train variants of an experiment with several seeds each, and choose one by its validation error
    Sweep(Sweep),
    /// Find good learning rates: the rate rises in a short training, and the loss tells (the learning-rate range test)
    LrFind(LrFind),
    /// Draw training images, and their augmented forms in the first epochs
    Images(Images),
    /// Print what a private training will cost, epoch by epoch, without training
    Privacy(Privacy),
    /// Print the resolved config with all its keys, or the JSON Schema of configs
    Config(Config),
    /// Show the network, the data and the updates of a config, without a training
    Summary(Experiment),
    /// List the backends of this build and their adapters, or the devices of a worker
    Devices {
        /// The name of a worker's device, `remote:...`, to list the devices of that worker [default: those of this machine]
        #[arg(value_name = "NAME", value_parser = address)]
        of: Option<Address>,
    },
    /// Serve this machine's devices to other machines, which name them `remote:...`
    Worker(Worker),
    /// Print a script that completes commands and options in a shell
    Completions {
        /// The shell
        #[arg(value_parser = Shells::builtins().names().collect::<Vec<_>>())]
        shell: String,
    },
    /// Print the man page of the program, or of a command
    Man {
        /// The command [default: the program itself]
        command: Option<String>,
    },
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
pub struct Worker {
    /// The device to serve: auto, flex, wgpu, ..., or several of one backend with commas
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub device: String,
    /// The port; 0 takes any free one
    #[arg(long, default_value_t = 4433)]
    pub port: u16,
    /// Accept other machines on this address, or on all with 0.0.0.0: everyone with the token can use the devices
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn bare_command_takes_the_arguments_of_train() {
        let cli = Cli::parse_from(["mnist-burn", "--set", "seed=2", "--runs", "here"]);
        assert!(cli.command.is_none());
        assert_eq!((cli.train.experiment.overrides.settings(), cli.runs), (vec!["seed=2".to_string()], "here".into()));
    }
}
