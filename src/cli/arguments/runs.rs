//! The arguments of `mnist-burn runs` and its commands.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::completion;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Runs {
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
    /// A run to show, or several to compare: folders, names, `latest`, `best`, `latest:CONFIG` or `best:CONFIG`
    #[arg(num_args = 1.., value_name = "RUN", conflicts_with = "sort", add = completion::run())]
    pub compare: Vec<PathBuf>,
    /// The key to sort by, in ascending order; runs without this value come last
    #[arg(long, value_name = "KEY", value_enum, default_value_t = Sort::Time)]
    pub sort: Sort,
    /// List only the runs with this value in a column or a key of the config, e.g. state=finished or seed=1; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = filter, conflicts_with = "compare")]
    pub filter: Vec<(String, String)>,
    /// List only N runs: the newest ones, or with another `--sort` the first ones
    #[arg(long, value_name = "N", conflicts_with = "compare")]
    pub limit: Option<usize>,
    /// The columns, with commas: those of the list, where blanks may be dashes, or keys of the config
    #[arg(long, value_name = "KEYS", value_delimiter = ',', conflicts_with_all = ["compare", "json"])]
    pub columns: Vec<String>,
    /// Print JSON: an array with an object for each run, an object with the differences, or for one run that of `show`
    #[arg(long)]
    pub json: bool,
    /// Print JSON Lines: an object for each run
    #[arg(long, conflicts_with_all = ["compare", "columns", "json"])]
    pub jsonl: bool,
}

fn filter(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("it must be KEY=VALUE")?;
    Ok((key.into(), value.into()))
}

#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List the runs, as without a command
    #[command(hide = true, alias = "ls")]
    List,
    /// Write a table with a row for each epoch, for pandas, DuckDB or a spreadsheet
    Export(RunsExport),
    /// Remove runs, or sweeps with all their runs
    #[command(aliases = ["remove", "delete"])]
    Rm(Rm),
    /// Remove the runs of a folder that are not worth keeping, but none of a sweep and none that can be resumed
    Prune(Prune),
}

#[derive(Debug, Args)]
pub struct RunsExport {
    /// The file to write: JSON Lines if it ends in .jsonl, else CSV; `-` is standard output
    pub file: PathBuf,
    /// The runs: folders, names, `latest`, `best`, `latest:CONFIG` or `best:CONFIG` [default: all runs in `--runs`]
    #[arg(value_name = "RUN", add = completion::run())]
    pub exported: Vec<PathBuf>,
    /// Replace the file if it exists and is a regular file
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct Rm {
    /// The runs: folders, names, `latest`, `best`, `latest:CONFIG` or `best:CONFIG`, or sweeps
    #[arg(required = true, value_name = "RUN", add = completion::run())]
    pub removed: Vec<PathBuf>,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, Args)]
#[group(id = "pruned", required = true, multiple = true, args = ["keep", "failed", "older_than"])]
pub struct Prune {
    /// Keep the N finished runs with the least validation error, or else the newest ones, of those that differ in the seed alone
    #[arg(long, value_name = "N")]
    pub keep: Option<usize>,
    /// Remove the runs that diverged or are damaged; without `--keep`, only these
    #[arg(long)]
    pub failed: bool,
    /// Remove only runs that were started more than this number of days ago
    #[arg(long, value_name = "DAYS")]
    pub older_than: Option<f64>,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, Args)]
pub struct Consent {
    /// Print what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask in a terminal
    #[arg(long, short, alias = "force")]
    pub yes: bool,
}

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
