//! The secret that a worker and its clients share. It is in no config, no record, and no message.

#[cfg(feature = "remote")]
use super::RemoteError;

/// The environment variable that holds it.
pub const VARIABLE: &str = "MNIST_BURN_TOKEN";
/// The environment variable that names the file which holds it.
pub const FILE_VARIABLE: &str = "MNIST_BURN_TOKEN_FILE";
/// The fewest characters: what is shorter can be guessed.
pub const SHORTEST: usize = 16;

/// The token that the environment has, or a file that it names; blanks around it do not count.
///
/// # Errors
/// If there is none, if its file can't be read, or if it is shorter than [`SHORTEST`].
#[cfg(feature = "remote")]
pub fn token() -> Result<String, RemoteError> {
    use std::path::PathBuf;
    use std::{env, fs};

    let given = env::var(VARIABLE).ok().filter(|token| !token.trim().is_empty());
    let token = match (given, env::var_os(FILE_VARIABLE).map(PathBuf::from)) {
        (Some(token), _) => token,
        (None, Some(path)) => fs::read_to_string(&path).map_err(|source| RemoteError::TokenFile { path, source })?,
        (None, None) => String::new(),
    };
    match token.trim() {
        "" => Err(RemoteError::NoToken),
        token if token.len() < SHORTEST => Err(RemoteError::ShortToken),
        token => Ok(token.into()),
    }
}
