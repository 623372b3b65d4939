//! `mnist-burn show` and `mnist-burn summary`: a run, or what a config would train, as text.

use super::opening::{find_run, locate};
use super::{config::resolve, output::print, train::print_trained};
use crate::Error;
use crate::cli::{self, Show, Table, TrainOptions};
use crate::config::{self, Difference, Model, differences};
use crate::data::{EpochPlan, TrainingData};
use crate::run::{Summary, TrainingRecord};
use crate::text::{bytes, date, grouped, nats, percent, seconds};
use std::path::Path;

pub fn run(arguments: &Show, folder: &Path) -> Result<(), Error> {
    let run = find_run(&arguments.run, folder)?;
    if arguments.json {
        return print_trained(&run, &TrainOptions { json: true, ..TrainOptions::default() });
    }
    let (record, experiment) = (run.record()?, run.experiment()?);
    let (epochs, summary) = (run.metrics()?, Summary::read(&run)?);
    let data = &record.data;
    let best = summary.best_epoch.map_or_else(String::new, |epoch| format!(", the best is {epoch}"));
    let (learned, so_far) = (record.members.is_empty(), format!(", {} of {}", summary.epochs, summary.planned_epochs));
    let state = if learned { format!("{so_far} epochs{best}") } else { String::new() };
    let mut text = String::new();
    let mut line = |heading: &str, value: &str| text += &format!("{heading:<17} {value}\n");
    line("run", &run.path().display().to_string());
    line("state", &format!("{}{state}", summary.status));
    line("started", &format!("{} on {} ({})", date(summary.started), record.devices(), record.adapter));
    line("config", &experiment.name);
    for Difference { key, values } in differences(&[config::load(None, &[])?, experiment.clone()]) {
        if let Some(Some(value)) = values.get(1).filter(|_| key != "name") {
            line("unlike baseline", &format!("{key} = {value}"));
        }
    }
    line("data", &(sizes(data.training_images, data.validation_images, data.inputs(), data.classes) + "\n"));
    for (number, member) in record.members.iter().enumerate() {
        line(if number == 0 { "members" } else { "" }, &member.run.display().to_string());
    }
    if learned {
        text += &format!("{}\n\n", network(&experiment.model, data.inputs(), data.classes));
    }
    let mut line = |heading: &str, value: &str| text += &format!("{heading:<17} {value}\n");
    if learned {
        line("training loss", &curve(epochs.iter().map(|epoch| epoch.train_loss).collect(), |loss| nats(Some(loss))));
    }
    if summary.validation_error.is_some() {
        let errors = epochs.iter().filter_map(|epoch| Some(1.0 - epoch.validation_accuracy?)).collect();
        line("validation error", &curve(errors, |error| percent(Some(error))));
        let best = format!("{}, loss {}", percent(summary.validation_error), nats(summary.validation_loss));
        line("best validation", &best);
    }
    line("test error", &percent(summary.test_error));
    line("time", &seconds(summary.seconds));
    if let Some(TrainingRecord { floating_point_operations, usage, .. }) = &record.training {
        line("CPU time", &seconds(usage.cpu_seconds));
        line("matrix products", &format!("{:.3e} floating-point operations", *floating_point_operations as f64));
        line("peak memory", &usage.memory());
        line("energy", &usage.energy());
    }
    for (number, (name, size)) in run.files().into_iter().enumerate() {
        line(if number == 0 { "files" } else { "" }, &format!("{name:<18} {:>9}", bytes(size)));
    }
    print(text.trim_end())
}

pub fn summary(arguments: &cli::Experiment, folder: &Path) -> Result<(), Error> {
    let experiment = resolve(arguments, folder)?;
    let data = TrainingData::load(&locate(&experiment.data)?, &experiment)?;
    let plan = EpochPlan::new(&experiment, &data.split);
    let (pixels, classes, epochs) = (data.images.area(), data.images.classes(), experiment.training.epochs);
    let network = network(&experiment.model, pixels, classes);
    let sizes = sizes(data.split.training.len(), data.split.validation.len(), pixels, classes);
    let in_update = experiment.training.gradient_accumulation * experiment.device.count();
    let (updates, images) = (grouped(plan.batches.div_ceil(in_update)), grouped(plan.batch_size * in_update));
    print(&format!(
        "{network}\n\ndata     {sizes}\nupdates  {updates} in each of at most {epochs} epochs, from {images} images each"
    ))
}

fn sizes(training: usize, validation: usize, pixels: usize, classes: usize) -> String {
    let [training, validation] = [training, validation].map(grouped);
    format!("{training} training and {validation} validation images of {pixels} pixels, {classes} classes")
}

/// A network's layers with their outputs, parameters and operations of one image's forward pass, as in Keras' `summary`.
fn network(model: &Model, inputs: usize, classes: usize) -> Table {
    let mut table = Table::new(["layer", "output", "parameters", "operations"]);
    let mut total = [0; 2];
    let mut row = |name: String, width: usize, parameters: usize, operations: usize| {
        total = [total[0] + parameters, total[1] + operations];
        table.push([name, grouped(width), grouped(parameters), grouped(operations)]);
    };
    row("image".into(), inputs, 0, 0);
    let activation = format!("{:?}", model.activation).to_lowercase();
    let mut before = inputs;
    for (number, &width) in model.hidden.iter().enumerate() {
        row(format!("hidden.{number}, {activation}"), width, (before + 1) * width, 2 * before * width);
        if model.batch_norm {
            row(format!("norm.{number}"), width, 2 * width, 0);
        }
        before = width;
    }
    row("output, softmax".into(), classes, (before + 1) * classes, 2 * before * classes);
    let [parameters, operations] = total.map(grouped);
    table.push(["in all".to_string(), String::new(), parameters, operations]);
    table
}

/// A curve in blocks, each the mean of some epochs, and its first and last value.
fn curve(values: Vec<f64>, written: impl Fn(f64) -> String) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const WIDEST: usize = 60;
    let (Some(&first), Some(&last)) = (values.first(), values.last()) else { return "-".into() };
    let mean = |epochs: &[f64]| epochs.iter().sum::<f64>() / epochs.len() as f64;
    let means: Vec<f64> = values.chunks(values.len().div_ceil(WIDEST)).map(mean).collect();
    let [least, most] = [f64::min, f64::max].map(|choose| means.iter().copied().reduce(choose).unwrap_or(0.0));
    let height = |mean: f64| (7.0 * (mean - least) / (most - least).max(f64::MIN_POSITIVE)).round();
    let blocks: String = means.iter().map(|&mean| BLOCKS[(height(mean) as usize).min(7)]).collect();
    format!("{blocks}  from {} to {}", written(first), written(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curve_has_a_block_an_epoch_up_to_its_widest() {
        let written = |value: f64| format!("{value:.1}");
        assert_eq!(curve(vec![1.0, 0.5, 0.0], written), "█▅▁  from 1.0 to 0.0");
        assert_eq!(curve(vec![1.0; 2], written), "▁▁  from 1.0 to 1.0");
        assert_eq!(curve(vec![], written), "-");
        assert_eq!(curve((0..600).map(f64::from).collect(), written).split(' ').next().unwrap().chars().count(), 60);
    }

    #[test]
    fn table_of_the_network_has_the_parameters_of_its_tensors() {
        let model = Model { hidden: vec![20, 30], batch_norm: true, ..Model::default() };
        let table = network(&model, 100, 7).to_string();
        let all: usize = (100 + 1 + 2) * 20 + (20 + 1 + 2) * 30 + 31 * 7;
        assert_eq!(
            table.lines().last().unwrap().split_whitespace().collect::<Vec<_>>(),
            ["in", "all", &grouped(all), &grouped(2 * (2000 + 600 + 210))]
        );
        let trained = crate::model::Mlp::tensors(&model, 100, 7);
        let trained = trained.iter().filter(|(name, _)| !name.contains("running"));
        assert_eq!(trained.map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>(), all);
    }
}
