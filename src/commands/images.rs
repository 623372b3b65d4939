//! `mnist-burn images`: draws a grid of training images: per class the original, then the augmented image of each epoch.

use super::output::{OutputKind, Replaces};
use super::{config, opening::locate};
use crate::Error;
use crate::cli::{Images, notice};
use crate::data::{Augmentation, TrainingData};
use crate::report::pictures::{GRID_MARK, grid};
use std::path::Path;

const GRID: OutputKind =
    OutputKind { name: "grid of images", endings: &["png"], replaces: Replaces::Marked(GRID_MARK) };
const EPOCHS: u64 = 9;

pub fn run(arguments: &Images, folder: &Path) -> Result<(), Error> {
    let experiment = config::resolve(&arguments.experiment, folder)?;
    GRID.check(&arguments.output)?;
    let data = TrainingData::load(&locate(&experiment.data)?, &experiment)?;
    let has_class = |class: usize, index: usize| usize::from(data.images.labels()[index]) == class;
    let first = |class| data.split.training.iter().copied().find(|&index| has_class(class, index));
    let chosen: Vec<usize> = (0..data.images.classes()).filter_map(first).collect();
    let mut columns = vec![data.images.at(&chosen)];
    match Augmentation::new(&experiment.data.augment, experiment.seed, data.images.size()) {
        Some(it) => columns.extend((1..=EPOCHS).map(|epoch| it.apply(&data.images, &chosen, epoch))),
        None => notice("nothing is augmented: [data.augment] is empty"),
    }
    GRID.save(&arguments.output, &grid(&columns))
}
