//! `mnist-burn devices` and `--device`.

use super::trained::smoke;
use super::{DEVICE, failure, program, stdout, success};

#[test]
fn the_list_has_every_backend_of_the_build() {
    let list = stdout(program().arg("devices"));
    let starts = |name: &str| list.lines().any(|line| line.starts_with(name));
    assert_eq!(starts("ndarray"), cfg!(feature = "ndarray"), "{list}");
    assert_eq!(starts("flex"), cfg!(feature = "flex"), "{list}");
    assert_eq!(starts("wgpu"), cfg!(feature = "wgpu"), "{list}");
}

#[test]
fn an_unknown_device_is_answered_with_the_known_ones() {
    let message = failure(program().args(["--device", "gpu"]));
    assert!(message.contains("--set device=gpu: must be") && message.contains("\"ndarray\""), "{message}");
}

#[test]
#[cfg(not(feature = "metal"))]
fn a_device_that_is_not_compiled_in_names_the_build_that_has_it() {
    let message = failure(program().args(["--device", "metal"]));
    assert!(message.contains("--features metal") && message.contains(DEVICE), "{message}");
}

#[test]
fn the_config_chooses_a_device_too() {
    let message = failure(program().args(["--set", "device=cuda:x"]));
    assert!(message.contains("device=cuda:x: must be"), "{message}");
}

#[test]
fn a_run_is_used_where_it_was_trained_unless_said_otherwise() {
    let (_, notes) = success(program().arg("evaluate").arg(&smoke().run));
    assert!(notes.contains(&format!("device: {DEVICE} (CPU)")), "{notes}");
    let message = failure(program().arg("evaluate").arg(&smoke().run).args(["--device", "gpu"]));
    assert!(message.contains("`gpu` is unknown"), "{message}");
}
