//! `--set` arguments.

use super::super::{BatchSize, OptimizerKind};
use super::{loaded, problems};

#[test]
fn override_wins_over_the_file_and_the_last_over_all() {
    let text = "seed = 1\n[training]\nepochs = 2";
    let experiment = loaded(text, &["training.epochs=3", "training.epochs=4", "seed = 5"]);
    assert_eq!((experiment.training.epochs, experiment.seed), (4, 5));
}

#[test]
fn override_repairs_the_value_in_the_file() {
    assert_eq!(loaded("seed = 'x'", &["seed=3"]).seed, 3);
}

#[test]
fn override_value_that_is_not_toml_is_text() {
    let experiment = loaded("", &["device=wgpu:1", "name=try-1", "training.batch_size=all", "data.dir=../a=b c"]);
    assert_eq!((experiment.device.names(), experiment.name.as_str()), (vec!["wgpu:1"], "try-1"));
    assert_eq!(experiment.training.batch_size, BatchSize::All);
    assert_eq!(experiment.data.dir.as_deref(), Some("../a=b c".as_ref()));
}

#[test]
fn devices_are_a_list_or_one_word() {
    for set in ["device=[\"flex\", \"wgpu:1\"]", "device=flex,wgpu:1"] {
        assert_eq!(loaded("", &[set]).device.names(), ["flex", "wgpu:1"]);
    }
}

#[test]
fn override_values_with_quotes_numbers_and_lists_are_toml() {
    let set = [
        "name=\"5\"",
        "model.hidden=[300,100]",
        "model.dropout=0",
        "model.batch_norm=true",
        "early_stopping.target_error=2e-2",
    ];
    let experiment = loaded("data.validation = 10", &set);
    assert_eq!((experiment.name.as_str(), experiment.model.hidden), ("5", vec![300, 100]));
    assert_eq!((experiment.model.dropout, experiment.model.batch_norm), (0.0, true));
    assert_eq!(experiment.early_stopping.target_error, Some(0.02));
}

#[test]
fn override_of_a_whole_section_sets_the_keys_it_names() {
    let experiment = loaded("model.dropout = 0.5", &["model={ hidden = [7], batch_norm = true }"]);
    assert_eq!((experiment.model.hidden, experiment.model.dropout), (vec![7], 0.5));
}

#[test]
fn section_within_a_section_is_reached_by_its_dots_or_by_a_table() {
    let text = "[data.augment]\nrotation = 5\nshear = 3";
    let augment = |set: &[&str]| {
        let augment = loaded(text, set).data.augment;
        (augment.rotation, augment.shear, augment.scale)
    };
    assert_eq!(augment(&["data.augment.rotation=7"]), (Some(7.0), Some(3.0), None));
    assert_eq!(augment(&["data.augment={ scale = 0.1, shear = 4 }"]), (Some(5.0), Some(4.0), Some(0.1)));
    assert_eq!(augment(&["data={ augment = { scale = 0.1 } }"]), (Some(5.0), Some(3.0), Some(0.1)));
}

#[test]
fn optimizer_kind_can_be_overridden_though_the_file_holds_keys_of_another() {
    let baseline = super::super::BASELINE;
    let optimizer = loaded(baseline, &["optimizer.kind=sgd", "optimizer.momentum=0.9"]).optimizer;
    assert_eq!((optimizer.kind, optimizer.beta_1, optimizer.momentum), (OptimizerKind::Sgd, None, Some(0.9)));
    assert_eq!(
        problems(baseline, &["optimizer.kind=sgd", "optimizer.beta_1=0.8"]),
        ["optimizer.beta_1=0.8 (override): belongs to kind = \"adam\" or kind = \"adamw\", not to \"sgd\""]
    );
}

#[test]
fn malformed_override_is_reported() {
    for argument in ["foo", "", "=3", ".seed=3", "model.=3"] {
        let found = problems("", &[argument]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with(&format!("--set {argument}: must be written section.key=value")), "{found:?}");
    }
}

#[test]
fn override_gets_the_same_hints_as_a_file() {
    let set = [
        "epochs=3",
        "trainig.epochs=3",
        "trainig.batch=3",
        "model.hiden=[3]",
        "model.hidden.0=3",
        "data.augmnet.shear=3",
        "model=3",
    ];
    let expected = [
        "epochs=3 (override): unknown key here; it belongs to [training]",
        "trainig.epochs=3 (override): unknown section; did you mean [training]?",
        "trainig.batch=3 (override): unknown section; did you mean [training]?",
        "model.hiden=[3] (override): unknown key; did you mean model.hidden?",
        "model.hidden.0=3 (override): must be a list [..] of at most 64 widths, each a whole number from 1 to 65536",
        "data.augmnet.shear=3 (override): unknown section; did you mean [data.augment]?",
        "model=3 (override): must be a section, [model], with the keys activation, batch_norm, batch_norm_momentum, \
         dropout, hidden, noise",
    ];
    assert_eq!(problems("", &set), expected);
}

#[test]
fn override_value_cannot_bring_in_a_second_line() {
    assert_eq!(loaded("", &["data.dir=a\nseed = 9"]).seed, 1);
}
