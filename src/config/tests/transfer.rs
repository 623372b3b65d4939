//! Keys about weights that come from elsewhere, about single layers, and about single classes.

use super::super::{Activation, Experiment, Pixels, check_resumable};
use super::{loaded, problem, problems};

const START: &str = "[init]\nfrom = 'runs/a'\n";

#[test]
fn layer_tables_are_read_from_sections_inline_tables_and_overrides() {
    let table = |text: &str, overrides: &[&str]| loaded(text, overrides).optimizer.layer_factors;
    let expected = [("hidden.0".to_string(), 0.1), ("output".to_string(), 2.0)].into();
    assert_eq!(table("[optimizer.layer_factors]\n'hidden.0' = 0.1 # small\noutput = 2", &[]), expected);
    assert_eq!(table("[optimizer]\nlayer_factors = { 'hidden.0' = 0.1, output = 2 }", &[]), expected);
    let set = "optimizer.layer_factors={ \"hidden.0\" = 0.1, output = 2 }";
    assert_eq!(table("[optimizer.layer_factors]\noutput = 3", &[set]), expected, "an override wins over the file");
    let names = loaded(&format!("{START}[init.rename]\n\"fc1\" = \"hidden.0\""), &[]).init.rename;
    assert_eq!(names, [("fc1".to_string(), "hidden.0".to_string())].into());
}

#[test]
fn experiment_with_all_of_these_keys_is_read_back_the_same() {
    let text = "[data]\nclasses = [5, 7]\n[model]\nhidden = [9, 8]\nbatch_norm = true\n[init]\nfrom = 'a.pt'\n\
                reinitialize = ['output']\nfreeze = ['hidden.0', 'norm.0']\nunfreeze_after = 2\n\
                rename = { 'fc.1' = 'hidden.1', '\"b\"' = 'output.bias' }\n[optimizer.layer_factors]\n'hidden.1' = 1e-3";
    let experiment = loaded(text, &[]);
    assert_eq!(loaded(&experiment.to_toml(), &[]), experiment);
}

#[test]
fn run_in_init_from_gives_its_network_and_pixels_where_the_config_is_silent() {
    let run = tempfile::tempdir().unwrap();
    let config = "[data]\npixels = 'standardized'\nfraction = 0.5\n[model]\nhidden = [9, 8]\nactivation = 'tanh'\n\
                  dropout = 0.4\nbatch_norm = true\n[training]\nepochs = 77";
    std::fs::write(run.path().join("config.toml"), config).unwrap();
    let from = format!("init.from={}", run.path().display());
    let brought = |experiment: &Experiment| {
        let Experiment { data, model, .. } = experiment;
        (data.pixels, model.hidden.clone(), model.activation, model.batch_norm)
    };
    let of_run = (Pixels::Standardized, vec![9, 8], Activation::Tanh, true);

    let silent = loaded("", &[&from]);
    assert_eq!(brought(&silent), of_run);
    assert_eq!((silent.data.fraction, silent.model.dropout, silent.training.epochs), (1.0, 0.2, 5), "nothing else");
    assert_eq!(brought(&loaded(super::super::BASELINE, &[&from])), of_run, "the reference recipe is nobody's choice");
    let own = loaded("[model]\nhidden = [7]\n[data]\npixels = 'unit'", &[&from, "model.activation=relu"]);
    assert_eq!(brought(&own), (Pixels::Unit, vec![7], Activation::Relu, true));
    std::fs::write(run.path().join("config.toml"), "[model]\nhidden = [1]").unwrap();
    assert_eq!(loaded(&silent.to_toml(), &[]), silent, "what was written down does not follow the other run");
}

#[test]
fn values_of_these_keys_are_checked() {
    let refused = |text: &str, ending: &str| {
        let problem = problem(text);
        assert!(problem.contains(ending), "{problem}");
    };
    for layers in ["['hidden']", "['hidden.']", "['hidden.01']", "['hidden.+1']", "['fc1']", "'hidden.0'", "[1]"] {
        refused(&format!("{START}freeze = {layers}"), "must be a list of layers, such as \"hidden.0\"");
        refused(&format!("{START}reinitialize = {layers}"), "must be a list of layers");
    }
    for table in ["{ 'hidden.0' = 0 }", "{ 'hidden.0' = nan }", "{ 'hidden.0' = 1001 }", "{ 'fc' = 1 }", "{}", "1"] {
        refused(
            &format!("optimizer.layer_factors = {table}"),
            "must be a table of layers, each with a factor greater than 0",
        );
    }
    refused("[optimizer]\nlayer_factors.hidden.0 = 0.1", "as in \"hidden.0\" = 0.1");
    for names in ["{ a = 'fc1' }", "{ a = 'hidden.0.kernel' }", "{ a = 1 }", "{}", "['a']"] {
        refused(&format!("{START}rename = {names}"), "must be a table of names there and here");
    }
    refused(&format!("{START}freeze = ['output']\nunfreeze_after = 0"), "must be a whole number from 1 to 100000");
    refused("init.from = ''", "must be text: the path of a run's folder");
    for classes in ["[1]", "[1, 1]", "[1, 256]", "[-1, 2]", "5"] {
        refused(&format!("data.classes = {classes}"), "must be a list of two or more different labels");
    }
}

#[test]
fn layers_that_the_network_does_not_have_are_refused() {
    let ending = "names a layer that the network does not have: there are hidden.N, from 0, for each width in model.hidden, \
                  norm.N as well with model.batch_norm, and output";
    for text in [
        format!("{START}freeze = ['hidden.1']"),
        format!("{START}reinitialize = ['norm.0']"),
        "optimizer.layer_factors = { 'hidden.7' = 1 }".into(),
    ] {
        assert!(problem(&text).ends_with(ending), "{}", problem(&text));
    }
    loaded("model.batch_norm = true\noptimizer.layer_factors = { 'norm.0' = 1 }", &[]);
}

#[test]
fn frozen_layers_need_init_from_and_leave_something_to_learn() {
    let expected = "is about pretrained weights: needs init.from";
    assert_eq!(problem("init.freeze = ['hidden.0']"), format!("line 1: init.freeze = ['hidden.0']: {expected}"));
    assert!(problem("init.reinitialize = ['output']").ends_with(expected));
    assert!(problem("init.rename = { a = 'output' }").ends_with(expected));
    assert!(problem(&format!("{START}unfreeze_after = 2")).ends_with("needs init.freeze: the layers to unfreeze"));
    assert!(
        problem(&format!("{START}freeze = ['hidden.0', 'output']"))
            .ends_with("leaves nothing to learn: remove a layer")
    );
    let both = problem(&format!("{START}freeze = ['output']\nreinitialize = ['output']"));
    assert!(both.contains("a layer in init.reinitialize would stay random: remove it from one of the two"), "{both}");
}

#[test]
fn low_rank_adaptation_needs_pretrained_layers_that_keep_their_weights() {
    let lora = "lora = { rank = 4, layers = ['hidden.0'] }";
    assert_eq!(loaded(&format!("{START}{lora}"), &[]).init.lora.alpha, Some(8.0));
    let changed = loaded(&format!("{START}{lora}"), &["init.lora.rank=2"]);
    let message = check_resumable(&loaded(&format!("{START}{lora}"), &[]), &changed, 1).unwrap_err().to_string();
    assert!(message.contains("init.lora.rank = 2: can't change within a run"), "{message}");
    let random = format!("[init]\n{lora}");
    for (text, ending) in [
        (&random[..], "is about pretrained weights: needs init.from"),
        ("lora.rank = 4", "needs init.lora.layers, the layers that low-rank matrices adapt"),
        ("lora.layers = ['output']", "is about low-rank adaptation: needs init.lora.rank"),
        ("lora.alpha = 4", "is about low-rank adaptation: needs init.lora.rank"),
        ("lora = { rank = 0, layers = ['output'] }", "must be a whole number from 1 to 65536"),
        ("lora = { rank = 4, layers = ['norm.0'] }", "must be a list of layers, such as \"hidden.0\" and \"output\""),
        ("lora = { rank = 4, layers = ['hidden.1'] }", "for each width in model.hidden, and output"),
        (&format!("freeze = ['hidden.0']\n{lora}"), "keeps its own weights already: remove it from init.freeze"),
        (&format!("reinitialize = ['hidden.0']\n{lora}"), "would stay random: remove it from one of the two"),
        (
            &format!("{lora}\n[training]\ngradients = 'closed-form'"),
            "trains with autodiff: remove this key, or init.lora",
        ),
        (&format!("{lora}\n[privacy]\nepsilon = 3"), "it trains with autodiff, which has no gradient of one image"),
    ] {
        let found = if text == random { problem(text) } else { problem(&format!("{START}{text}")) };
        assert!(found.ends_with(ending), "{found}");
    }
}

#[test]
fn image_folder_needs_a_folder_and_takes_no_classes() {
    loaded("[data]\ndataset = 'image-folder'\ndir = 'x'", &[]);
    assert!(problem("data.dataset = 'image-folder'").ends_with("needs data.dir, the folder of your own images"));
    let found = problems("[data]\ndataset = 'image-folder'\ndir = 'x'\nclasses = [1, 2]\nmirrors = ['http://a']", &[]);
    assert!(
        found[0].ends_with("the sub-folders are the classes: remove this key, and delete the folders you do not want"),
        "{found:?}"
    );
    assert!(found[1].ends_with("your own files are not downloaded: remove this key"), "{found:?}");
}

#[test]
fn resume_refuses_a_change_of_any_of_these_keys() {
    let text = format!("{START}freeze = ['hidden.0']\nunfreeze_after = 2\n[optimizer.layer_factors]\noutput = 2");
    let before = loaded(&text, &[]);
    for set in [
        "init.from=b",
        "init.freeze=[\"output\"]",
        "init.unfreeze_after=3",
        "init.reinitialize=[\"output\"]",
        "init.rename={ a = \"output\" }",
        "optimizer.layer_factors={ output = 3 }",
        "data.classes=[1, 2]",
    ] {
        let message = check_resumable(&before, &loaded(&text, &[set]), 1).unwrap_err().to_string();
        assert!(message.contains("1 problem") && message.contains("can't change within a run"), "{set}: {message}");
    }
}
