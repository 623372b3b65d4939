//! Tells the program which git commit it is built from, for the record of each run.

use std::path::Path;
use std::process::Command;

fn main() {
    for file in ["build.rs", "src", "config", "Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={file}");
    }
    // In another project's checkout, that project's commit would say nothing.
    let root = git(&["rev-parse", "--show-toplevel"]).and_then(|root| Path::new(&root).canonicalize().ok());
    if root.is_none() || root != Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().ok() {
        return;
    }
    // Each commit is logged there. Cargo runs a build script every time if a file it watches is missing.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
        println!("cargo:rerun-if-changed={log}");
    }
    if let Some(commit) = git(&["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]) {
        println!("cargo:rustc-env=MNIST_BURN_COMMIT={commit}");
    }
}

/// What a git command prints, if there is a git and it succeeds.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}
