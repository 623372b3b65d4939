//! The shipped file, resolved values, and files written back.

use super::super::{BASELINE, Experiment, OptimizerKind, ScheduleKind, word};
use super::loaded;

#[test]
fn shipped_baseline_is_the_default_experiment() {
    assert_eq!(super::super::load(None, &[]).unwrap(), Experiment::default().resolved());
    assert_eq!(loaded("", &[]), Experiment::default().resolved());
}

#[test]
fn shipped_baseline_writes_out_every_value_of_the_recipe() {
    let written: toml::Table = BASELINE.parse().unwrap();
    let mut resolved: toml::Table = Experiment::default().resolved().to_toml().parse().unwrap();
    resolved.remove("early_stopping");
    assert_eq!(written, resolved);
}

#[test]
fn shipped_baseline_opens_with_its_schema_question_command_and_result() {
    assert_eq!(BASELINE.lines().next(), Some("#:schema schema.json"));
    let starts: Vec<_> = BASELINE.lines().skip(1).take(3).map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(starts, ["# Question", "# Command", "# Result"]);
}

#[test]
fn experiment_is_read_from_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "seed = 7\r\n[model]\r\nhidden = [\r\n  32, # small\r\n]\r\n").unwrap();
    let experiment = super::super::load(Some(file.path()), &[]).unwrap();
    assert_eq!((experiment.seed, experiment.model.hidden), (7, vec![32]));
}

#[test]
fn optimizer_kinds_get_their_own_defaults() {
    let optimizer = |kind: &str| loaded("", &[&format!("optimizer.kind={}", word(kind))]).optimizer;
    let adam = optimizer("adam");
    assert_eq!((adam.beta_1, adam.beta_2, adam.epsilon), (Some(0.9), Some(0.999), Some(1e-7)));
    assert_eq!((adam.weight_decay, adam.momentum, adam.nesterov), (None, None, None));
    let adamw = optimizer("adamw");
    assert_eq!((adamw.kind, adamw.weight_decay, adamw.momentum), (OptimizerKind::Adamw, Some(0.004), None));
    let sgd = optimizer("sgd");
    assert_eq!((sgd.momentum, sgd.nesterov, sgd.beta_1, sgd.epsilon), (Some(0.0), Some(false), None, None));
    assert_eq!(sgd.weight_decay, Some(0.0));
    let rmsprop = optimizer("rmsprop");
    assert_eq!((rmsprop.rho, rmsprop.momentum, rmsprop.epsilon), (Some(0.9), Some(0.0), Some(1e-7)));
    assert_eq!((rmsprop.beta_2, rmsprop.weight_decay, rmsprop.nesterov), (None, None, None));
}

#[test]
fn schedule_kinds_get_their_own_defaults() {
    let schedule = |kind: &str| {
        let schedule = loaded("", &[&format!("schedule.kind={}", word(kind))]).schedule;
        (schedule.every, schedule.factor, schedule.warmup)
    };
    assert_eq!(schedule("constant"), (None, None, None));
    assert_eq!(schedule("step"), (Some(1), Some(0.5), None));
    assert_eq!(schedule("exponential"), (None, Some(0.5), None));
    assert_eq!(schedule("cosine"), (None, None, Some(0.0)));
    assert_eq!(schedule("one-cycle"), (None, None, Some(0.3)));
    let plateau = loaded("", &["schedule.kind=plateau", "data.validation=9"]).schedule;
    assert_eq!((plateau.factor, plateau.patience, plateau.cooldown), (Some(0.1), Some(10), Some(0)));
    assert_eq!((plateau.min_delta, plateau.min_learning_rate), (Some(1e-4), Some(0.0)));
}

#[test]
fn kinds_have_the_names_of_the_file() {
    for kind in [OptimizerKind::Adam, OptimizerKind::Adamw, OptimizerKind::Sgd, OptimizerKind::Rmsprop] {
        assert_eq!(loaded("", &[&format!("optimizer.kind={}", word(kind))]).optimizer.kind, kind);
    }
    let [constant, step, exponential] = [ScheduleKind::Constant, ScheduleKind::Step, ScheduleKind::Exponential];
    for kind in [constant, step, exponential, ScheduleKind::Cosine, ScheduleKind::OneCycle, ScheduleKind::Plateau] {
        let set = format!("schedule.kind={}", word(kind));
        assert_eq!(loaded("data.validation = 9", &[&set]).schedule.kind, kind);
    }
}

#[test]
fn experiment_that_was_written_is_read_back_the_same() {
    let files = [
        "",
        "[optimizer]\nkind = 'sgd'\nmomentum = 0.1\nnesterov = true\n[training]\nbatch_size = 'all'",
        "seed = 9223372036854775807\n[data]\ndataset = 'idx'\ndir = 'C:\\a\"b'\nvalidation = 9\n[early_stopping]\ntarget_error = 1e-3",
        "[data]\nmirrors = ['https://a']\nvalidation = 5\n[early_stopping]\npatience = 2\n[model]\nhidden = []\ndropout = 0",
        "[optimizer]\nkind = 'adamw'\nlearning_rate = 0.1234567890123456789\nweight_decay = 5e-324",
        "[schedule]\nkind = 'step'\nevery = 3\nfactor = 0.1\n[optimizer]\nclip_norm = 1\n[training]\nema_decay = 0.999",
        "[schedule]\nkind = 'one-cycle'\nwarmup = 0.2\n[data]\nfraction = 0.1\n[training]\nlabel_smoothing = 0.1\n\
            gradient_accumulation = 4\n[optimizer]\nclip_value = 1",
        "[schedule]\nkind = 'plateau'\ncooldown = 2\nmin_learning_rate = 1e-5\n[data]\nvalidation = 9",
        "training.class_weights = [1, 0.25, 3]",
        "training.class_weights = 'balanced'",
        "[optimizer]\nkind = 'rmsprop'\nrho = 0.99\nmomentum = 0.5\nepsilon = 1e-8",
        "[data.augment]\nrotation = 15\nscale = 0.1\nshear = 5\ntranslation = 1\nelastic_alpha = 34\nelastic_sigma = 3",
    ];
    for text in files {
        let experiment = loaded(text, &[]);
        assert_eq!(loaded(&experiment.to_toml(), &[]), experiment);
    }
}
