//! Keys about labels that are not kept, and about learning without them.

use super::super::{SemiSupervised, check_resumable};
use super::{loaded, problem, problems};

const LABELS: &str = "data.labels = 100\ntraining.ema_decay = 0.99\n";

#[test]
fn semi_supervised_weight_alone_takes_the_other_values_from_the_paper() {
    let semi_supervised = |text: &str| loaded(&format!("{LABELS}{text}"), &[]).semi_supervised;
    assert_eq!(semi_supervised(""), SemiSupervised::default());
    let expected = SemiSupervised {
        weight: Some(1.0),
        threshold: Some(0.95),
        distribution_alignment: Some(false),
        ratio: Some(7),
    };
    assert_eq!(semi_supervised("semi_supervised.weight = 1"), expected);
    let expected =
        SemiSupervised { weight: Some(0.0), threshold: Some(0.5), distribution_alignment: Some(false), ratio: Some(3) };
    assert_eq!(semi_supervised("[semi_supervised]\nweight = 0\nthreshold = 0.5\nratio = 3"), expected);
}

#[test]
fn experiment_with_all_of_these_keys_is_read_back_the_same() {
    let experiment = loaded(&format!("{LABELS}[semi_supervised]\nweight = 0.5\nthreshold = 0.9\nratio = 2"), &[]);
    assert_eq!(loaded(&experiment.to_toml(), &[]), experiment);
    let experiment = loaded("data.labels = 10", &[]);
    assert_eq!(loaded(&experiment.to_toml(), &[]), experiment);
}

#[test]
fn values_of_these_keys_are_checked() {
    let refused = |key: &str, values: &[&str], allowed: &str| {
        for value in values {
            let expected = format!("line 1: {key} = {value}: must be {allowed}");
            assert_eq!(problem(&format!("{key} = {value}")), expected);
        }
    };
    refused("data.labels", &["0", "-1", "1.5", "'all'", "1000000001"], "a whole number from 1 to 1000000000");
    refused("semi_supervised.weight", &["-0.1", "1000.1", "nan", "inf", "true"], "a number from 0 to 1000");
    refused("semi_supervised.threshold", &["-0.1", "1.1", "nan"], "a number from 0 to 1");
    refused("semi_supervised.ratio", &["0", "1001", "0.5"], "a whole number from 1 to 1000");
    for text in ["weight = 1000", "weight = 1\nthreshold = 0", "weight = 1\nthreshold = 1", "weight = 1\nratio = 1000"]
    {
        loaded(&format!("{LABELS}[semi_supervised]\n{text}"), &[]);
    }
}

#[test]
fn semi_supervised_learning_needs_unlabelled_images_and_a_teacher() {
    let no_labels = "trains on images without labels: needs data.labels, the number of images that keep theirs";
    assert_eq!(
        problem("training.ema_decay = 0.9\nsemi_supervised.weight = 1"),
        format!("line 2: semi_supervised.weight = 1: {no_labels}")
    );
    let no_teacher = "needs training.ema_decay: the moving average of the weights is the teacher";
    assert_eq!(
        problem("data.labels = 9\nsemi_supervised.weight = 1"),
        format!("line 2: semi_supervised.weight = 1: {no_teacher}")
    );
    assert_eq!(problems("semi_supervised.weight = 1", &[]).len(), 2);
}

#[test]
fn semi_supervised_keys_need_a_weight() {
    let ending = "is about semi-supervised learning: needs semi_supervised.weight";
    for setting in ["threshold = 0.9", "distribution_alignment = true", "ratio = 3"] {
        let problem = problem(&format!("{LABELS}semi_supervised.{setting}"));
        assert_eq!(problem, format!("line 3: semi_supervised.{setting}: {ending}"));
    }
}

#[test]
fn resume_refuses_a_change_of_any_of_these_keys() {
    let text = format!("{LABELS}semi_supervised.weight = 1");
    let before = loaded(&text, &[]);
    for set in
        ["data.labels=200", "semi_supervised.weight=0", "semi_supervised.threshold=0.9", "semi_supervised.ratio=8"]
    {
        let message = check_resumable(&before, &loaded(&text, &[set]), 1).unwrap_err().to_string();
        assert!(message.contains("1 problem") && message.contains("can't change within a run"), "{set}: {message}");
    }
}
