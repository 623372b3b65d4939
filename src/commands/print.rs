//! Prints results to stdout, as text or JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::Error;
use crate::cli::terminal;
use crate::evaluation::Evaluation;

/// Writes a result to stdout. Strips its colours if stdout does not show them. A closed pipe, as in `| head`, is not an
/// error.
pub fn print(text: &str) -> Result<(), Error> {
    match writeln!(anstream::stdout().lock(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes a result to stdout as JSON.
pub fn print_json(value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    print(&serde_json::to_string_pretty(value).map_err(io::Error::from)?)
}

/// Writes an evaluation to stdout, followed by `ending`.
pub fn print_evaluation(evaluation: &Evaluation, ending: &str) -> Result<(), Error> {
    let text = if terminal::is_coloured() { terminal::evaluation(evaluation) } else { evaluation.to_string() };
    print(&(text + ending))
}
