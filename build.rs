//! Passes Burn's version and the git commit of the build to the program, for `--version` and the record of each run.

use std::path::Path;
use std::process::Command;

fn main() {
    let lock = std::fs::read_to_string("Cargo.lock").unwrap_or_default();
    let burn = lock.split("name = \"burn\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
    println!("cargo:rustc-env=MNIST_BURN_BURN={}", burn.unwrap_or("unknown"));
    for file in ["build.rs", "src", "config", "Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={file}");
    }
    // If this is in the checkout of another project, its commit is not ours.
    let root = git(&["rev-parse", "--show-toplevel"]).and_then(|root| Path::new(&root).canonicalize().ok());
    if root.is_none() || root != Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().ok() {
        return;
    }
    // Git appends to this log at each commit. Watch it only if it exists: for a missing file, cargo would run this
    // script every time.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
        println!("cargo:rerun-if-changed={log}");
    }
    if let Some(commit) = git(&["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]) {
        println!("cargo:rustc-env=MNIST_BURN_COMMIT={commit}");
    }
}

/// The output of a git command. `None` if git is missing or the command fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}
