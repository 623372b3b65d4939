//! `mnist-burn privacy`: prints what a private training costs, without training.

use serde::Serialize;

use super::config::load;
use super::opening::locate;
use super::print::{print, print_json};
use crate::Error;
use crate::cli::{Privacy, Table};
use crate::data::TrainingData;
use crate::run::PrivacyRecord;
use crate::training::{EpochPlan, PrivacyPlan};

/// The costs of a training.
#[derive(Debug, Serialize)]
struct Costs {
    images: usize,
    #[serde(flatten)]
    total: PrivacyRecord,
    /// After each epoch, from the first.
    epochs: Vec<PrivacyRecord>,
}

/// Prints noise, sampling and steps of the training, and ε after each epoch.
pub fn run(arguments: &Privacy) -> Result<(), Error> {
    let experiment = load(Some(&arguments.config), &arguments.set, None)?;
    let data = TrainingData::load(&locate(&experiment.data)?, &experiment)?;
    let plan = PrivacyPlan::new(&experiment, &EpochPlan::new(&experiment, &data.split))?.ok_or(Error::NotPrivate)?;
    let epochs = (1..=experiment.training.epochs).map(|epoch| plan.spent(epoch)).collect();
    let costs = Costs { images: data.split.training.len(), total: plan.total, epochs };
    if arguments.json { print_json(&costs) } else { print(&costs.text()) }
}

impl Costs {
    fn text(&self) -> String {
        let PrivacyRecord { delta, clip, noise_multiplier, sampling_rate, steps, .. } = self.total;
        let mut table = Table::new(["epoch", "steps", "epsilon"]);
        for (epoch, cost) in (1..).zip(&self.epochs) {
            table.push([format!("{epoch}"), cost.steps.to_string(), format!("{:.3}", cost.epsilon)]);
        }
        format!(
            "noise multiplier  {noise_multiplier:.4}\nclip              {clip}\nsampling rate     {sampling_rate:.6} of {} \
             images\nsteps             {steps}\ndelta             {delta}\n\n{table}",
            self.images
        )
    }
}
