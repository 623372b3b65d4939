//! Checks the keys that depend on each other.

use super::error::Problem;
use super::experiment::{Dataset, Experiment, Pixels};
use super::optimizer::OptimizerKind;
use super::schema;
use super::setting::Setting;
use super::training::{BatchSize, Gradients};

/// A conflict between keys whose values are valid one by one.
struct Conflict {
    /// The key that is reported, then the others that it conflicts with.
    keys: &'static [&'static str],
    message: &'static str,
    happens: fn(&Experiment) -> bool,
}

const CONFLICTS: &[Conflict] = &[
    Conflict {
        keys: &["data.dataset", "data.dir"],
        message: "needs data.dir, the folder of your own images",
        happens: |it| is_own(it.data.dataset) && it.data.dir.is_none(),
    },
    Conflict {
        keys: &["data.mirrors", "data.dataset"],
        message: "your own files are not downloaded: remove this key",
        happens: |it| is_own(it.data.dataset),
    },
    Conflict {
        keys: &["data.classes", "data.dataset"],
        message: "the sub-folders are the classes: remove this key, and delete the folders you do not want",
        happens: |it| it.data.dataset == Dataset::ImageFolder,
    },
    Conflict {
        keys: &["data.transpose", "data.dataset"],
        message: "is about your own IDX files: needs data.dataset = \"idx\"",
        happens: |it| it.data.transpose && it.data.dataset != Dataset::Idx,
    },
    Conflict {
        keys: &["init.reinitialize", "init.from"],
        message: NOTHING_COMES,
        happens: |it| it.init.from.is_none(),
    },
    Conflict { keys: &["init.rename", "init.from"], message: NOTHING_COMES, happens: |it| it.init.from.is_none() },
    Conflict { keys: &["init.freeze", "init.from"], message: NOTHING_COMES, happens: |it| it.init.from.is_none() },
    Conflict {
        keys: &["init.reinitialize", "model.hidden", "model.batch_norm"],
        message: NO_LAYER,
        happens: |it| !has_layers(it, &it.init.reinitialize),
    },
    Conflict {
        keys: &["init.freeze", "model.hidden", "model.batch_norm"],
        message: NO_LAYER,
        happens: |it| !has_layers(it, &it.init.freeze),
    },
    Conflict {
        keys: &["init.freeze", "init.reinitialize"],
        message: "a layer in init.reinitialize would stay random: remove it from one of the two",
        happens: |it| it.init.freeze.iter().any(|layer| it.init.reinitialize.contains(layer)),
    },
    Conflict {
        keys: &["init.freeze", "model.hidden", "model.batch_norm"],
        message: "leaves nothing to learn: remove a layer",
        happens: |it| it.model.layers().iter().all(|layer| it.init.freeze.contains(layer)),
    },
    Conflict {
        keys: &["init.unfreeze_after", "init.freeze"],
        message: "needs init.freeze: the layers to unfreeze",
        happens: |it| it.init.freeze.is_empty(),
    },
    Conflict {
        keys: &["optimizer.layer_factors", "model.hidden", "model.batch_norm"],
        message: NO_LAYER,
        happens: |it| !has_layers(it, it.optimizer.layer_factors.keys()),
    },
    Conflict {
        keys: &["data.augment.elastic_sigma", "data.augment.elastic_alpha"],
        message: "needs data.augment.elastic_alpha, the strength of the deformation",
        happens: |it| it.data.augment.elastic_alpha.is_none(),
    },
    Conflict {
        keys: &["model.batch_norm_momentum", "model.batch_norm"],
        message: "needs model.batch_norm = true",
        happens: |it| !it.model.batch_norm,
    },
    Conflict {
        keys: &["model.batch_norm", "training.batch_size", "semi_supervised.weight"],
        message: "learns nothing from a batch of one image: needs training.batch_size greater than 1",
        happens: |it| {
            let has_unlabelled = it.semi_supervised.weight.is_some_and(|weight| weight > 0.0);
            it.model.batch_norm && it.training.batch_size == BatchSize::Images(1) && !has_unlabelled
        },
    },
    Conflict {
        keys: &["semi_supervised.weight", "data.labels"],
        message: "trains on images without labels: needs data.labels, the number of images that keep theirs",
        happens: |it| it.data.labels.is_none(),
    },
    Conflict {
        keys: &["semi_supervised.weight", "training.ema_decay"],
        message: "needs training.ema_decay: the moving average of the weights is the teacher",
        happens: |it| it.training.ema_decay.is_none(),
    },
    Conflict {
        keys: &["semi_supervised.threshold", "semi_supervised.weight"],
        message: NO_WEIGHT,
        happens: has_no_weight,
    },
    Conflict { keys: &["semi_supervised.ratio", "semi_supervised.weight"], message: NO_WEIGHT, happens: has_no_weight },
    Conflict {
        keys: &["optimizer.nesterov", "optimizer.momentum", "optimizer.kind"],
        message: "needs optimizer.momentum greater than 0",
        happens: |it| {
            let momentum = it.optimizer.momentum.unwrap_or_default();
            it.optimizer.kind == OptimizerKind::Sgd && it.optimizer.nesterov == Some(true) && momentum == 0.0
        },
    },
    Conflict {
        keys: &["optimizer.clip_value", "optimizer.clip_norm"],
        message: "a gradient is clipped by its values or by its norm: remove this key or optimizer.clip_norm",
        happens: |it| it.optimizer.clip_value.is_some() && it.optimizer.clip_norm.is_some(),
    },
    Conflict {
        keys: &["training.gradient_accumulation", "training.batch_size"],
        message: "needs a number of images as training.batch_size: \"all\" are one update already",
        happens: |it| it.training.gradient_accumulation > 1 && it.training.batch_size == BatchSize::All,
    },
    Conflict {
        keys: &["device"],
        message: "names a worker whose port is greater than 65535",
        happens: |it| !it.device.are_sound(),
    },
    Conflict {
        keys: &["device"],
        message: "workers can't exchange tensors unless all of them, or none, are reached over WebSocket, remote:ws://...",
        happens: |it| !it.device.are_reached_alike(),
    },
    Conflict {
        keys: &["device", "training.batch_size"],
        message: "several devices need a number of images as training.batch_size: \"all\" are one batch, for one device",
        happens: |it| it.device.count() > 1 && it.training.batch_size == BatchSize::All,
    },
    Conflict {
        keys: &["early_stopping.target_error", "data.validation"],
        message: NO_VALIDATION,
        happens: |it| it.data.validation == 0,
    },
    Conflict {
        keys: &["early_stopping.patience", "data.validation"],
        message: NO_VALIDATION,
        happens: |it| it.data.validation == 0,
    },
    Conflict {
        keys: &["privacy.noise_multiplier", "privacy.epsilon"],
        message: "the budget and the noise determine each other: remove this key or privacy.epsilon",
        happens: |it| it.privacy.epsilon.is_some(),
    },
    Conflict { keys: &["privacy.delta"], message: NO_BUDGET, happens: |it| !it.privacy.is_on() },
    Conflict { keys: &["privacy.clip"], message: NO_BUDGET, happens: |it| !it.privacy.is_on() },
];

/// A key that breaks the guarantee of `[privacy]`, when it does so, and the reason.
type Breach = (&'static str, fn(&Experiment) -> bool, &'static str);

const NOT_PRIVATE: &[Breach] = &[
    ("model.batch_norm", |it| it.model.batch_norm, "each image changes the outputs of all others in its batch"),
    ("semi_supervised.weight", |_| true, "only the gradients of labelled images are clipped"),
    ("data.labels", |_| true, NOT_ALONE),
    ("data.fraction", |it| it.data.fraction < 1.0, NOT_ALONE),
    ("data.validation", |it| it.data.validation > 0, "the choice of an epoch would tell of the images held out"),
    ("data.pixels", |it| it.data.pixels == Pixels::Standardized, "mean and deviation tell of the images"),
    ("training.gradients", |it| it.training.gradients == Gradients::Autodiff, "autodiff has no gradient of one image"),
    ("training.gradient_accumulation", |it| it.training.gradient_accumulation > 1, ONE_BATCH),
    ("device", |it| it.device.count() > 1, ONE_BATCH),
];
const NO_BUDGET: &str = "is about private training: needs privacy.epsilon or privacy.noise_multiplier";
const NOT_ALONE: &str = "the labels of all images decide which ones train";
const ONE_BATCH: &str = "the noise is for the gradients of one batch, which can be larger";
const NO_WEIGHT: &str = "is about semi-supervised learning: needs semi_supervised.weight";
const NOTHING_COMES: &str = "is about pretrained weights: needs init.from";
const NO_LAYER: &str = "names a layer that the network does not have: there are hidden.N, from 0, for each width in \
                        model.hidden, norm.N as well with model.batch_norm, and output";
const NO_VALIDATION: &str = "is measured on held-out images: needs data.validation greater than 0";

fn has_no_weight(experiment: &Experiment) -> bool {
    experiment.semi_supervised.weight.is_none()
}

fn has_layers<'a>(experiment: &Experiment, names: impl IntoIterator<Item = &'a String>) -> bool {
    let layers = experiment.model.layers();
    names.into_iter().all(|name| layers.contains(name))
}

/// Whether the images are the user's own, not a published data set.
fn is_own(dataset: Dataset) -> bool {
    matches!(dataset, Dataset::Idx | Dataset::ImageFolder)
}

/// A section whose `kind` decides which of its other keys are used.
struct Kinds {
    section: &'static str,
    /// The key of the kind.
    key: &'static str,
    /// The kind's name.
    chosen: fn(&Experiment) -> String,
}

const KINDS: &[Kinds] = &[
    Kinds { section: "optimizer", key: "optimizer.kind", chosen: |it| it.optimizer.kind.to_string() },
    Kinds { section: "schedule", key: "schedule.kind", chosen: |it| it.schedule.kind.to_string() },
];

/// Reports the settings that conflict with others. If one of the conflicting settings has been reported already, nothing
/// is added: its right value is unknown.
pub fn check(experiment: &Experiment, settings: &[Setting], problems: &mut Vec<Problem>) {
    let reported: Vec<_> = problems.iter().map(|problem| problem.key.clone()).collect();
    let is_sound = |keys: &[&str]| !keys.iter().any(|key| reported.iter().any(|reported| reported == key));
    for setting in settings {
        let key = setting.key();
        let conflicts = CONFLICTS.iter().filter(|conflict| conflict.keys[0] == key && is_sound(conflict.keys));
        let conflicts = conflicts.filter(|conflict| (conflict.happens)(experiment));
        problems.extend(conflicts.map(|conflict| setting.problem(conflict.message)));
        let broken =
            NOT_PRIVATE.iter().filter(|(name, breaks, _)| *name == key && is_sound(&[name]) && breaks(experiment));
        let broken = broken.filter(|_| experiment.privacy.is_on());
        problems.extend(broken.map(|(.., why)| setting.problem(format!("breaks the guarantee of [privacy]: {why}"))));
        let kinds = KINDS.iter().filter(|kinds| setting.section.as_deref() == Some(kinds.section));
        let kinds = kinds.filter(|kinds| is_sound(&[&key, kinds.key]));
        problems.extend(kinds.filter_map(|kinds| foreign_key(kinds, experiment, setting, settings)));
    }
}

/// A key that belongs to another kind.
///
/// `--set optimizer.kind=sgd` is valid for a file written for Adam. [`Experiment::resolved`] then clears the file's Adam
/// keys.
fn foreign_key(kinds: &Kinds, experiment: &Experiment, setting: &Setting, settings: &[Setting]) -> Option<Problem> {
    let (chosen, using) = ((kinds.chosen)(experiment), schema::kinds(Some(kinds.section), &setting.name));
    let kind_is_override = settings.iter().any(|other| other.key() == kinds.key && other.line.is_none());
    let is_overruled = setting.line.is_some() && kind_is_override;
    if using.is_empty() || using.contains(&chosen) || is_overruled {
        return None;
    }
    let using: Vec<_> = using.iter().map(|kind| format!("kind = \"{kind}\"")).collect();
    Some(setting.problem(format!("belongs to {}, not to \"{chosen}\"", using.join(" or "))))
}
