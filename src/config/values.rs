//! Which values each key may hold, whatever the other keys say.

use super::error::Problem;
use super::experiment::Experiment;
use super::setting::Setting;
use super::training::BatchSize;

/// Reports the settings whose values are out of range.
pub fn check(experiment: &Experiment, settings: &[Setting], problems: &mut Vec<Problem>) {
    for setting in settings {
        let rule = rule(&setting.key()).filter(|rule| !(rule.holds)(experiment));
        problems.extend(rule.map(|rule| setting.problem(format!("must be {}", rule.allowed))));
    }
}

/// What `key` may hold, to complete "must be"; `None` for a key that takes one of a few words.
pub fn allowed(key: &str) -> Option<&'static str> {
    rule(key).map(|rule| rule.allowed)
}

fn rule(key: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.key == key)
}

/// What one key may hold.
struct Rule {
    key: &'static str,
    /// Completes "must be".
    allowed: &'static str,
    /// Written so that a NaN fails.
    holds: fn(&Experiment) -> bool,
}

const SHARE: &str = "a number of at least 0 and less than 1";
const POSITIVE: &str = "a number greater than 0";
const PROBABILITY: &str = "a number from 0 to 1";
const FACTOR: &str = "a number greater than 0 and at most 1";
const PIXELS: &str = "a number of pixels from 0 to 1000";
const BOOL: &str = "true or false";
const LAYERS: &str = "a list of layers, such as \"hidden.0\", \"norm.0\" and \"output\"";

/// Every key but those that take one of a few words, which serde checks, has its rule here.
const RULES: &[Rule] = &[
    Rule {
        key: "name",
        allowed: "text: 1 to 100 letters (a to z), digits, \"-\", \"_\" or \".\", not starting with \".\"",
        holds: |it| is_name(&it.name),
    },
    Rule {
        key: "seed",
        allowed: "a whole number from 0 to 9223372036854775807",
        holds: |it| i64::try_from(it.seed).is_ok(),
    },
    Rule {
        key: "device",
        allowed: "\"auto\", \"ndarray\", \"flex\", or \"wgpu\", \"vulkan\", \"metal\", \"cuda\" with or without a number, as in \"wgpu:1\", or the name of a worker's device; or a list of them",
        holds: |it| it.device.are_sound(),
    },
    Rule {
        key: "device",
        allowed: "workers that can exchange tensors: all of them remote:ws://..., or none",
        holds: |it| it.device.are_reached_alike(),
    },
    Rule {
        key: "data.dir",
        allowed: "text: the path of a folder",
        holds: |it| it.data.dir.as_ref().is_none_or(|dir| !dir.as_os_str().is_empty()),
    },
    Rule {
        key: "data.mirrors",
        allowed: "a list of one or more addresses that start with http:// or https://",
        holds: |it| it.data.mirrors.as_ref().is_none_or(|all| !all.is_empty() && all.iter().all(|one| is_address(one))),
    },
    Rule {
        key: "data.classes",
        allowed: "a list of two or more different labels, each a whole number from 0 to 255",
        holds: |it| it.data.classes.is_empty() || it.data.classes.len() >= 2 && are_different(&it.data.classes),
    },
    Rule {
        key: "data.validation",
        allowed: "a whole number from 0 to 1000000000",
        holds: |it| it.data.validation <= 1_000_000_000,
    },
    Rule {
        key: "data.labels",
        allowed: "a whole number from 1 to 1000000000",
        holds: |it| it.data.labels.is_none_or(|labels| (1..=1_000_000_000).contains(&labels)),
    },
    Rule {
        key: "data.loader_threads",
        allowed: "a whole number from 0 to 64",
        holds: |it| it.data.loader_threads <= 64,
    },
    Rule {
        key: "data.augment.rotation",
        allowed: "a number of degrees from 0 to 180",
        holds: |it| it.data.augment.rotation.is_none_or(|angle| (0.0..=180.0).contains(&angle)),
    },
    Rule { key: "data.augment.scale", allowed: SHARE, holds: |it| it.data.augment.scale.is_none_or(is_share) },
    Rule {
        key: "data.augment.shear",
        allowed: "a number of degrees from 0 to 60",
        holds: |it| it.data.augment.shear.is_none_or(|angle| (0.0..=60.0).contains(&angle)),
    },
    Rule {
        key: "data.augment.translation",
        allowed: PIXELS,
        holds: |it| it.data.augment.translation.is_none_or(is_pixels),
    },
    Rule {
        key: "data.augment.elastic_alpha",
        allowed: PIXELS,
        holds: |it| it.data.augment.elastic_alpha.is_none_or(is_pixels),
    },
    Rule {
        key: "data.augment.elastic_sigma",
        allowed: "a number of pixels from 1 to 100",
        holds: |it| it.data.augment.elastic_sigma.is_none_or(|sigma| (1.0..=100.0).contains(&sigma)),
    },
    Rule {
        key: "model.hidden",
        allowed: "a list of at most 64 widths, each a whole number from 1 to 65536",
        holds: |it| it.model.hidden.len() <= 64 && it.model.hidden.iter().all(|width| (1..=65_536).contains(width)),
    },
    Rule { key: "model.dropout", allowed: SHARE, holds: |it| is_share(it.model.dropout) },
    Rule { key: "model.noise", allowed: "a number from 0 to 10", holds: |it| (0.0..=10.0).contains(&it.model.noise) },
    Rule { key: "model.batch_norm", allowed: BOOL, holds: |_| true },
    Rule {
        key: "init.from",
        allowed: "text: the path of a run's folder, or of a file of weights",
        holds: |it| it.init.from.as_ref().is_none_or(|from| !from.as_os_str().is_empty()),
    },
    Rule {
        key: "init.reinitialize",
        allowed: LAYERS,
        holds: |it| it.init.reinitialize.iter().all(|name| is_layer(name)),
    },
    Rule {
        key: "init.rename",
        allowed: "a table of names there and here, as in \"fc1.weight\" = \"hidden.0.weight\" or \"fc1\" = \"hidden.0\"",
        holds: |it| it.init.rename.0.values().all(|name| is_layer_or_tensor(name)),
    },
    Rule { key: "init.freeze", allowed: LAYERS, holds: |it| it.init.freeze.iter().all(|name| is_layer(name)) },
    Rule {
        key: "init.unfreeze_after",
        allowed: "a whole number from 1 to 100000",
        holds: |it| it.init.unfreeze_after.is_none_or(|epochs| (1..=100_000).contains(&epochs)),
    },
    Rule {
        key: "training.epochs",
        allowed: "a whole number from 1 to 100000",
        holds: |it| (1..=100_000).contains(&it.training.epochs),
    },
    Rule {
        key: "training.batch_size",
        allowed: "a whole number from 1 to 1000000000, or \"all\"",
        holds: |it| match it.training.batch_size {
            BatchSize::Images(images) => (1..=1_000_000_000).contains(&images),
            BatchSize::All => true,
        },
    },
    Rule { key: "training.tensorboard", allowed: BOOL, holds: |_| true },
    Rule {
        key: "training.gradient_accumulation",
        allowed: "a whole number from 1 to 1000000000",
        holds: |it| (1..=1_000_000_000).contains(&it.training.gradient_accumulation),
    },
    Rule { key: "training.label_smoothing", allowed: SHARE, holds: |it| is_share(it.training.label_smoothing) },
    Rule {
        key: "training.ema_decay",
        allowed: "a number greater than 0 and less than 1",
        holds: |it| it.training.ema_decay.is_none_or(|decay| decay > 0.0 && decay < 1.0),
    },
    Rule { key: "data.fraction", allowed: FACTOR, holds: |it| is_factor(it.data.fraction) },
    Rule {
        key: "semi_supervised.weight",
        allowed: "a number from 0 to 1000",
        holds: |it| it.semi_supervised.weight.is_none_or(|weight| (0.0..=1000.0).contains(&weight)),
    },
    Rule {
        key: "semi_supervised.threshold",
        allowed: PROBABILITY,
        holds: |it| it.semi_supervised.threshold.is_none_or(is_probability),
    },
    Rule {
        key: "semi_supervised.ratio",
        allowed: "a whole number from 1 to 1000",
        holds: |it| it.semi_supervised.ratio.is_none_or(|ratio| (1..=1000).contains(&ratio)),
    },
    Rule {
        key: "optimizer.learning_rate",
        allowed: "a number greater than 0 and at most 1000",
        holds: |it| it.optimizer.learning_rate > 0.0 && it.optimizer.learning_rate <= 1000.0,
    },
    Rule { key: "optimizer.beta_1", allowed: SHARE, holds: |it| it.optimizer.beta_1.is_none_or(is_share) },
    Rule { key: "optimizer.beta_2", allowed: SHARE, holds: |it| it.optimizer.beta_2.is_none_or(is_share) },
    Rule { key: "optimizer.epsilon", allowed: POSITIVE, holds: |it| it.optimizer.epsilon.is_none_or(is_positive) },
    Rule {
        key: "optimizer.weight_decay",
        allowed: "a number of at least 0",
        holds: |it| it.optimizer.weight_decay.is_none_or(|decay| decay >= 0.0 && decay.is_finite()),
    },
    Rule { key: "optimizer.momentum", allowed: SHARE, holds: |it| it.optimizer.momentum.is_none_or(is_share) },
    Rule { key: "optimizer.nesterov", allowed: BOOL, holds: |_| true },
    Rule { key: "optimizer.clip_norm", allowed: POSITIVE, holds: |it| it.optimizer.clip_norm.is_none_or(is_positive) },
    Rule {
        key: "optimizer.clip_value",
        allowed: POSITIVE,
        holds: |it| it.optimizer.clip_value.is_none_or(is_positive),
    },
    Rule {
        key: "optimizer.layer_factors",
        allowed: "a table of layers, each with a factor greater than 0 and at most 1000, as in \"hidden.0\" = 0.1",
        holds: |it| {
            it.optimizer
                .layer_factors
                .0
                .iter()
                .all(|(name, &factor)| is_layer(name) && factor > 0.0 && factor <= 1000.0)
        },
    },
    Rule {
        key: "schedule.every",
        allowed: "a whole number from 1 to 100000",
        holds: |it| it.schedule.every.is_none_or(|every| (1..=100_000).contains(&every)),
    },
    Rule { key: "schedule.factor", allowed: FACTOR, holds: |it| it.schedule.factor.is_none_or(is_factor) },
    Rule { key: "schedule.warmup", allowed: SHARE, holds: |it| it.schedule.warmup.is_none_or(is_share) },
    Rule {
        key: "early_stopping.target_error",
        allowed: PROBABILITY,
        holds: |it| it.early_stopping.target_error.is_none_or(is_probability),
    },
    Rule {
        key: "early_stopping.patience",
        allowed: "a whole number from 1 to 100000",
        holds: |it| it.early_stopping.patience.is_none_or(|patience| (1..=100_000).contains(&patience)),
    },
];

/// A name that is a folder's name on every system, and no hidden one.
pub fn is_name(name: &str) -> bool {
    let known = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    (1..=100).contains(&name.len()) && !name.starts_with('.') && name.chars().all(known)
}

fn are_different(labels: &[u8]) -> bool {
    labels.iter().enumerate().all(|(index, label)| !labels[..index].contains(label))
}

/// Whether some network has a layer of that name.
fn is_layer(name: &str) -> bool {
    let number = name.strip_prefix("hidden.").or_else(|| name.strip_prefix("norm."));
    // Written as the network writes it: no sign, no zeros before it.
    name == "output" || number.is_some_and(|number| number.parse::<usize>().is_ok_and(|it| it.to_string() == number))
}

/// The same, or of one of its tensors.
fn is_layer_or_tensor(name: &str) -> bool {
    const PARTS: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];
    is_layer(name) || name.rsplit_once('.').is_some_and(|(layer, part)| is_layer(layer) && PARTS.contains(&part))
}

fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}

fn is_share(value: f64) -> bool {
    (0.0..1.0).contains(&value)
}

fn is_probability(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

fn is_pixels(value: f64) -> bool {
    (0.0..=1000.0).contains(&value)
}

fn is_factor(value: f64) -> bool {
    value > 0.0 && value <= 1.0
}

fn is_positive(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}
