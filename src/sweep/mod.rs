//! A sweep: variants of one experiment, each run with several seeds, and the choice of one.
//!
//! - `file` reads a sweep file. `space` makes the trials of it, and names them.
//! - `plan` has the experiment of every run. It reports all problems of the file and of the experiments together.
//! - `results` collects the results of the runs and chooses a trial.

mod file;
mod plan;
mod results;
mod space;

pub use plan::{Sweep, overrides};
pub use results::{RESULTS_FILE, Results, Spread, SweepError, TrialResult, ranked, read_trials};
