//! The values that each key takes and refuses, and the keys that do not go together.

use super::{loaded, problem, problems};

/// `section.key`, with two or more values accepted and refused.
fn check(key: &str, accepted: &[&str], refused: &[&str]) {
    for value in accepted {
        loaded(&format!("data.validation = 10\n{key} = {value}"), &[]);
    }
    for value in refused {
        let text = format!("data.validation = 10\n{key} = {value}");
        let problem = problem(&text);
        assert!(problem.starts_with(&format!("line 2: {key} = {value}: must be ")), "{problem}");
    }
}

#[test]
fn name_and_device_are_checked() {
    let (hundred, more) = (format!("'{}'", "x".repeat(100)), "'a\u{e4}'");
    check("name", &["'a'", "'A-1_b.c'", "'-'", &hundred], &["''", "'.a'", "'a/b'", "'a b'", more]);
    check("device", &["'auto'", "'cpu'", "'gpu'", "'wgpu:1'"], &["''", "' '"]);
    check("device", &["['flex', 'flex']", "'remote:ws://gpu:4433/1'"], &["'wgpu:one'", "'flex, flex'", "[]", "'tpu'"]);
    assert!(problem(&format!("name = '{}'", "x".repeat(101))).contains("must be text: 1 to 100 letters"));
}

#[test]
fn whole_numbers_are_checked() {
    check("seed", &["0", "9223372036854775807"], &["-1", "9223372036854775808", "18446744073709551616"]);
    check("training.epochs", &["1", "100000"], &["0", "-1", "100001"]);
    check("training.batch_size", &["1", "60000", "'all'"], &["0", "-1", "1000000001", "'ALL'", "1.5", "[1]"]);
    check("training.gradient_accumulation", &["1", "1000000000"], &["0", "-1", "1000000001", "1.5"]);
    check("early_stopping.patience", &["1", "100000"], &["0", "-1", "100001"]);
    check("model.hidden", &["[]", "[1]", "[65536, 2]"], &["[0]", "[65537]", "[1.0]", "['a']", "[[1]]"]);
    assert_eq!(loaded("data.validation = 0", &[]).data.validation, 0);
    assert!(problem("data.validation = 1000000001").contains("must be a whole number"));
}

#[test]
fn network_has_at_most_64_hidden_layers() {
    assert_eq!(loaded(&format!("model.hidden = {:?}", [1; 64]), &[]).model.hidden.len(), 64);
    assert!(problem(&format!("model.hidden = {:?}", [1; 65])).contains("at most 64 widths"));
}

#[test]
fn numbers_are_checked_and_must_be_finite() {
    let strange = ["nan", "inf", "-inf", "-1", "-0.1"];
    let with = |more: &[&'static str]| [&strange, more].concat();
    check("model.dropout", &["0", "0.0", "0.999"], &with(&["1", "1.0", "2"]));
    check("model.noise", &["0", "0.3", "10"], &with(&["10.1"]));
    check("optimizer.learning_rate", &["1e-9", "1", "1000"], &with(&["0", "0.0", "1000.1"]));
    check("optimizer.beta_1", &["0", "0.999"], &with(&["1"]));
    check("optimizer.beta_2", &["0", "0.999"], &with(&["1"]));
    check("training.label_smoothing", &["0", "0.1"], &with(&["1"]));
    check("training.ema_decay", &["1e-9", "0.999"], &with(&["0", "1"]));
    check(
        "training.class_weights",
        &["'balanced'", "[1, 0.5]"],
        &["1", "'even'", "[0, 1]", "[-1, 1]", "[nan]", "['a']"],
    );
    check("data.fraction", &["1e-9", "1"], &with(&["0", "1.1"]));
    check("optimizer.clip_norm", &["1e-9", "1000"], &with(&["0"]));
    check("optimizer.global_clip_norm", &["1e-9", "1000"], &with(&["0"]));
    for value in with(&["1"]) {
        assert!(
            problem(&format!("[optimizer]\nkind = 'rmsprop'\nrho = {value}")).contains("at least 0 and less than 1")
        );
    }
    check("optimizer.clip_value", &["1e-9", "1000"], &with(&["0"]));
    check("optimizer.epsilon", &["1e-12", "1"], &with(&["0"]));
    check("data.augment.rotation", &["0", "15", "180"], &with(&["180.1"]));
    check("data.augment.scale", &["0", "0.15"], &with(&["1"]));
    check("data.augment.shear", &["0", "7.5", "60"], &with(&["60.1"]));
    check("data.augment.translation", &["0", "1.5", "1000"], &with(&["1000.1"]));
    check("data.augment.elastic_alpha", &["0", "34", "1000"], &with(&["1000.1"]));
    check("data.augment.stroke_width", &["0", "2", "10"], &with(&["10.1"]));
    check("data.augment.blur", &["0", "0.7", "1"], &with(&["1.1"]));
    check("data.augment.contrast", &["0", "0.4"], &with(&["1"]));
    for value in with(&["0", "0.9", "100.1"]) {
        let text = format!("[data.augment]\nelastic_alpha = 1\nelastic_sigma = {value}");
        assert!(problem(&text).ends_with("must be a number of pixels from 1 to 100"));
    }
    check("early_stopping.target_error", &["0", "0.02", "1"], &with(&["1.1"]));
    for value in with(&[]) {
        let text = format!("[optimizer]\nkind = 'adamw'\nweight_decay = {value}");
        assert!(problem(&text).contains("must be a number of at least 0"));
        let text = format!("[optimizer]\nkind = 'sgd'\nmomentum = {value}");
        assert!(problem(&text).contains("less than 1"));
    }
    let schedule = |kind: &str, setting: &str| format!("[schedule]\nkind = '{kind}'\n{setting}");
    for value in with(&["0", "1.1"]) {
        assert!(problem(&schedule("step", &format!("factor = {value}"))).contains("greater than 0 and at most 1"));
    }
    for value in with(&["1"]) {
        assert!(problem(&schedule("one-cycle", &format!("warmup = {value}"))).contains("less than 1"));
    }
    for value in ["0", "-1", "1.5", "100001"] {
        assert!(problem(&schedule("step", &format!("every = {value}"))).contains("whole number from 1 to 100000"));
    }
    assert_eq!(loaded("[optimizer]\nkind = 'adamw'\nweight_decay = 0", &[]).optimizer.weight_decay, Some(0.0));
}

#[test]
fn mirrors_are_web_addresses() {
    let refused = [
        "[]",
        "['ftp://a.b/']",
        "['a.b']",
        "['https://']",
        "['http://a', '']",
        "['http://a b']",
        "['http://a\u{a0}b']",
    ];
    check("data.mirrors", &["['http://a.b/c/']", "['https://a', 'http://b']"], &refused);
}

#[test]
fn data_dir_needs_a_name() {
    check("data.dir", &["'some/folder'"], &["''"]);
}

#[test]
fn idx_data_needs_a_folder_and_takes_no_mirrors() {
    loaded("[data]\ndataset = 'idx'\ndir = 'x'", &[]);
    assert_eq!(
        problem("data.dataset = 'idx'"),
        "line 1: data.dataset = 'idx': needs data.dir, the folder of your own images"
    );
    let text = "[data]\ndataset = 'idx'\ndir = 'x'\nmirrors = ['http://a']";
    assert!(problem(text).starts_with("line 4: data.mirrors = ['http://a']: your own files are not downloaded"));
}

#[test]
fn elastic_deformation_has_a_strength_and_a_width() {
    let sigma = |text: &str| loaded(text, &[]).data.augment.elastic_sigma;
    assert_eq!(sigma("data.augment.elastic_alpha = 34"), Some(4.0));
    assert_eq!(sigma("data.augment = { elastic_alpha = 34, elastic_sigma = 6 }"), Some(6.0));
    assert_eq!(sigma("data.augment.shear = 1"), None);
    assert_eq!(
        problem("data.augment.elastic_sigma = 4"),
        "line 1: data.augment.elastic_sigma = 4: needs data.augment.elastic_alpha, the strength of the deformation"
    );
}

#[test]
fn batch_normalisation_of_single_images_is_refused() {
    let text = "[model]\nbatch_norm = true\n[training]\nbatch_size = ";
    let message = problem(&format!("{text}1"));
    let expected =
        "line 2: model.batch_norm = true: learns nothing from a batch of one image: needs training.batch_size";
    assert!(message.contains(expected), "{message}");
    loaded(&format!("{text}2"), &[]);
    let unlabelled = "[data]\nlabels = 10\n[semi_supervised]\nweight = 1";
    loaded(&format!("{text}1\nema_decay = 0.9\n{unlabelled}"), &[]);
}

#[test]
fn batch_norm_momentum_needs_batch_norm() {
    loaded("[model]\nbatch_norm = true\nbatch_norm_momentum = 0.01", &[]);
    let momentum = |text: &str| loaded(text, &[]).model.batch_norm_momentum;
    assert_eq!((momentum("model.batch_norm = true"), momentum("")), (Some(0.1), None));
    let expected = "line 1: model.batch_norm_momentum = 0.01: needs model.batch_norm = true";
    assert_eq!(problem("model.batch_norm_momentum = 0.01"), expected);
}

#[test]
fn transposed_images_are_in_idx_files() {
    let expected = "line 1: data.transpose = true: is about your own IDX files: needs data.dataset = \"idx\"";
    assert_eq!(problem("data.transpose = true"), expected);
    let folder = "data.transpose = true\ndata.dataset = 'image-folder'\ndata.dir = 'x'";
    assert_eq!(problem(folder), expected);
    loaded("[data]\ntranspose = true\ndataset = 'idx'\ndir = 'x'", &[]);
}

#[test]
fn nesterov_needs_momentum() {
    loaded("[optimizer]\nkind = 'sgd'\nmomentum = 0.9\nnesterov = true", &[]);
    loaded("[optimizer]\nkind = 'sgd'\nnesterov = false", &[]);
    let expected = "line 3: optimizer.nesterov = true: needs optimizer.momentum greater than 0";
    assert_eq!(problem("[optimizer]\nkind = 'sgd'\nnesterov = true"), expected);
    assert_eq!(problem("[optimizer]\nkind = 'sgd'\nnesterov = true\nmomentum = 0"), expected);
}

#[test]
fn early_stopping_needs_validation_images() {
    let expected = "is measured on held-out images: needs data.validation greater than 0";
    assert_eq!(problem("early_stopping.patience = 3"), format!("line 1: early_stopping.patience = 3: {expected}"));
    assert_eq!(
        problem("early_stopping.target_error = 0.02"),
        format!("line 1: early_stopping.target_error = 0.02: {expected}")
    );
}

#[test]
fn optimizer_key_of_another_kind_is_refused() {
    let refusal = |kind: &str, setting: &str| problem(&format!("[optimizer]\nkind = '{kind}'\n{setting}"));
    assert_eq!(
        refusal("adam", "momentum = 0.9"),
        "line 3: optimizer.momentum = 0.9: belongs to kind = \"sgd\" or kind = \"rmsprop\", not to \"adam\""
    );
    assert!(refusal("adamw", "nesterov = true").ends_with("belongs to kind = \"sgd\", not to \"adamw\""));
    let ending = "belongs to kind = \"adamw\" or kind = \"sgd\", not to \"adam\"";
    assert!(refusal("adam", "weight_decay = 0.1").ends_with(ending));
    let ending = "belongs to kind = \"adam\" or kind = \"adamw\" or kind = \"rmsprop\", not to \"sgd\"";
    assert!(refusal("sgd", "epsilon = 1e-8").ends_with(ending));
    for setting in ["beta_1 = 0.9", "beta_2 = 0.9"] {
        let ending = "belongs to kind = \"adam\" or kind = \"adamw\", not to \"sgd\"";
        assert!(refusal("sgd", setting).ends_with(ending));
    }
}

#[test]
fn schedule_key_of_another_kind_is_refused() {
    let refusal = |kind: &str, setting: &str| problem(&format!("[schedule]\nkind = '{kind}'\n{setting}"));
    assert_eq!(
        refusal("constant", "every = 2"),
        "line 3: schedule.every = 2: belongs to kind = \"step\", not to \"constant\""
    );
    let ending = "belongs to kind = \"step\" or kind = \"exponential\" or kind = \"plateau\", not to \"cosine\"";
    assert!(refusal("cosine", "factor = 0.5").ends_with(ending));
    let ending = "belongs to kind = \"cosine\" or kind = \"one-cycle\", not to \"step\"";
    assert!(refusal("step", "warmup = 0.1").ends_with(ending));
    let file = "[schedule]\nkind = 'step'\nevery = 2";
    assert_eq!(loaded(file, &["schedule.kind=cosine"]).schedule.every, None);
}

#[test]
fn plateau_follows_held_out_images_and_lowers_the_rate() {
    let plateau = |more: &str| format!("[data]\nvalidation = 9\n[schedule]\nkind = 'plateau'\n{more}");
    loaded(&plateau("min_learning_rate = 0.001"), &[]);
    assert_eq!(
        problem(&plateau("min_learning_rate = 0.1")),
        "line 5: schedule.min_learning_rate = 0.1: the rate only falls: must be at most optimizer.learning_rate"
    );
    loaded(&plateau("min_learning_rate = 0.1"), &["schedule.kind=constant"]);
    assert_eq!(
        problem("schedule.kind = 'plateau'"),
        "line 1: schedule.kind = 'plateau': \"plateau\" follows the loss of held-out images: needs data.validation greater \
         than 0"
    );
    let private = problems(&plateau(""), &["privacy.epsilon=3"]);
    assert!(private[1].ends_with("breaks the guarantee of [privacy]: the rate would tell of the images held out"));
    for (setting, words) in [
        ("patience = 0", "must be a whole number from 1 to 100000"),
        ("cooldown = -1", "must be a whole number from 0 to 100000"),
        ("min_delta = -0.1", "must be a number of at least 0"),
        ("min_learning_rate = -0.1", "must be a number of at least 0"),
    ] {
        assert!(problem(&plateau(setting)).ends_with(words), "{setting}");
    }
}

#[test]
fn gradient_is_clipped_in_one_way() {
    loaded("optimizer.clip_value = 1", &[]);
    assert_eq!(
        problem("[optimizer]\nclip_norm = 1\nclip_value = 1"),
        "line 3: optimizer.clip_value = 1: a gradient is clipped by its values or by its norm: \
         remove this key or optimizer.clip_norm"
    );
    loaded("optimizer.global_clip_norm = 1", &[]);
    for other in ["clip_norm = 1", "clip_value = 1"] {
        assert_eq!(
            problem(&format!("[optimizer]\nglobal_clip_norm = 1\n{other}")),
            "line 2: optimizer.global_clip_norm = 1: a gradient is clipped in one way: \
             remove this key, or optimizer.clip_norm and optimizer.clip_value"
        );
    }
}

#[test]
fn gradients_are_not_accumulated_over_batches_of_all_images() {
    let text = |batches| format!("[training]\nbatch_size = 'all'\ngradient_accumulation = {batches}");
    loaded(&text(1), &[]);
    assert_eq!(
        problem(&text(2)),
        "line 3: training.gradient_accumulation = 2: needs a number of images as training.batch_size: \
         \"all\" are one update already"
    );
}

#[test]
fn batch_of_all_images_is_not_for_several_devices() {
    loaded("device = 'flex'\ntraining.batch_size = 'all'", &[]);
    assert_eq!(
        problem("device = ['flex', 'flex']\ntraining.batch_size = 'all'"),
        "line 1: device = ['flex', 'flex']: several devices need a number of images as training.batch_size: \
         \"all\" are one batch, for one device"
    );
}

#[test]
fn workers_that_can_not_exchange_tensors_are_refused() {
    let iroh = format!("remote:{}@b:2", "0f".repeat(32));
    loaded(&format!("device = '{iroh},{iroh}/1'"), &[]);
    let mixed = format!("device = 'remote:ws://a:1,{iroh}'");
    assert!(
        problem(&mixed)
            .contains("or mixes workers over WebSocket, remote:ws://..., with others: these can't exchange tensors"),
        "{}",
        problem(&mixed)
    );
    assert!(problem("device = 'remote:ws://a:70000'").contains("names a worker whose port is greater than 65535"));
}

#[test]
fn cosine_schedule_takes_any_rate() {
    loaded("optimizer.learning_rate = 2\nschedule.kind = 'cosine'", &[]);
}

#[test]
fn reported_key_causes_no_second_problem() {
    assert!(problem("[optimizer]\nkind = 'sdg'\nmomentum = 0.9").ends_with("did you mean \"sgd\"?"));
    assert!(problem("data.validation = -1\nearly_stopping.patience = 3").starts_with("line 1: data.validation"));
    assert_eq!(problems("data.validation = 'x'\nearly_stopping.patience = 0", &[]).len(), 2);
}
