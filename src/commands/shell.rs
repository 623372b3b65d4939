//! `mnist-burn completions` and `mnist-burn man`: what a shell and `man` know of this program, from its command line.

use std::io;

use clap::CommandFactory;
use clap_complete::env::Shells;

use super::output::print_styled;
use crate::{Error, cli::Cli};

pub fn completions(shell: &str) -> Result<(), Error> {
    let (mut script, name, shells) = (vec![], env!("CARGO_PKG_NAME"), Shells::builtins());
    let shell = shells.completer(shell).expect("the command line takes the names of these shells only");
    shell.write_registration("COMPLETE", name, name, name, &mut script).map_err(Error::Output)?;
    print_styled(String::from_utf8_lossy(&script).trim_end())
}

pub fn man(command: Option<&str>) -> Result<(), Error> {
    let mut cli = Cli::command();
    cli.build();
    let page = command.map_or(Some(&cli), |command| cli.find_subcommand(command));
    let page = page.ok_or_else(|| Error::Output(io::Error::other("there is no such command")))?.clone();
    let mut text = vec![];
    clap_mangen::Man::new(page).render(&mut text).map_err(Error::Output)?;
    print_styled(String::from_utf8_lossy(&text).trim_end())
}
