//! `mnist-burn images`: a grid of training images, as they are and as they are augmented.

use super::config;
use super::opening::locate;
use super::output::OutputKind;
use super::print::print;
use crate::Error;
use crate::cli::{Images, notice};
use crate::data::{Augmentation, TrainingData};
use crate::report::image_grid;

const GRID: OutputKind = OutputKind { name: "picture of images", mark: image_grid::MARK };
/// How many epochs are shown.
const EPOCHS: u64 = 9;

/// Writes the grid and prints where it is: a row for each class, first the image itself, then the image in each epoch.
pub fn run(arguments: &Images) -> Result<(), Error> {
    let experiment = config::resolve(&arguments.experiment)?;
    GRID.refuse_others(&arguments.output)?;
    let data = TrainingData::load(&locate(&experiment.data)?, &experiment)?;
    let is_of = |class: usize, index: usize| usize::from(data.images.label(index)) == class;
    let first = |class| data.split.training.iter().copied().find(|&index| is_of(class, index));
    let chosen: Vec<usize> = (0..data.classes()).filter_map(first).collect();
    let mut columns = vec![data.images.at(&chosen)];
    match Augmentation::new(&experiment.data.augment, experiment.seed, data.images.size()) {
        Some(augmentation) => {
            columns.extend((1..=EPOCHS).map(|epoch| augmentation.apply(&data.images, &chosen, epoch)));
        }
        None => notice("nothing is augmented: [data.augment] is empty"),
    }
    GRID.write(&arguments.output, &image_grid::png(&columns))?;
    print(&arguments.output.display().to_string())
}
