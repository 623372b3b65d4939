//! Keys about labels that are not kept, and about learning without them.

use super::super::{Consistency, check_resumable};
use super::{loaded, problem, problems};

const LABELS: &str = "data.labels = 100\ntraining.ema = 0.99\n";

#[test]
fn a_weight_alone_takes_the_other_values_from_the_paper() {
    let consistency = |text: &str| loaded(&format!("{LABELS}{text}"), &[]).consistency;
    assert_eq!(consistency(""), Consistency::default());
    let expected = Consistency { weight: Some(1.0), threshold: Some(0.95), ratio: Some(7) };
    assert_eq!(consistency("consistency.weight = 1"), expected);
    let expected = Consistency { weight: Some(0.0), threshold: Some(0.5), ratio: Some(3) };
    assert_eq!(consistency("[consistency]\nweight = 0\nthreshold = 0.5\nratio = 3"), expected);
}

#[test]
fn an_experiment_with_all_of_them_is_read_back_the_same() {
    let experiment = loaded(&format!("{LABELS}[consistency]\nweight = 0.5\nthreshold = 0.9\nratio = 2"), &[]);
    assert_eq!(loaded(&experiment.to_toml(), &[]), experiment);
    let experiment = loaded("data.labels = 10", &[]);
    assert_eq!(loaded(&experiment.to_toml(), &[]), experiment);
}

#[test]
fn values_are_checked() {
    let refused = |key: &str, values: &[&str], allowed: &str| {
        for value in values {
            let expected = format!("line 1: {key} = {value}: must be {allowed}");
            assert_eq!(problem(&format!("{key} = {value}")), expected);
        }
    };
    refused("data.labels", &["0", "-1", "1.5", "'all'", "1000000001"], "a whole number from 1 to 1000000000");
    refused("consistency.weight", &["-0.1", "1000.1", "nan", "inf", "true"], "a number from 0 to 1000");
    refused("consistency.threshold", &["-0.1", "1.1", "nan"], "a number from 0 to 1");
    refused("consistency.ratio", &["0", "1001", "0.5"], "a whole number from 1 to 1000");
    for text in ["weight = 1000", "weight = 1\nthreshold = 0", "weight = 1\nthreshold = 1", "weight = 1\nratio = 1000"]
    {
        loaded(&format!("{LABELS}[consistency]\n{text}"), &[]);
    }
}

#[test]
fn learning_without_labels_needs_images_without_and_a_teacher() {
    let no_labels = "is about images without labels: needs data.labels, the number of those that keep theirs";
    assert_eq!(
        problem("training.ema = 0.9\nconsistency.weight = 1"),
        format!("line 2: consistency.weight = 1: {no_labels}")
    );
    let no_teacher = "needs training.ema: the average of the weights is the teacher";
    assert_eq!(
        problem("data.labels = 9\nconsistency.weight = 1"),
        format!("line 2: consistency.weight = 1: {no_teacher}")
    );
    assert_eq!(problems("consistency.weight = 1", &[]).len(), 2);
}

#[test]
fn what_goes_with_a_weight_needs_one() {
    let ending = "is about learning without labels: needs consistency.weight";
    for setting in ["threshold = 0.9", "ratio = 3"] {
        let problem = problem(&format!("{LABELS}consistency.{setting}"));
        assert_eq!(problem, format!("line 3: consistency.{setting}: {ending}"));
    }
}

#[test]
fn none_of_them_can_change_within_a_run() {
    let text = format!("{LABELS}consistency.weight = 1");
    let before = loaded(&text, &[]);
    for set in ["data.labels=200", "consistency.weight=0", "consistency.threshold=0.9", "consistency.ratio=8"] {
        let message = check_resumable(&before, &loaded(&text, &[set]), 1).unwrap_err().to_string();
        assert!(message.contains("1 problem") && message.contains("can't change within a run"), "{set}: {message}");
    }
}
