//! `~` at the start of a path: the home folder. A shell replaces it, but not in quotes, after `--runs=`, or in a file.

use std::env;
use std::path::{Path, PathBuf};

/// The path with the home folder in place of a `~` that is its first part. `~name` is a name like any other.
pub fn expand_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), env::home_dir()) {
        (Ok(rest), Some(home)) => home.iter().chain(rest).collect(),
        _ => path.into(),
    }
}

/// An environment variable in place of an option, if set, with `~` expanded. Call it once for each: the text is never freed.
pub fn variable(name: &str) -> Option<&'static str> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
    Some(expand_home(value.as_ref()).to_string_lossy().into_owned().leak())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tilde_is_the_home_folder_at_the_start_of_a_path_only() {
        let home = env::home_dir().unwrap();
        assert_eq!(expand_home(Path::new("~/runs/a")), home.join("runs/a"));
        assert_eq!(expand_home(Path::new("~")), home);
        for other in ["~name/a", "a/~/b", "./~/a", "", "/a"] {
            assert_eq!(expand_home(Path::new(other)), Path::new(other));
        }
    }
}
