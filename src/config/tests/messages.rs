//! Each kind of mistake and the words for it.

use std::error::Error;

use super::super::ConfigError;
use super::{load, problem, problems};

#[test]
fn config_reports_all_problems_at_once_in_reading_order() {
    let text = "name = \"try\"\n\n[training]\nepoch = 3\n\n[model]\ndropout = 1.5\nactivation = \"rleu\"\n";
    let error = load(text, &["foo", "optimizer.learning_rate=fast"]).unwrap_err();
    let expected = "5 problems in try.toml:
  line 4: training.epoch = 3: unknown key; did you mean training.epochs?
  line 7: model.dropout = 1.5: must be a number of at least 0 and less than 1
  line 8: model.activation = \"rleu\": must be one of \"relu\", \"sigmoid\", \"tanh\", \"gelu\"; did you mean \"relu\"?
  --set foo: must be written section.key=value, or key=value for a key outside of sections
  optimizer.learning_rate=fast (override): must be a number greater than 0 and at most 1000";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn config_counts_one_problem_in_the_singular() {
    assert!(load("seed = -1", &[]).unwrap_err().to_string().starts_with("1 problem in try.toml:\n"));
}

#[test]
fn config_file_in_another_encoding_is_refused_with_what_to_do() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(file.path(), bytes).unwrap();
        super::super::load(Some(file.path()), &[]).unwrap_err().source().unwrap().to_string()
    };
    let utf_16 = |start: &[u8], bytes: fn(u16) -> [u8; 2]| {
        [start.to_vec(), "seed = 2".encode_utf16().flat_map(bytes).collect()].concat()
    };
    for bytes in [
        utf_16(&[0xff, 0xfe], u16::to_le_bytes),
        utf_16(&[0xfe, 0xff], u16::to_be_bytes),
        utf_16(&[], u16::to_le_bytes),
    ] {
        assert_eq!(refused(&bytes), "it is UTF-16: save it as UTF-8");
    }
    assert_eq!(refused(b"# na\xefve"), "it is not UTF-8: save it as UTF-8");
    // The mark that editors put before UTF-8 is no mistake.
    std::fs::write(file.path(), b"\xef\xbb\xbfseed = 2").unwrap();
    assert_eq!(super::super::load(Some(file.path()), &[]).unwrap().seed, 2);
}

#[test]
fn config_file_that_is_unreadable_is_named_and_keeps_its_cause() {
    let error = super::super::load(Some("no/such.toml".as_ref()), &[]).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the config file no/such.toml");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn config_file_that_is_not_text_is_unreadable() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [0xff, 0xfe, 0x00]).unwrap();
    assert!(matches!(super::super::load(Some(file.path()), &[]), Err(ConfigError::Unreadable { .. })));
}

#[test]
fn config_file_of_more_than_a_mebibyte_is_unreadable() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let comment = |bytes: usize| std::fs::write(file.path(), "#".repeat(bytes)).unwrap();
    comment(1 << 20);
    super::super::load(Some(file.path()), &[]).unwrap();
    comment((1 << 20) + 1);
    let error = super::super::load(Some(file.path()), &[]).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "it has more than 1048576 bytes, and no experiment needs that many");
}

#[test]
fn lines_that_are_not_toml_are_reported_with_their_text() {
    let found = problems("name = \"a\"\nactivation = relu\n\n[model\nhidden = [1,\n", &["seed=x"]);
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found[0].starts_with("line 2: activation = relu: not TOML: string values must be quoted"));
    assert!(found[1].starts_with("line 4: [model: not TOML: unclosed table"));
    assert!(found[2].starts_with("line 5: hidden = [1,: not TOML: unclosed array"));
    assert!(found[3].starts_with("seed=x (override): must be a whole number"));
}

#[test]
fn key_written_twice_is_not_toml() {
    assert_eq!(problem("seed = 1\nseed = 2"), "line 2: seed = 2: not TOML: duplicate key");
}

#[test]
fn key_without_a_value_is_not_toml() {
    assert_eq!(problem("seed =\nname = 'a'"), "line 1: seed =: not TOML: the value is missing");
}

#[test]
fn unknown_key_gets_the_nearest_known_one() {
    assert_eq!(problem("sede = 3"), "line 1: sede = 3: unknown key; did you mean seed?");
    assert_eq!(
        problem("[optimizer]\nLearningRate = 0.1"),
        "line 2: optimizer.LearningRate = 0.1: unknown key; did you mean optimizer.learning_rate?"
    );
}

#[test]
fn unknown_key_may_be_a_misspelt_one_of_another_section() {
    assert_eq!(problem("epoch = 3"), "line 1: epoch = 3: unknown key; did you mean training.epochs?");
}

#[test]
fn unknown_key_near_no_other_gets_the_list_of_keys() {
    let expected =
        "line 2: training.frobnicate = 1: unknown key; [training] has batch_size, class_weights, ema_decay, ";
    assert!(problem("[training]\nfrobnicate = 1").starts_with(expected));
    assert!(problem("frobnicate = 1").ends_with("the top of the file has device, name, seed"));
}

#[test]
fn key_in_the_wrong_section_is_told_where_it_belongs() {
    let ends = |text: &str, end: &str| assert!(problem(text).ends_with(end), "{}", problem(text));
    ends("epochs = 3", "unknown key here; it belongs to [training]");
    ends("[training]\nlearning_rate = 0.1", "unknown key here; it belongs to [optimizer]");
    ends("[training]\nkind = \"sgd\"", "unknown key here; it belongs to [optimizer] or [schedule]");
    ends("[data]\nseed = 3", "unknown key here; it belongs to the top of the file");
}

#[test]
fn unknown_section_is_reported_once_with_the_nearest_known_one() {
    assert_eq!(
        problem("[trainig]\nepochs = 3\nbatch_size = 4"),
        "line 1: [trainig]: unknown section; did you mean [training]?"
    );
    assert_eq!(
        problem("[frobnicate]"),
        "line 1: [frobnicate]: unknown section; \
         there are [data], [data.augment], [distillation], [early_stopping], [init], [init.lora], [model], [optimizer], [privacy], [schedule], [semi_supervised], [training]"
    );
}

#[test]
fn section_within_a_section_gets_the_same_hints() {
    assert_eq!(
        problem("[data.augment]\nrotatoin = 10"),
        "line 2: data.augment.rotatoin = 10: unknown key; did you mean data.augment.rotation?"
    );
    assert_eq!(
        problem("[data.augmnet]\nshear = 1"),
        "line 1: [data.augmnet]: unknown section; did you mean [data.augment]?"
    );
    assert!(problem("[data]\nrotation = 10").ends_with("unknown key here; it belongs to [data.augment]"));
    assert!(problem("data.augment = 3").contains("must be a section, [data.augment], with the keys blur, contrast, "));
    assert!(problem("['data.augment']\nrotation = 10").contains("unknown section"), "its name has no dot");
}

#[test]
fn section_written_as_a_value_is_refused() {
    let expected = "line 1: model = 3: must be a section, [model], with the keys activation, batch_norm, ";
    assert!(problem("model = 3").starts_with(expected), "{}", problem("model = 3"));
    assert!(problem("[[model]]\nhidden = [3]").contains("must be a section, [model]"));
    // Values that would do for its first keys, in their order.
    assert!(problem("model = [[3]]").contains("must be a section, [model]"));
    assert!(problem("data.augment = [500.0]").contains("must be a section, [data.augment]"));
}

#[test]
fn key_written_as_a_section_is_refused() {
    assert_eq!(
        problem("[model.dropout]\nrate = 0.2"),
        "line 1: [model.dropout]: must be a number of at least 0 and less than 1"
    );
    assert!(problem("model.dropout = { rate = 0.2 }").starts_with("line 1: model.dropout = { rate = 0.2 }: must be a"));
    assert!(problem("model.dropout.rate = 0.2").starts_with("line 1: [model.dropout]: must be a number"));
    assert!(problem("[seed]").starts_with("line 1: [seed]: must be a whole number"));
    assert!(problem("[model]\nactivation = { relu = {} }").contains("must be one of"));
}

#[test]
fn word_near_no_other_gets_the_list_of_words() {
    assert_eq!(
        problem("[data]\npixels = \"raw\""),
        "line 2: data.pixels = \"raw\": must be one of \"unit\", \"standardized\""
    );
}

#[test]
fn value_of_the_wrong_type_is_refused_without_the_names_of_rust_types() {
    let wrong = "name = 5\nseed = \"5\"\ndevice = true\n[data]\ndataset = 1\ndir = 3\nmirrors = \"http://a\"\n\
        validation = -1\n[model]\nhidden = 128\nactivation = 0\ndropout = \"0.2\"\nbatch_norm = 0\n[training]\n\
        epochs = 5.0\nbatch_size = \"some\"\n[optimizer]\nlearning_rate = true\nnesterov = \"yes\"\n[early_stopping]\n\
        target_error = 1979-05-27\npatience = 99999999999999999999";
    let found = problems(wrong, &[]);
    assert_eq!(found.len(), 17, "{found:#?}");
    for problem in found {
        assert!(problem.contains(": must be "), "{problem}");
        assert!(
            !["usize", "u64", "f64", "i64", "struct", "enum"].iter().any(|name| problem.contains(name)),
            "{problem}"
        );
    }
}

#[test]
fn long_values_are_cut_in_messages() {
    let text = format!("name = \"{}\"", "x".repeat(500));
    assert!(problem(&text).len() < 200 && problem(&text).contains("xxx ...: must be text"));
    assert!(problem("[model]\nhidden = [\n1,\n0,\n]").starts_with("line 2: model.hidden = [ ...: must be a list"));
}

#[test]
fn old_names_are_answered_with_the_new_ones() {
    for (text, new) in [
        ("[consistency]\nweight = 1", "[semi_supervised]"),
        ("[data.distort]\nshear = 1", "[data.augment]"),
        ("init.fresh = ['output']", "init.reinitialize"),
        ("[init.names]\na = 'output'", "init.rename"),
        ("[optimizer.layers]\noutput = 1", "optimizer.layer_factors"),
        ("[stop]\nerror = 0.1", "[early_stopping], and its key error to target_error"),
        ("training.ema = 0.9", "training.ema_decay"),
        ("training.limit = 1.0", "data.fraction"),
        ("data.dataset = 'own'", "\"idx\""),
        ("data.dataset = 'pictures'", "\"image-folder\""),
    ] {
        assert!(problem(text).ends_with(&format!(": renamed to {new}")), "{}", problem(text));
    }
    let found = problems("", &["stop.patience=3", "training.ema=0.9"]);
    assert!(found.iter().all(|problem| problem.contains(": renamed to ")) && found.len() == 2, "{found:?}");
}

#[test]
fn file_with_a_hundred_problems_is_told_twenty() {
    let text: String = (0..100).map(|number| format!("key{number} = 1\n")).collect();
    let message = load(&text, &[]).unwrap_err().to_string();
    assert!(message.lines().count() == 22 && message.ends_with("\n  ..."), "{message}");
}
