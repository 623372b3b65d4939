//! `mnist-burn images`: a picture of the training images, as they are and as they are distorted.

use super::output::Kind;
use super::{config, print};
use crate::Error;
use crate::cli::Images;
use crate::data::{self, Distortion, TrainingData};
use crate::mosaic;
use crate::notice::notice;

const PICTURE: Kind = Kind { name: "picture of images", mark: mosaic::MARK };
/// How many epochs are shown.
const EPOCHS: u64 = 9;

/// Writes the picture and prints where it is: a row for each class, the image itself, then what it is in each epoch.
pub fn run(arguments: &Images) -> Result<(), Error> {
    let experiment = config::resolve(&arguments.experiment)?;
    PICTURE.refuse_others(&arguments.output)?;
    let data = TrainingData::load(&data::locate(&experiment.data)?, &experiment)?;
    let is_of = |class: usize, index: usize| usize::from(data.images.label(index)) == class;
    let first = |class| data.split.training.iter().copied().find(|&index| is_of(class, index));
    let chosen: Vec<usize> = (0..data.classes()).filter_map(first).collect();
    let mut columns = vec![data.images.at(&chosen)];
    match Distortion::new(&experiment.data.distort, experiment.seed, data.images.size()) {
        Some(distortion) => {
            columns.extend((1..=EPOCHS).map(|epoch| distortion.apply(&data.images, &chosen, epoch)));
        }
        None => notice("nothing is distorted: [data.distort] is empty"),
    }
    PICTURE.write(&arguments.output, &mosaic::png(&columns))?;
    print(&arguments.output.display().to_string())
}
