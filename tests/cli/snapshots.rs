//! Help texts and the main messages, word for word. `INSTA_UPDATE=always cargo test --release --test cli snapshots`
//! writes them anew.

use std::fs;

use super::trained::smoke;
use super::{DEVICE, failure, program, stdout};

#[test]
fn help_of_every_command_is_as_recorded() {
    let mut all = stdout(program().arg("--help"));
    let commands = all.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: Vec<String> =
        commands.lines().filter_map(|line| line.split_whitespace().next().map(str::to_string)).collect();
    assert!(commands.len() > 12, "{commands:?}");
    for command in commands.iter().filter(|command| *command != "help") {
        all += &format!("\n$ mnist-burn {command} --help\n{}", stdout(program().args([command, "--help"])));
    }
    insta::assert_snapshot!("help", all);
}

/// A command and what it prints on stderr. Each pair of `hidden` is a text that differs from machine to machine, and what is
/// shown in its place.
fn message(arguments: &[&str], hidden: &[(&str, &str)]) -> String {
    let message = failure(program().args(arguments));
    // Which device it is depends on the build.
    let lines = message.lines().filter(|line| !line.starts_with("device: "));
    let shown = format!("$ mnist-burn {}\n{}\n\n", arguments.join(" "), lines.collect::<Vec<_>>().join("\n"));
    hidden.iter().fold(shown, |shown, (text, name)| shown.replace(text, name))
}

#[test]
fn main_messages_are_as_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().display().to_string();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let old = "[training]\nlimit = 0.5\nema = 0.99\n[stop]\nerror = 0.02\n";
    let wrong = "sede = 3\n[model]\nhidden = [0]\nactivation = 'rleu'\n[trainig]\nepochs = 3\n";
    fs::write(path("old.toml"), old).unwrap();
    fs::write(path("wrong.toml"), wrong).unwrap();
    fs::write(path("digit.png"), "not a picture").unwrap();
    fs::create_dir(path("empty")).unwrap();
    let run = smoke().run.display().to_string();
    let hidden =
        [(dir.as_str(), "DIR"), (run.as_str(), "RUN"), (env!("CARGO_MANIFEST_DIR"), "REPOSITORY"), (DEVICE, "CPU")];
    let messages = [
        message(&["config", "--config", &path("wrong.toml")], &hidden),
        message(&["config", "--config", &path("old.toml")], &hidden),
        message(&["config", "--config", &path("none.toml")], &hidden),
        message(&["train", "--device", DEVICE, "--set", "data.validation=60000"], &hidden),
        message(
            &["train", "--device", DEVICE, "--set", "data.dataset=image-folder", "--set", "data.dir=nowhere"],
            &hidden,
        ),
        message(&["train", "--device", DEVICE, "--runs", &path("none"), "--set", "init.from=nowhere"], &hidden),
        message(&["resume", &run, "--set", "model.hidden=[3]", "--set", "seed=5"], &hidden),
        message(&["evaluate", &path("empty")], &hidden),
        message(&["predict", &run, &path("digit.png"), &path("none.png"), "--device", DEVICE], &hidden),
        message(&["export", &run, &path("old.toml")], &hidden),
        message(&["runs", "--runs", &path("none")], &hidden),
        message(&["sweep", &path("wrong.toml")], &hidden),
    ];
    insta::assert_snapshot!("messages", messages.concat());
}
