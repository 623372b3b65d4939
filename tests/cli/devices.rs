//! `mnist-burn devices` and `--device`.

use super::{DEVICE, failure, program, stdout};

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
    assert!(message.contains("`gpu` is unknown") && message.contains("ndarray"), "{message}");
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
    assert!(message.contains("`cuda:x` is unknown"), "{message}");
}
