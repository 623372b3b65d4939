//! Images in the memory of the device: for each batch, the host then sends only their indices.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::batch::ImageBatcher;
use super::images::Images;

/// The most bytes of pixels that a device stores: Mesa's software Vulkan does not allow larger buffers.
const MOST: usize = 1 << 27;

/// Images of a data set and their labels, stored on a device.
#[derive(Debug)]
pub struct DeviceImages {
    /// `[images, words]`, four pixels each, as not all GPUs have bytes: one from each quarter of the image, the first lowest.
    words: Tensor<2, Int>,
    /// `[images]`.
    labels: Tensor<1, Int>,
    /// The value of each byte after scaling, `[256]`.
    values: Tensor<1>,
    area: usize,
    /// The row of each image of the data set, by index; 0 for images that are not on the device.
    rows: Vec<i32>,
}

impl DeviceImages {
    pub fn fits(images: &Images, count: usize) -> bool {
        images.area().div_ceil(4).saturating_mul(4 * count) <= MOST
    }

    pub fn new(images: &Images, indices: &[usize], batcher: &ImageBatcher, device: &Device) -> Self {
        let (area, count) = (images.area(), indices.len());
        let quarter = area.div_ceil(4);
        let mut rows = vec![0; images.len()];
        let mut words = Vec::with_capacity(count * quarter);
        for (row, &index) in (0..).zip(indices) {
            rows[index] = row;
            let pixels = images.pixels(index);
            let byte = |pixel: usize| pixels.get(pixel).copied().unwrap_or(0);
            words.extend((0..quarter).map(|i| i32::from_le_bytes([0, 1, 2, 3].map(|part| byte(i + part * quarter)))));
        }
        let labels: Vec<i32> = indices.iter().map(|&index| images.labels()[index].into()).collect();
        Self {
            words: Tensor::from_data(TensorData::new(words, [count, quarter]), device),
            labels: Tensor::from_data(TensorData::new(labels, [count]), device),
            values: Tensor::from_floats(batcher.values.as_slice(), device),
            area,
            rows,
        }
    }

    /// The images at `indices`, which were sent before, scaled, `[batch, height · width]`, and their labels, `[batch]`.
    pub fn at(&self, indices: impl Iterator<Item = usize>) -> (Tensor<2>, Tensor<1, Int>) {
        let rows: Vec<i32> = indices.map(|index| self.rows[index]).collect();
        let count = rows.len();
        let rows = Tensor::from_data(TensorData::new(rows, [count]), &self.labels.device());
        let words = self.words.clone().select(0, rows.clone());
        let part = |part: i32| words.clone().bitwise_right_shift_scalar(8 * part).bitwise_and_scalar(255);
        let bytes = Tensor::cat((0..4).map(part).collect(), 1).narrow(1, 0, self.area);
        let pixels = self.values.clone().select(0, bytes.reshape([count * self.area])).reshape([count, self.area]);
        (pixels, self.labels.clone().select(0, rows))
    }
}
