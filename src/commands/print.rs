//! Prints results to stdout, as text or JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::Error;
use crate::cli::terminal;
use crate::evaluation::Evaluation;
use crate::text::printable_lines;

/// Writes a result to stdout, with control characters escaped.
pub fn print(text: &str) -> Result<(), Error> {
    print_styled(&printable_lines(text))
}

/// Writes a result to stdout, whose names from files are escaped already. Strips its colours if stdout does not show
/// them. A closed pipe, as in `| head`, is not an error.
pub fn print_styled(text: &str) -> Result<(), Error> {
    match writeln!(anstream::stdout().lock(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}

/// Writes a result to stdout as JSON.
pub fn print_json(value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    print(&serde_json::to_string_pretty(value).map_err(|error| Error::Output(error.into()))?)
}

/// Writes an evaluation to stdout, followed by `ending`.
pub fn print_evaluation(evaluation: &Evaluation, ending: &str) -> Result<(), Error> {
    print_styled(&(terminal::evaluation(evaluation) + &printable_lines(ending)))
}
