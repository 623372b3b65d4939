//! The secret that a worker and its clients share. Configs, records and messages never contain it.

#[cfg(feature = "remote")]
use std::{env, fs};
use std::{io, path::PathBuf};

use thiserror::Error;

pub const VARIABLE: &str = "MNIST_BURN_TOKEN";
pub const FILE_VARIABLE: &str = "MNIST_BURN_TOKEN_FILE";
/// The minimum length of a token, in characters. A shorter one could be guessed.
const MIN_LENGTH: usize = 16;

#[derive(Debug, Error)]
pub enum TokenError {
    #[error(
        "the token is missing: set {VARIABLE} to it, or {FILE_VARIABLE} to the name of its file, here and on the other \
         machine; create one with `openssl rand -hex 32`"
    )]
    Missing,
    #[error("the token has fewer than {MIN_LENGTH} characters; create a longer one with `openssl rand -hex 32`")]
    Short,
    #[error("can't read the token file {path}, which {FILE_VARIABLE} names")]
    File { path: PathBuf, source: io::Error },
}

/// Reads the token from the environment, or from the file that the environment names. Trims whitespace around it.
#[cfg(feature = "remote")]
pub fn token() -> Result<String, TokenError> {
    let given = env::var(VARIABLE).ok().filter(|token| !token.trim().is_empty());
    let token = match (given, env::var_os(FILE_VARIABLE).map(PathBuf::from)) {
        (Some(token), _) => token,
        (None, Some(path)) => fs::read_to_string(&path).map_err(|source| TokenError::File { path, source })?,
        (None, None) => String::new(),
    };
    match token.trim() {
        "" => Err(TokenError::Missing),
        token if token.len() < MIN_LENGTH => Err(TokenError::Short),
        token => Ok(token.into()),
    }
}
