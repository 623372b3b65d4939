//! Classifies an image of a digit with a network that `mnist-burn export RUN model.onnx` wrote, without Burn.
//!
//! Run it here with `cargo run --release -- model.onnx digit.png`. The image has to look like MNIST's: grey, 28 by 28 pixels,
//! light on dark.

use std::env;

use anyhow::{Context, Result};
use tract_onnx::prelude::*;

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let model = arguments.next().context("name an ONNX file and an image")?;
    let image = arguments.next().context("name an image after the ONNX file")?;
    let image = image::open(image)?.into_luma8();
    let (width, height) = (image.width() as usize, image.height() as usize);

    let network = tract_onnx::onnx()
        .model_for_path(model)?
        .with_input_fact(0, u8::fact([1, height, width]).into())?
        .into_optimized()?
        .into_runnable()?;
    let pixels: Tensor = tract_ndarray::Array3::from_shape_vec((1, height, width), image.into_raw())?.into();
    let outputs = network.run(tvec!(pixels.into()))?;

    let label = outputs[2].to_array_view::<i64>()?[[0]];
    let probabilities = outputs[1].to_array_view::<f32>()?;
    let most = probabilities.iter().copied().fold(0.0, f32::max);
    println!("{label} ({:.1} %)", 100.0 * most);
    Ok(())
}
