//! Images in the memory of the device that computes: the host then sends but the numbers of those that make a batch.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::{ImageBatcher, Images};

/// How many images are sent at a time.
const PART: usize = 8192;

/// Some images of a data set, scaled, and their labels, on a device.
#[derive(Debug)]
pub struct Resident {
    /// `[images, height · width]`.
    images: Tensor<2>,
    /// `[images]`.
    labels: Tensor<1, Int>,
    /// The row of each image of the data set that is there.
    rows: Vec<i32>,
}

impl Resident {
    /// Sends the images at `indices`, one at least.
    pub fn new(images: &Images, indices: &[usize], batcher: &ImageBatcher, device: &Device) -> Self {
        let mut rows = vec![0; images.len()];
        for (row, &index) in (0..).zip(indices) {
            rows[index] = row;
        }
        let part = |part: &[usize]| batcher.images(part.iter().map(|&index| images.pixels(index)), device);
        let labels: Vec<i32> = indices.iter().map(|&index| images.label(index).into()).collect();
        Self {
            images: Tensor::cat(indices.chunks(PART).map(part).collect(), 0),
            labels: Tensor::from_data(TensorData::new(labels, [indices.len()]), device),
            rows,
        }
    }

    /// The images at `indices`, which are there, as `[batch, height · width]`, and their labels, `[batch]`.
    pub fn at(&self, indices: impl Iterator<Item = usize>) -> (Tensor<2>, Tensor<1, Int>) {
        let rows: Vec<i32> = indices.map(|index| self.rows[index]).collect();
        let count = rows.len();
        let rows = Tensor::from_data(TensorData::new(rows, [count]), &self.labels.device());
        (self.images.clone().select(0, rows.clone()), self.labels.clone().select(0, rows))
    }
}
