//! Classifies a picture with a trained network, from another program.
//!
//! Run it with `cargo run --release --example predict -- RUN PICTURE`, after a training.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use burn::tensor::activation::softmax;
use mnist_burn::data::ImageBatcher;
use mnist_burn::data::prepare::{Limits, Look, prepare};
use mnist_burn::device;
use mnist_burn::run::RunFolder;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(run), Some(picture)) = (arguments.next(), arguments.next()) else {
        return Err("name a run's folder and a picture".into());
    };
    let run = RunFolder::at(Path::new(&run));
    let (record, device) = (run.record()?, device::open("auto")?);
    let (model, _) = run.model(&run.experiment()?, &record, &device)?;

    // The picture becomes an image like those that the network was trained on.
    let (data, look) = (&record.data, record.data.look.unwrap_or(Look::MNIST));
    let image = prepare(&fs::read(picture)?, [data.height, data.width], &look, Limits::FILE)?;
    let images = ImageBatcher::new(data.scaling).images([image.pixels.as_slice()].into_iter(), &device.device);
    let probabilities: Vec<f32> = softmax(model.forward(images), 1).try_into_data()?.iter().collect();
    for (name, probability) in data.names().iter().zip(probabilities) {
        println!("{name}: {:.1} %", 100.0 * probability);
    }
    Ok(())
}
