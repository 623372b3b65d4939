//! Which keys make sense together.

use super::error::Problem;
use super::experiment::{Dataset, Experiment, ScheduleKind};
use super::optimizer::OptimizerKind;
use super::setting::Setting;

/// A mistake that takes more than one key.
struct Clash {
    /// The key that is reported, then the others that it clashes with.
    keys: &'static [&'static str],
    message: &'static str,
    happens: fn(&Experiment) -> bool,
}

const CLASHES: &[Clash] = &[
    Clash {
        keys: &["data.dataset", "data.dir"],
        message: "needs data.dir, the folder of your IDX files",
        happens: |it| it.data.dataset == Dataset::Own && it.data.dir.is_none(),
    },
    Clash {
        keys: &["data.mirrors", "data.dataset"],
        message: "your own files (data.dataset = \"own\") are not downloaded: leave it out",
        happens: |it| it.data.dataset == Dataset::Own,
    },
    Clash {
        keys: &["optimizer.nesterov", "optimizer.momentum", "optimizer.kind"],
        message: "needs optimizer.momentum greater than 0",
        happens: |it| {
            let momentum = it.optimizer.momentum.unwrap_or_default();
            it.optimizer.kind == OptimizerKind::Sgd && it.optimizer.nesterov == Some(true) && momentum == 0.0
        },
    },
    Clash {
        keys: &["schedule.kind", "optimizer.learning_rate"],
        message: "\"cosine\" starts from optimizer.learning_rate, which must then be at most 1",
        happens: |it| it.schedule.kind == ScheduleKind::Cosine && it.optimizer.learning_rate > 1.0,
    },
    Clash { keys: &["stop.error", "data.validation"], message: NO_VALIDATION, happens: |it| it.data.validation == 0 },
    Clash {
        keys: &["stop.patience", "data.validation"],
        message: NO_VALIDATION,
        happens: |it| it.data.validation == 0,
    },
];
const NO_VALIDATION: &str = "is measured on held-out images: needs data.validation greater than 0";

/// Reports the settings that others contradict. Where one of them is reported already, what they say together is
/// unknown, and nothing is added.
pub fn check(experiment: &Experiment, settings: &[Setting], problems: &mut Vec<Problem>) {
    let reported: Vec<_> = problems.iter().map(|problem| problem.key.clone()).collect();
    let is_sound = |keys: &[&str]| !keys.iter().any(|key| reported.iter().any(|reported| reported == key));
    for setting in settings {
        let key = setting.key();
        let clashes = CLASHES.iter().filter(|clash| clash.keys[0] == key && is_sound(clash.keys));
        let clashes = clashes.filter(|clash| (clash.happens)(experiment));
        problems.extend(clashes.map(|clash| setting.problem(clash.message)));
        if is_sound(&[&key, "optimizer.kind"]) {
            problems.extend(foreign_key(experiment.optimizer.kind, setting, settings));
        }
    }
}

/// A key of `[optimizer]` that belongs to another kind.
///
/// `--set optimizer.kind=sgd` on a file written for Adam is no mistake: the file's Adam keys then mean nothing, and
/// [`Experiment::resolved`] clears them.
fn foreign_key(kind: OptimizerKind, setting: &Setting, settings: &[Setting]) -> Option<Problem> {
    let is_foreign = setting.section.as_deref() == Some("optimizer") && !kind.uses(&setting.name);
    let kind_is_override = settings.iter().any(|other| other.key() == "optimizer.kind" && other.line.is_none());
    let is_overruled = setting.line.is_some() && kind_is_override;
    if !is_foreign || is_overruled {
        return None;
    }
    let kinds = OptimizerKind::ALL.iter().filter(|kind| kind.uses(&setting.name));
    let kinds: Vec<_> = kinds.map(|kind| format!("kind = \"{kind}\"")).collect();
    Some(setting.problem(format!("belongs to {}, not to \"{kind}\"", kinds.join(" or "))))
}
