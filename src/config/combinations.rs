//! Checks the keys that depend on each other.

use super::data::{Dataset, Pixels};
use super::error::Problem;
use super::experiment::Experiment;
use super::optimizer::{OptimizerKind, ScheduleKind};
use super::schema;
use super::setting::{Setting, dotted};
use super::training::{BatchSize, ClassWeights, Gradients};

const COUNTS: &str = "the numbers of images of the classes tell of the images; use a list of weights";
const NO_BUDGET: &str = "is about private training: needs privacy.epsilon or privacy.noise_multiplier";
const NO_LAYER: &str = "names a layer that the network does not have: there are hidden.N, from 0, for each width in \
                        model.hidden, norm.N as well with model.batch_norm, and output";
const NO_TEACHER: &str = "is about learning from a trained network: needs distillation.teacher";
const NO_VALIDATION: &str = "is measured on held-out images: needs data.validation greater than 0";
const NO_WEIGHT: &str = "is about semi-supervised learning: needs semi_supervised.weight";
const NOT_ALONE: &str = "the labels of all images decide which ones train";
const NOTHING_COMES: &str = "is about pretrained weights: needs init.from";
const ONE_BATCH: &str = "the noise is for the gradients of one batch, which can be larger";

/// The reasons of conflicts between keys that `when` selects, given whether one exists and its keys, the reported one first.
fn conflicts(experiment: &Experiment, when: impl Fn(bool, &[&str]) -> bool) -> impl Iterator<Item = &'static str> {
    let Experiment { device, data, model, init, training, semi_supervised, distillation, privacy, .. } = experiment;
    let Experiment { optimizer, schedule, .. } = experiment;
    // The user's own images, not a published data set.
    let is_own = matches!(data.dataset, Dataset::Idx | Dataset::ImageFolder);
    let has_weight = semi_supervised.weight.is_some();
    let (one_image, all_images) = (BatchSize::Images(1) == training.batch_size, BatchSize::All == training.batch_size);
    let learns_nothing = model.batch_norm && one_image && semi_supervised.weight.is_none_or(|it| it == 0.0);
    let is_nesterov = optimizer.kind == OptimizerKind::Sgd && optimizer.nesterov == Some(true);
    let lacks_momentum = is_nesterov && optimizer.momentum.is_none_or(|it| it == 0.0);
    let accumulates = training.gradient_accumulation > 1;
    let is_plateau = schedule.kind == ScheduleKind::Plateau;
    let is_above = schedule.min_learning_rate.is_some_and(|lowest| lowest > optimizer.learning_rate);
    let layers = model.layers();
    let (has, is_frozen) = (|it: &String| layers.contains(it), |it: &String| init.freeze.contains(it));
    let layer_factors = &optimizer.layer_factors;
    [
        when(is_own && data.dir.is_none(), &["data.dataset", "data.dir"])
            .then_some("needs data.dir, the folder of your own images"),
        when(is_own, &["data.mirrors", "data.dataset"]).then_some("your own files are not downloaded: remove this key"),
        when(data.dataset == Dataset::ImageFolder, &["data.classes", "data.dataset"])
            .then_some("the sub-folders are the classes: remove this key, and delete the folders you do not want"),
        when(data.transpose && data.dataset != Dataset::Idx, &["data.transpose", "data.dataset"])
            .then_some("is about your own IDX files: needs data.dataset = \"idx\""),
        when(init.from.is_none(), &["init.reinitialize", "init.from"]).then_some(NOTHING_COMES),
        when(init.from.is_none(), &["init.rename", "init.from"]).then_some(NOTHING_COMES),
        when(init.from.is_none(), &["init.freeze", "init.from"]).then_some(NOTHING_COMES),
        when(!init.reinitialize.iter().all(has), &["init.reinitialize", "model.hidden", "model.batch_norm"])
            .then_some(NO_LAYER),
        when(!init.freeze.iter().all(has), &["init.freeze", "model.hidden", "model.batch_norm"]).then_some(NO_LAYER),
        when(init.reinitialize.iter().any(is_frozen), &["init.freeze", "init.reinitialize"])
            .then_some("a layer in init.reinitialize would stay random: remove it from one of the two"),
        when(layers.iter().all(is_frozen), &["init.freeze", "model.hidden", "model.batch_norm"])
            .then_some("leaves nothing to learn: remove a layer"),
        when(init.freeze.is_empty(), &["init.unfreeze_after", "init.freeze"])
            .then_some("needs init.freeze: the layers to unfreeze"),
        when(!layer_factors.keys().all(has), &["optimizer.layer_factors", "model.hidden", "model.batch_norm"])
            .then_some(NO_LAYER),
        when(data.augment.elastic_alpha.is_none(), &["data.augment.elastic_sigma", "data.augment.elastic_alpha"])
            .then_some("needs data.augment.elastic_alpha, the strength of the deformation"),
        when(!model.batch_norm, &["model.batch_norm_momentum", "model.batch_norm"])
            .then_some("needs model.batch_norm = true"),
        when(learns_nothing, &["model.batch_norm", "training.batch_size", "semi_supervised.weight"])
            .then_some("learns nothing from a batch of one image: needs training.batch_size greater than 1"),
        when(data.labels.is_none(), &["semi_supervised.weight", "data.labels"])
            .then_some("trains on images without labels: needs data.labels, the number of images that keep theirs"),
        when(training.ema_decay.is_none(), &["semi_supervised.weight", "training.ema_decay"])
            .then_some("needs training.ema_decay: the moving average of the weights is the teacher"),
        when(!has_weight, &["semi_supervised.threshold", "semi_supervised.weight"]).then_some(NO_WEIGHT),
        when(!has_weight, &["semi_supervised.ratio", "semi_supervised.weight"]).then_some(NO_WEIGHT),
        when(distillation.teacher.is_none(), &["distillation.temperature"]).then_some(NO_TEACHER),
        when(distillation.teacher.is_none(), &["distillation.weight"]).then_some(NO_TEACHER),
        when(lacks_momentum, &["optimizer.nesterov", "optimizer.momentum", "optimizer.kind"])
            .then_some("needs optimizer.momentum greater than 0"),
        when(optimizer.clip_norm.is_some(), &["optimizer.clip_value", "optimizer.clip_norm"])
            .then_some("a gradient is clipped by its values or by its norm: remove this key or optimizer.clip_norm"),
        when(optimizer.clip_norm.or(optimizer.clip_value).is_some(), &["optimizer.global_clip_norm"]).then_some(
            "a gradient is clipped in one way: remove this key, or optimizer.clip_norm and optimizer.clip_value",
        ),
        when(accumulates && all_images, &["training.gradient_accumulation", "training.batch_size"])
            .then_some("needs a number of images as training.batch_size: \"all\" are one update already"),
        when(!device.are_sound(), &["device"]).then_some("names a worker whose port is greater than 65535"),
        when(!device.are_reached_alike(), &["device"]).then_some(
            "workers can't exchange tensors unless all of them, or none, are reached over WebSocket, remote:ws://...",
        ),
        when(device.count() > 1 && all_images, &["device", "training.batch_size"]).then_some(
            "several devices need a number of images as training.batch_size: \"all\" are one batch, for one device",
        ),
        when(data.validation == 0, &["early_stopping.target_error", "data.validation"]).then_some(NO_VALIDATION),
        when(data.validation == 0, &["early_stopping.patience", "data.validation"]).then_some(NO_VALIDATION),
        when(is_plateau && data.validation == 0, &["schedule.kind", "data.validation"])
            .then_some("\"plateau\" follows the loss of held-out images: needs data.validation greater than 0"),
        when(is_plateau && is_above, &["schedule.min_learning_rate", "optimizer.learning_rate"])
            .then_some("the rate only falls: must be at most optimizer.learning_rate"),
        when(privacy.epsilon.is_some(), &["privacy.noise_multiplier", "privacy.epsilon"])
            .then_some("the budget and the noise determine each other: remove this key or privacy.epsilon"),
        when(!privacy.is_on(), &["privacy.delta"]).then_some(NO_BUDGET),
        when(!privacy.is_on(), &["privacy.clip"]).then_some(NO_BUDGET),
        when(!privacy.is_on(), &["privacy.low_pass"]).then_some(NO_BUDGET),
    ]
    .into_iter()
    .flatten()
}

/// Why a key breaks the guarantee of `[privacy]`, if it does.
fn breach(key: &str, it: &Experiment) -> Option<&'static str> {
    let (breaks, why) = match key {
        "model.batch_norm" => (it.model.batch_norm, "each image changes the outputs of all others in its batch"),
        "semi_supervised.weight" => (true, "only the gradients of labelled images are clipped"),
        "distillation.teacher" => (true, "the teacher's answers tell of the images that it was trained on"),
        "data.labels" => (true, NOT_ALONE),
        "data.fraction" => (it.data.fraction < 1.0, NOT_ALONE),
        "data.validation" => (it.data.validation > 0, "the choice of an epoch would tell of the images held out"),
        "data.pixels" => (it.data.pixels == Pixels::Standardized, "mean and deviation tell of the images"),
        "schedule.kind" => (it.schedule.kind == ScheduleKind::Plateau, "the rate would tell of the images held out"),
        "training.class_weights" => (it.training.class_weights == Some(ClassWeights::Balanced), COUNTS),
        "training.gradients" => (it.training.gradients == Gradients::Autodiff, "autodiff has no gradient of one image"),
        "training.gradient_accumulation" => (it.training.gradient_accumulation > 1, ONE_BATCH),
        "device" => (it.device.count() > 1, ONE_BATCH),
        _ => return None,
    };
    (breaks && it.privacy.is_on()).then_some(why)
}

/// Reports the settings that conflict with others, but not with a `refused` key, whose right value is unknown.
pub fn check(experiment: &Experiment, settings: &[Setting], refused: &[String], problems: &mut Vec<Problem>) {
    let is_sound = |keys: &[&str]| !keys.iter().any(|key| refused.iter().any(|refused| refused == key));
    for setting in settings {
        let key = setting.key();
        let found = conflicts(experiment, |happens, keys| happens && keys[0] == key && is_sound(keys));
        problems.extend(found.map(|reason| setting.problem(reason)));
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
    let key = schema::find(setting.section.as_deref(), &setting.name)?;
    let chosen = match setting.section.as_deref() {
        Some("optimizer") => schema::word(experiment.optimizer.kind),
        _ => schema::word(experiment.schedule.kind),
    };
    let is_override = |it: &Setting| it.section == setting.section && it.name == "kind" && it.line.is_none();
    let is_overruled = setting.line.is_some() && settings.iter().any(is_override);
    if key.is_of(&chosen) || is_overruled {
        return None;
    }
    let kinds: Vec<_> = key.kinds.iter().map(|kind| format!("kind = \"{kind}\"")).collect();
    Some(setting.problem(format!("belongs to {}, not to \"{chosen}\"", kinds.join(" or "))))
}
