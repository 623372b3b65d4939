//! Checks the keys that depend on each other.

use super::data::{Dataset, Pixels};
use super::error::Problem;
use super::experiment::Experiment;
use super::optimizer::OptimizerKind;
use super::schema;
use super::setting::Setting;
use super::toml_text::dotted;
use super::training::{BatchSize, Gradients};

/// A conflict between keys whose values are valid one by one: whether it happens, the key that is reported with the others
/// that it conflicts with, and the reason.
type Conflict = (bool, &'static [&'static str], &'static str);

const NO_BUDGET: &str = "is about private training: needs privacy.epsilon or privacy.noise_multiplier";
const NO_LAYER: &str = "names a layer that the network does not have: there are hidden.N, from 0, for each width in \
                        model.hidden, norm.N as well with model.batch_norm, and output";
const NO_VALIDATION: &str = "is measured on held-out images: needs data.validation greater than 0";
const NO_WEIGHT: &str = "is about semi-supervised learning: needs semi_supervised.weight";
const NOT_ALONE: &str = "the labels of all images decide which ones train";
const NOTHING_COMES: &str = "is about pretrained weights: needs init.from";
const ONE_BATCH: &str = "the noise is for the gradients of one batch, which can be larger";

fn conflicts(experiment: &Experiment) -> Vec<Conflict> {
    let Experiment { device, data, model, init, training, semi_supervised, privacy, optimizer, .. } = experiment;
    // The user's own images, not a published data set.
    let is_own = matches!(data.dataset, Dataset::Idx | Dataset::ImageFolder);
    let (has_weight, has_momentum) = (semi_supervised.weight.is_some(), optimizer.momentum.is_some_and(|it| it > 0.0));
    let (has_unlabelled, one_image) =
        (semi_supervised.weight.is_some_and(|it| it > 0.0), training.batch_size == BatchSize::Images(1));
    let (layers, factors) = (model.layers(), &optimizer.layer_factors);
    let has = |layer: &String| layers.contains(layer);
    vec![
        (is_own && data.dir.is_none(), &["data.dataset", "data.dir"], "needs data.dir, the folder of your own images"),
        (is_own, &["data.mirrors", "data.dataset"], "your own files are not downloaded: remove this key"),
        (
            data.dataset == Dataset::ImageFolder,
            &["data.classes", "data.dataset"],
            "the sub-folders are the classes: remove this key, and delete the folders you do not want",
        ),
        (
            data.transpose && data.dataset != Dataset::Idx,
            &["data.transpose", "data.dataset"],
            "is about your own IDX files: needs data.dataset = \"idx\"",
        ),
        (init.from.is_none(), &["init.reinitialize", "init.from"], NOTHING_COMES),
        (init.from.is_none(), &["init.rename", "init.from"], NOTHING_COMES),
        (init.from.is_none(), &["init.freeze", "init.from"], NOTHING_COMES),
        (!init.reinitialize.iter().all(has), &["init.reinitialize", "model.hidden", "model.batch_norm"], NO_LAYER),
        (!init.freeze.iter().all(has), &["init.freeze", "model.hidden", "model.batch_norm"], NO_LAYER),
        (
            init.freeze.iter().any(|layer| init.reinitialize.contains(layer)),
            &["init.freeze", "init.reinitialize"],
            "a layer in init.reinitialize would stay random: remove it from one of the two",
        ),
        (
            layers.iter().all(|layer| init.freeze.contains(layer)),
            &["init.freeze", "model.hidden", "model.batch_norm"],
            "leaves nothing to learn: remove a layer",
        ),
        (init.freeze.is_empty(), &["init.unfreeze_after", "init.freeze"], "needs init.freeze: the layers to unfreeze"),
        (!factors.keys().all(has), &["optimizer.layer_factors", "model.hidden", "model.batch_norm"], NO_LAYER),
        (
            data.augment.elastic_alpha.is_none(),
            &["data.augment.elastic_sigma", "data.augment.elastic_alpha"],
            "needs data.augment.elastic_alpha, the strength of the deformation",
        ),
        (!model.batch_norm, &["model.batch_norm_momentum", "model.batch_norm"], "needs model.batch_norm = true"),
        (
            model.batch_norm && one_image && !has_unlabelled,
            &["model.batch_norm", "training.batch_size", "semi_supervised.weight"],
            "learns nothing from a batch of one image: needs training.batch_size greater than 1",
        ),
        (
            data.labels.is_none(),
            &["semi_supervised.weight", "data.labels"],
            "trains on images without labels: needs data.labels, the number of images that keep theirs",
        ),
        (
            training.ema_decay.is_none(),
            &["semi_supervised.weight", "training.ema_decay"],
            "needs training.ema_decay: the moving average of the weights is the teacher",
        ),
        (!has_weight, &["semi_supervised.threshold", "semi_supervised.weight"], NO_WEIGHT),
        (!has_weight, &["semi_supervised.ratio", "semi_supervised.weight"], NO_WEIGHT),
        (
            optimizer.kind == OptimizerKind::Sgd && optimizer.nesterov == Some(true) && !has_momentum,
            &["optimizer.nesterov", "optimizer.momentum", "optimizer.kind"],
            "needs optimizer.momentum greater than 0",
        ),
        (
            optimizer.clip_norm.is_some(),
            &["optimizer.clip_value", "optimizer.clip_norm"],
            "a gradient is clipped by its values or by its norm: remove this key or optimizer.clip_norm",
        ),
        (
            training.gradient_accumulation > 1 && training.batch_size == BatchSize::All,
            &["training.gradient_accumulation", "training.batch_size"],
            "needs a number of images as training.batch_size: \"all\" are one update already",
        ),
        (!device.are_sound(), &["device"], "names a worker whose port is greater than 65535"),
        (
            !device.are_reached_alike(),
            &["device"],
            "workers can't exchange tensors unless all of them, or none, are reached over WebSocket, remote:ws://...",
        ),
        (
            device.count() > 1 && training.batch_size == BatchSize::All,
            &["device", "training.batch_size"],
            "several devices need a number of images as training.batch_size: \"all\" are one batch, for one device",
        ),
        (data.validation == 0, &["early_stopping.target_error", "data.validation"], NO_VALIDATION),
        (data.validation == 0, &["early_stopping.patience", "data.validation"], NO_VALIDATION),
        (
            privacy.epsilon.is_some(),
            &["privacy.noise_multiplier", "privacy.epsilon"],
            "the budget and the noise determine each other: remove this key or privacy.epsilon",
        ),
        (!privacy.is_on(), &["privacy.delta"], NO_BUDGET),
        (!privacy.is_on(), &["privacy.clip"], NO_BUDGET),
    ]
}

/// Why a key breaks the guarantee of `[privacy]`, if it does.
fn breach(key: &str, it: &Experiment) -> Option<&'static str> {
    let (breaks, why) = match key {
        "model.batch_norm" => (it.model.batch_norm, "each image changes the outputs of all others in its batch"),
        "semi_supervised.weight" => (true, "only the gradients of labelled images are clipped"),
        "data.labels" => (true, NOT_ALONE),
        "data.fraction" => (it.data.fraction < 1.0, NOT_ALONE),
        "data.validation" => (it.data.validation > 0, "the choice of an epoch would tell of the images held out"),
        "data.pixels" => (it.data.pixels == Pixels::Standardized, "mean and deviation tell of the images"),
        "training.gradients" => (it.training.gradients == Gradients::Autodiff, "autodiff has no gradient of one image"),
        "training.gradient_accumulation" => (it.training.gradient_accumulation > 1, ONE_BATCH),
        "device" => (it.device.count() > 1, ONE_BATCH),
        _ => return None,
    };
    (breaks && it.privacy.is_on()).then_some(why)
}

/// Reports the settings that conflict with others. If one of the conflicting settings has been reported already, nothing
/// is added: its right value is unknown.
pub fn check(experiment: &Experiment, settings: &[Setting], problems: &mut Vec<Problem>) {
    let reported: Vec<_> = problems.iter().map(|problem| problem.key.clone()).collect();
    let is_sound = |keys: &[&str]| !keys.iter().any(|key| reported.iter().any(|reported| reported == key));
    let conflicts = conflicts(experiment);
    for setting in settings {
        let key = setting.key();
        let found = conflicts.iter().filter(|(happens, keys, _)| *happens && keys[0] == key && is_sound(keys));
        problems.extend(found.map(|(.., message)| setting.problem(*message)));
        let breach = breach(&key, experiment);
        problems.extend(breach.map(|why| setting.problem(format!("breaks the guarantee of [privacy]: {why}"))));
        if is_sound(&[&dotted(setting.section.as_deref(), "kind")]) {
            problems.extend(foreign_key(experiment, setting, settings));
        }
    }
}

/// A key that belongs to another kind than that of its section. But `--set optimizer.kind=sgd` is valid for a file written
/// for Adam: [`Experiment::resolved`] then clears the file's Adam keys.
fn foreign_key(experiment: &Experiment, setting: &Setting, settings: &[Setting]) -> Option<Problem> {
    let using = schema::kinds(setting.section.as_deref(), &setting.name);
    let chosen = match setting.section.as_deref() {
        Some("optimizer") => experiment.optimizer.kind.to_string(),
        _ => experiment.schedule.kind.to_string(),
    };
    let is_override = |it: &Setting| it.section == setting.section && it.name == "kind" && it.line.is_none();
    let is_overruled = setting.line.is_some() && settings.iter().any(is_override);
    if using.is_empty() || using.contains(&chosen) || is_overruled {
        return None;
    }
    let using: Vec<_> = using.iter().map(|kind| format!("kind = \"{kind}\"")).collect();
    Some(setting.problem(format!("belongs to {}, not to \"{chosen}\"", using.join(" or "))))
}
