//! `[privacy]`: its values, and what it excludes.

use super::super::{Privacy, check_resumable};
use super::{loaded, problem};

#[test]
fn privacy_alone_takes_the_other_values_from_its_defaults() {
    assert_eq!(loaded("", &[]).privacy, Privacy::default());
    let expected =
        Privacy { epsilon: Some(3.0), delta: Some(1e-5), clip: Some(1.0), noise_multiplier: None, low_pass: None };
    assert_eq!(loaded("privacy.epsilon = 3", &[]).privacy, expected);
    let experiment = loaded("[privacy]\nnoise_multiplier = 1.5\ndelta = 1e-6\nclip = 0.1", &[]);
    let expected =
        Privacy { epsilon: None, delta: Some(1e-6), clip: Some(0.1), noise_multiplier: Some(1.5), low_pass: None };
    assert_eq!(experiment.privacy, expected);
    assert_eq!(loaded(&experiment.to_toml(), &[]), experiment);
}

#[test]
fn privacy_values_are_checked() {
    for (setting, allowed) in [
        ("epsilon = 0", "a number greater than 0 and at most 1000"),
        ("noise_multiplier = 0", "a number greater than 0 and at most 1000000"),
        ("epsilon = 1\ndelta = 1", "a number greater than 0 and less than 1"),
        ("epsilon = 1\nclip = -1", "a number greater than 0 and at most 1000000"),
    ] {
        let problem = problem(&format!("[privacy]\n{setting}"));
        assert!(problem.ends_with(&format!("must be {allowed}")), "{problem}");
    }
}

#[test]
fn privacy_keys_need_a_budget_or_noise_and_not_both() {
    for setting in ["delta = 0.5", "clip = 0.5", "low_pass = 5"] {
        let problem = problem(&format!("privacy.{setting}"));
        assert!(problem.ends_with("needs privacy.epsilon or privacy.noise_multiplier"), "{problem}");
    }
    let problem = problem("[privacy]\nepsilon = 1\nnoise_multiplier = 2");
    assert!(problem.contains("determine each other: remove this key or privacy.epsilon"), "{problem}");
}

#[test]
fn privacy_refuses_what_breaks_its_guarantee_with_the_reason() {
    for (setting, reason) in [
        ("model.batch_norm = true", "each image changes the outputs of all others in its batch"),
        ("data.fraction = 0.5", "the labels of all images decide which ones train"),
        ("data.labels = 100", "the labels of all images decide which ones train"),
        ("data.validation = 100", "the choice of an epoch would tell of the images held out"),
        ("data.pixels = 'standardized'", "mean and deviation tell of the images"),
        ("training.gradients = 'autodiff'", "autodiff has no gradient of one image"),
        ("training.gradient_accumulation = 2", "the noise is for the gradients of one batch"),
        ("training.class_weights = 'balanced'", "tell of the images; use a list of weights"),
        ("device = 'flex,flex'", "the noise is for the gradients of one batch"),
    ] {
        assert!(problem(&format!("{setting}\nprivacy.epsilon = 3")).contains(reason), "{setting}");
        loaded(setting, &[]);
    }
    let text = "data.labels = 10\ntraining.ema_decay = 0.9\nsemi_supervised.weight = 1\nprivacy.epsilon = 3";
    assert!(super::problems(text, &[])[1].contains("only the gradients of labelled images are clipped"));
    loaded("privacy.epsilon = 3\ntraining.class_weights = [1, 2]\noptimizer.global_clip_norm = 1", &[]);
    loaded("privacy.epsilon = 3\ndata.validation = 0\ntraining.ema_decay = 0.9\nmodel.dropout = 0.2", &[]);
}

#[test]
fn private_training_can_not_be_made_longer() {
    let before = loaded("privacy.noise_multiplier = 3\ntraining.epochs = 5", &[]);
    let mut after = before.clone();
    after.training.epochs = 6;
    let message = check_resumable(&before, &after, 5).unwrap_err().to_string();
    assert!(message.contains("the noise of a private training is made for its number of epochs"), "{message}");
}
