//! `mnist-burn privacy`: prints what a private training costs, epoch by epoch, without training.

use std::path::Path;

use serde_json::json;

use super::output::{print, print_json};
use super::{config::load, opening::locate};
use crate::cli::{Privacy, Table};
use crate::data::{EpochPlan, TrainingData};
use crate::{Error, run::PrivacyRecord, training::PrivacyPlan};

pub fn run(arguments: &Privacy, folder: &Path) -> Result<(), Error> {
    let experiment = load(Some(&arguments.config), &arguments.overrides, folder)?;
    let data = TrainingData::load(&locate(&experiment.data)?, &experiment)?;
    let plan = PrivacyPlan::new(&experiment, &EpochPlan::new(&experiment, &data.split))?.ok_or(Error::NotPrivate)?;
    let images = data.split.training.len();
    let epochs: Vec<PrivacyRecord> = (1..=experiment.training.epochs).map(|epoch| plan.spent(epoch)).collect();
    if arguments.json {
        return print_json(&json!({ "images": images, "total": plan.total, "epochs": epochs }));
    }
    let mut table = Table::new(["epoch", "steps", "epsilon"]);
    for (epoch, cost) in (1..).zip(&epochs) {
        table.push([format!("{epoch}"), cost.steps.to_string(), format!("{:.3}", cost.epsilon)]);
    }
    let PrivacyRecord { delta, clip, noise_multiplier, sampling_rate, .. } = plan.total;
    print(&format!(
        "noise multiplier  {noise_multiplier:.4} of clip {clip}\nsampling rate     {sampling_rate:.6} of {images} \
         images\ndelta             {delta}\n\n{table}"
    ))
}
