//! `mnist-burn evaluate`: the same metrics as after the training.

use std::fs;

#[cfg(not(all(feature = "ndarray", feature = "flex")))]
use super::success;
use super::trained::smoke;
use super::{DEVICE, failure, program, stdout};

#[test]
fn saved_model_gives_the_same_evaluation_again() {
    let json = stdout(program().arg("evaluate").arg(&smoke().run).args(["--json", "--device", DEVICE]));
    assert_eq!(json.trim_end(), fs::read_to_string(smoke().run.join("evaluation.json")).unwrap());
}

#[test]
fn evaluate_prints_the_same_text_as_train() {
    let text = stdout(program().arg("evaluate").arg(&smoke().run).args(["--device", DEVICE]));
    assert!(smoke().stdout.starts_with(text.trim_end()), "{text}\n{}", smoke().stdout);
}

#[test]
fn evaluate_prints_the_same_text_in_colours() {
    let evaluate = |variables: &[(&str, &str)]| {
        let mut command = program();
        stdout(command.arg("evaluate").arg(&smoke().run).args(["--device", DEVICE]).envs(variables.iter().copied()))
    };
    let (plain, coloured) = (evaluate(&[]), evaluate(&[("CLICOLOR_FORCE", "1")]));
    assert!(!plain.contains('\x1b') && coloured.contains("\x1b[38;5;16m"), "{coloured}");
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    assert_eq!(evaluate(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), plain);
}

#[test]
#[cfg(not(all(feature = "ndarray", feature = "flex")))]
fn run_of_a_cpu_backend_that_is_not_compiled_in_is_used_on_the_one_that_is() {
    let lacked = if DEVICE == "flex" { "ndarray" } else { "flex" };
    let recorded = |device: &str| {
        let record = fs::read_to_string(smoke().run.join("record.json")).unwrap();
        let ours = format!("\"device\": \"{DEVICE}\"");
        assert!(record.contains(&ours), "{record}");
        with_file("record.json", record.replace(&ours, &format!("\"device\": \"{device}\"")).as_bytes())
    };
    let run = recorded(lacked);
    let run = run.path().to_str().unwrap();
    let image = "tests/drawn/digits/7-plain-1.png";
    for command in [&["evaluate", run][..], &["report", run], &["predict", run, image]] {
        let (_, notes) = success(program().args(command));
        let note = format!("the run was recorded on {lacked}, which is not compiled in, so {DEVICE} is used");
        assert!(notes.contains(&note), "{notes}");
    }
    let evaluated = stdout(program().args(["evaluate", run]));
    assert_eq!(evaluated, stdout(program().arg("evaluate").arg(&smoke().run)));

    let asked = failure(program().args(["evaluate", run, "--device", lacked]));
    assert!(asked.contains(&format!("device `{lacked}` is not compiled in")), "{asked}");
    let gpu = recorded("metal");
    let gpu = failure(program().arg("evaluate").arg(gpu.path()));
    assert!(gpu.contains("device `metal` is not compiled in"), "{gpu}");
}

#[test]
fn folder_that_is_not_a_run_is_an_error_that_names_it() {
    let message = failure(program().args(["evaluate", "config"]));
    assert!(message.contains("config is not a run folder") && message.contains("record.json"), "{message}");
}

/// A copy of the run with one file replaced.
pub fn with_file(name: &str, contents: &[u8]) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    smoke().copy_to(copy.path());
    fs::write(copy.path().join(name), contents).unwrap();
    copy
}

#[test]
fn damaged_model_is_an_error_that_names_the_file() {
    let model = fs::read(smoke().run.join("best.safetensors")).unwrap();
    for damaged in [&model[..model.len() / 2], b"", b"not a model at all"] {
        let copy = with_file("best.safetensors", damaged);
        let message = failure(program().arg("evaluate").arg(copy.path()).args(["--device", DEVICE]));
        assert!(message.contains("best.safetensors is not the file that the run wrote: its SHA-256 is"), "{message}");
    }
}

#[test]
fn model_of_another_shape_is_an_error_that_names_the_tensors() {
    let config = fs::read_to_string(smoke().run.join("config.toml")).unwrap();
    let copy = with_file("config.toml", config.replace("hidden = [16]", "hidden = [17, 3]").as_bytes());
    let message = failure(program().arg("evaluate").arg(copy.path()).args(["--device", DEVICE]));
    assert!(message.contains("hidden.0.weight") && message.contains("hidden.1.weight"), "{message}");
}

#[test]
fn damaged_record_is_an_error_that_names_the_file() {
    let copy = with_file("record.json", b"{");
    let message = failure(program().arg("evaluate").arg(copy.path()));
    assert!(message.contains("record.json is damaged"), "{message}");
}
