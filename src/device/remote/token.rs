//! The secret that a worker and its clients share. It is in no config, no record, and no message.

#[cfg(feature = "remote")]
use std::{env, fs};
use std::{io, path::PathBuf};

use thiserror::Error;

/// The environment variable that holds the token.
pub const VARIABLE: &str = "MNIST_BURN_TOKEN";
/// The environment variable that names the file which holds the token.
pub const FILE_VARIABLE: &str = "MNIST_BURN_TOKEN_FILE";
/// The fewest characters of a token: a shorter one can be guessed.
const SHORTEST: usize = 16;

/// Why there is no usable token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The environment has none.
    #[error(
        "there is no token: put one into {VARIABLE}, or the name of its file into {FILE_VARIABLE}, here and on the other \
         machine; `openssl rand -hex 32` makes one"
    )]
    Missing,
    /// It can be guessed.
    #[error("the token has fewer than {SHORTEST} characters; `openssl rand -hex 32` makes a longer one")]
    Short,
    /// Its file can't be read.
    #[error("can't read the token in {path}, the file that {FILE_VARIABLE} names")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// The token in the environment, or in the file that the environment names. Blanks around it are ignored.
///
/// # Errors
/// If there is none, its file can't be read, or it is too short.
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
        token if token.len() < SHORTEST => Err(TokenError::Short),
        token => Ok(token.into()),
    }
}
