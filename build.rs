//! Tells the program which git commit it is built from, for the record of each run.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src");
    // Cargo runs a build script every time if a file it watches is missing, as outside a checkout.
    if Path::new(".git/logs/HEAD").exists() {
        println!("cargo:rerun-if-changed=.git/logs/HEAD");
    }
    let describe = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]).output();
    if let Ok(output) = describe
        && output.status.success()
    {
        println!("cargo:rustc-env=MNIST_BURN_COMMIT={}", String::from_utf8_lossy(&output.stdout).trim());
    }
}
