//! Checks the keys that depend on each other.

use std::{collections::BTreeMap, sync::LazyLock};

use super::data::{Dataset, Pixels};
use super::optimizer::{OptimizerKind, ScheduleKind};
use super::setting::{Setting, dotted};
use super::training::{BatchSize, ClassWeights, Gradients};
use super::{error::Problem, experiment::Experiment, schema};

static REASONS: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| toml::from_str(include_str!("conflicts.toml")).expect("the file is a table of reasons"));

/// The keys that can conflict, the reported one first, and whether they do.
fn conflicts(experiment: &Experiment) -> Vec<(bool, &'static [&'static str])> {
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
    let is_random = |it: &String| init.reinitialize.contains(it);
    let lora = &init.lora;
    let is_private = privacy.is_on();
    vec![
        (is_own && data.dir.is_none(), &["data.dataset", "data.dir"]),
        (is_own, &["data.mirrors", "data.dataset"]),
        (data.dataset == Dataset::ImageFolder, &["data.classes", "data.dataset"]),
        (data.transpose && data.dataset != Dataset::Idx, &["data.transpose", "data.dataset"]),
        (init.from.is_none(), &["init.reinitialize", "init.from"]),
        (init.from.is_none(), &["init.rename", "init.from"]),
        (init.from.is_none(), &["init.freeze", "init.from"]),
        (!init.reinitialize.iter().all(has), &["init.reinitialize", "model.hidden", "model.batch_norm"]),
        (!init.freeze.iter().all(has), &["init.freeze", "model.hidden", "model.batch_norm"]),
        (init.freeze.iter().any(is_random), &["init.freeze", "init.reinitialize"]),
        (layers.iter().all(is_frozen), &["init.freeze", "model.batch_norm", "model.hidden"]),
        (init.freeze.is_empty(), &["init.unfreeze_after", "init.freeze"]),
        (lora.rank.is_some() && init.from.is_none(), &["init.lora.rank", "init.from"]),
        (lora.rank.is_some() && lora.layers.is_empty(), &["init.lora.rank", "init.lora.layers"]),
        (lora.rank.is_none(), &["init.lora.layers", "init.lora.rank"]),
        (lora.rank.is_none(), &["init.lora.alpha", "init.lora.rank"]),
        (!lora.layers.iter().all(has), &["init.lora.layers", "model.hidden"]),
        (lora.layers.iter().any(is_frozen), &["init.lora.layers", "init.freeze"]),
        (lora.layers.iter().any(is_random), &["init.lora.layers", "init.reinitialize"]),
        (training.gradients == Gradients::ClosedForm && lora.rank.is_some(), &["training.gradients", "init.lora.rank"]),
        (!optimizer.layer_factors.keys().all(has), &["optimizer.layer_factors", "model.hidden", "model.batch_norm"]),
        (data.augment.elastic_alpha.is_none(), &["data.augment.elastic_sigma", "data.augment.elastic_alpha"]),
        (!model.batch_norm, &["model.batch_norm_momentum", "model.batch_norm"]),
        (learns_nothing, &["model.batch_norm", "training.batch_size", "semi_supervised.weight"]),
        (data.labels.is_none(), &["semi_supervised.weight", "data.labels"]),
        (training.ema_decay.is_none(), &["semi_supervised.weight", "training.ema_decay"]),
        (!has_weight, &["semi_supervised.threshold", "semi_supervised.weight"]),
        (!has_weight, &["semi_supervised.distribution_alignment", "semi_supervised.weight"]),
        (!has_weight, &["semi_supervised.ratio", "semi_supervised.weight"]),
        (distillation.teacher.is_none(), &["distillation.temperature"]),
        (distillation.teacher.is_none(), &["distillation.weight"]),
        (lacks_momentum, &["optimizer.nesterov", "optimizer.momentum", "optimizer.kind"]),
        (optimizer.clip_norm.is_some(), &["optimizer.clip_value", "optimizer.clip_norm"]),
        (optimizer.clip_norm.or(optimizer.clip_value).is_some(), &["optimizer.global_clip_norm"]),
        (accumulates && all_images, &["training.gradient_accumulation", "training.batch_size"]),
        (!device.are_sound(), &["device"]),
        (device.count() > 1 && all_images, &["device", "training.batch_size"]),
        (data.validation == 0, &["early_stopping.target_error", "data.validation"]),
        (data.validation == 0, &["early_stopping.patience", "data.validation"]),
        (is_plateau && data.validation == 0, &["schedule.kind", "data.validation"]),
        (is_plateau && is_above, &["schedule.min_learning_rate", "optimizer.learning_rate"]),
        (privacy.epsilon.is_some(), &["privacy.noise_multiplier", "privacy.epsilon"]),
        (!is_private, &["privacy.delta"]),
        (!is_private, &["privacy.clip"]),
        (!is_private, &["privacy.low_pass"]),
        (is_private && model.batch_norm, &["model.batch_norm", "privacy"]),
        (is_private, &["semi_supervised.weight", "privacy"]),
        (is_private, &["distillation.teacher", "privacy"]),
        (is_private, &["data.labels", "privacy"]),
        (is_private && data.fraction < 1.0, &["data.fraction", "privacy"]),
        (is_private && data.validation > 0, &["data.validation", "privacy"]),
        (is_private && data.pixels == Pixels::Standardized, &["data.pixels", "privacy"]),
        (is_private && is_plateau, &["schedule.kind", "privacy"]),
        (is_private && training.class_weights == Some(ClassWeights::Balanced), &["training.class_weights", "privacy"]),
        (is_private && training.gradients == Gradients::Autodiff, &["training.gradients", "privacy"]),
        (is_private, &["init.lora.rank", "privacy"]),
        (is_private && accumulates, &["training.gradient_accumulation", "privacy"]),
        (is_private && device.count() > 1, &["device", "privacy"]),
    ]
}

/// Reports the settings that conflict with others, but not with a `refused` key, whose right value is unknown.
pub fn check(experiment: &Experiment, settings: &[Setting], refused: &[String], problems: &mut Vec<Problem>) {
    let is_sound = |keys: &[&str]| !keys.iter().any(|key| refused.iter().any(|refused| refused == key));
    let conflicts = conflicts(experiment);
    for setting in settings {
        let key = setting.key();
        let found = conflicts.iter().filter(|(holds, keys)| *holds && keys[0] == key && is_sound(keys));
        problems.extend(found.map(|(_, keys)| setting.problem(&REASONS[&keys.join(", ")])));
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
    if key.is_of(&chosen) || setting.line.is_some() && settings.iter().any(is_override) {
        return None;
    }
    let kinds: Vec<_> = key.kinds.iter().map(|kind| format!("kind = \"{kind}\"")).collect();
    Some(setting.problem(format!("belongs to {}, not to \"{chosen}\"", kinds.join(" or "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_all_have_a_reason_and_reasons_a_conflict() {
        let mut keys: Vec<String> = conflicts(&Experiment::default()).iter().map(|(_, keys)| keys.join(", ")).collect();
        keys.sort();
        assert_eq!(keys, REASONS.keys().cloned().collect::<Vec<_>>());
    }
}
