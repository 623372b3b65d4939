//! The shipped configs, damaged byte by byte and word by word, and `--set` arguments.

use std::fs;
use std::path::Path;

use mnist_burn::config::{self, BatchSize, Experiment};
use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::mutator::{damage, times};
use super::{Case, alone, each, folder, shown};

/// Memory for reading besides that for the file: the schema's longest pattern, that of `device`, compiled.
const PATTERN: usize = 192 << 10;

/// A parsed file is larger than its text, and several copies exist at a time.
const GROWTH: usize = 60;

/// Values that break types and ranges.
const VALUES: &[&str] = &[
    "0",
    "-1",
    "1e999",
    "-0.0",
    "nan",
    "-nan",
    "inf",
    "-inf",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "99999999999999999999999999",
    "0x7fffffffffffffff",
    "5e-324",
    "0.9999999999999999999",
    "1_000_000_000",
    "1_0__0",
    "\"\"",
    "''",
    "\"all\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\u{1b}[2J\"",
    "\"r\u{e9}sum\u{e9} \u{1f600}\"",
    "\"../../etc\"",
    "[]",
    "[0]",
    "[1, 'a']",
    "[[[[1]]]]",
    "[9223372036854775807]",
    "{}",
    "{ a = { b = { c = 1 } } }",
    "true",
    "1979-05-27T07:32:00Z",
    "\"\"\"\n\n\"\"\"",
];

/// Lines in the wrong place.
const LINES: &[&str] = &[
    "[model]",
    "[[model]]",
    "[model.hidden]",
    "[a.b.c.d.e.f.g]",
    "[\u{1f600}]",
    "[\"\"]",
    "\"\" = 1",
    "model = 1",
    "model.hidden = [2]",
    "optimizer = { kind = 'sgd' }",
    "seed = 1 # \u{202e}",
    "= 1",
    "a.b.c.d.e.f = 1",
    "\u{feff}",
];

#[test]
fn damaged_configs_are_experiments_within_their_ranges_or_refused() {
    check(1_000);
}

#[test]
#[ignore = "50,000 files: a quarter of a minute"]
fn damaged_configs_are_read_or_refused_in_fifty_thousand_cases() {
    check(50_000);
}

#[test]
fn config_of_only_brackets_does_not_exhaust_the_stack() {
    let _alone = alone();
    let folder = folder();
    let path = folder.path().join("try.toml");
    for deep in ["[".repeat(100_000), format!("a = {}", "[".repeat(100_000)), format!("a = {}", "{a=".repeat(100_000))]
    {
        fs::write(&path, deep).unwrap();
        let message = config::load(Some(&path), &[]).unwrap_err().to_string();
        assert!(message.contains(&shown(&path)) && message.len() < 1_000, "{message}");
    }
}

fn check(count: u64) {
    let shipped: Vec<String> = shipped();
    // The schema is made once, by the first config that is read.
    config::load(None, &[]).unwrap();
    let folder = folder();
    let (path, again) = (folder.path().join("try.toml"), folder.path().join("again.toml"));
    each(count, |generator| {
        let mut file = shipped.choose(generator).unwrap().clone().into_bytes();
        if generator.random() {
            file = reworded(&String::from_utf8(file).unwrap(), generator).into_bytes();
        } else {
            let donor = shipped.choose(generator).unwrap();
            damage(&mut file, donor.as_bytes(), generator);
        }
        fs::write(&path, &file).unwrap();
        let overrides: Vec<String> =
            (0..[0, 0, 0, 1, 2][generator.random_range(0..5)]).map(|_| argument(generator)).collect();
        let (path, again) = (path.clone(), again.clone());
        Case {
            justified: PATTERN + GROWTH * (file.len() + overrides.concat().len()),
            paths: vec![shown(&path)],
            read: move || {
                let experiment = config::load(Some(&path), &overrides).map_err(|error| error.to_string())?;
                assert_sound(&experiment);
                fs::write(&again, experiment.to_toml()).unwrap();
                assert_eq!(config::load(Some(&again), &[]).unwrap(), experiment);
                Ok(())
            },
        }
    });
}

fn shipped() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "toml")).collect();
    // Sorted, so that a case does not depend on the order in which the disk lists them.
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The text with one to three lines moved, removed, doubled, inserted, or given another key or value.
fn reworded(text: &str, generator: &mut ChaCha8Rng) -> String {
    let mut lines: Vec<String> = text.lines().filter(|line| !line.starts_with('#')).map(Into::into).collect();
    for _ in 0..times(generator) {
        let at = generator.random_range(0..lines.len());
        let other = lines[generator.random_range(0..lines.len())].clone();
        let (key, value) = lines[at].split_once('=').unwrap_or((&lines[at], ""));
        match generator.random_range(0..8) {
            0 | 1 => lines[at] = format!("{key}= {}", VALUES.choose(generator).unwrap()),
            2 => lines[at] = format!("{}={value}", other.split('=').next().unwrap_or_default()),
            3 => lines[at] = format!("{key}={}", other.split_once('=').unwrap_or_default().1),
            4 => lines.insert(at, other),
            5 => lines.insert(at, (*LINES.choose(generator).unwrap()).into()),
            6 if lines.len() > 1 => drop(lines.remove(at)),
            _ => lines.shuffle(generator),
        }
    }
    lines.join("\n")
}

/// A `--set` argument, valid or not.
fn argument(generator: &mut ChaCha8Rng) -> String {
    let keys = [
        "seed",
        "training.epochs",
        "data.augment",
        "data.augment.shear",
        "model.hidden",
        "model",
        "optimizer.kind",
        "data.dir",
        "",
        ".",
        "a.b.c",
        "\n",
    ];
    format!("{}={}", keys.choose(generator).unwrap(), VALUES.choose(generator).unwrap())
}

/// Checks the ranges in docs/configuration.md and in the documentation of the fields.
fn assert_sound(experiment: &Experiment) {
    let Experiment { name, seed, model, training, optimizer, early_stopping, data, .. } = experiment;
    assert!((1..=100).contains(&name.len()) && !name.starts_with('.') && !name.contains(['/', '\\', ' ']));
    assert!(i64::try_from(*seed).is_ok());
    assert!(model.hidden.len() <= 64 && model.hidden.iter().all(|width| (1..=65_536).contains(width)));
    assert!((0.0..1.0).contains(&model.dropout) && (0.0..=10.0).contains(&model.noise));
    assert!((1..=100_000).contains(&training.epochs));
    assert!(training.batch_size != BatchSize::Images(0));
    assert!(optimizer.learning_rate > 0.0 && optimizer.learning_rate <= 1000.0);
    for decay in [optimizer.beta_1, optimizer.beta_2, optimizer.momentum].into_iter().flatten() {
        assert!((0.0..1.0).contains(&decay));
    }
    let augment = &data.augment;
    assert!(augment.scale.is_none_or(|scale| (0.0..1.0).contains(&scale)));
    assert!(augment.rotation.is_none_or(|degrees| (0.0..=180.0).contains(&degrees)));
    assert!(augment.shear.is_none_or(|degrees| (0.0..=60.0).contains(&degrees)));
    assert!(
        [augment.translation, augment.elastic_alpha].into_iter().flatten().all(|most| (0.0..=1000.0).contains(&most))
    );
    assert!(augment.elastic_sigma.is_none_or(|sigma| (1.0..=100.0).contains(&sigma)));
    assert!(augment.stroke_width.is_none_or(|width| (0.0..=10.0).contains(&width)));
    assert!(augment.blur.is_none_or(|blur| (0.0..=1.0).contains(&blur)));
    assert!(augment.contrast.is_none_or(|contrast| (0.0..1.0).contains(&contrast)));
    assert_eq!(augment.elastic_sigma.is_some(), augment.elastic_alpha.is_some());
    assert!(optimizer.epsilon.is_none_or(|epsilon| epsilon > 0.0 && epsilon.is_finite()));
    assert!(optimizer.weight_decay.is_none_or(|decay| decay >= 0.0 && decay.is_finite()));
    assert!(early_stopping.target_error.is_none_or(|error| (0.0..=1.0).contains(&error)));
    assert!(early_stopping.patience.is_none_or(|patience| (1..=100_000).contains(&patience)));
    assert!((early_stopping.target_error.is_none() && early_stopping.patience.is_none()) || data.validation > 0);
}
