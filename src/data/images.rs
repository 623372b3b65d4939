//! Labelled images in memory: one byte per pixel and one byte per label.

use std::path::Path;

use super::{error::DataError, idx};

/// Labelled images of one size, at least one. Bytes take a quarter of the memory of `f32`. Methods panic at a wrong index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Images {
    /// `[images, height, width]`, flat.
    pixels: Vec<u8>,
    /// `[images]`, each below `classes`.
    labels: Vec<u8>,
    size: [usize; 2],
    names: Vec<String>,
}

impl Images {
    /// Reads a pair of IDX files. Without `classes`, the largest label is that of the last class. Refused if a file is not
    /// readable or complete, the numbers of images and labels differ, or a label is not below `classes`.
    pub fn read(images: &Path, labels: &Path, classes: Option<usize>) -> Result<Self, DataError> {
        let ([image_count, height, width], pixels) = idx::images(images)?;
        let label_bytes = idx::labels(labels)?;
        let label_count = label_bytes.len();
        if image_count != label_count {
            let (images, labels) = (images.into(), labels.into());
            return Err(DataError::Counts { images, image_count, labels, label_count });
        }
        let classes = classes.unwrap_or_else(|| 1 + label_bytes.iter().copied().max().map_or(0, usize::from));
        if let Some(index) = label_bytes.iter().position(|&label| usize::from(label) >= classes) {
            return Err(DataError::Label { path: labels.into(), index, label: label_bytes[index], classes });
        }
        Ok(Self::new(pixels, label_bytes, [height, width], classes))
    }

    /// Images from memory: `pixels`, `[images, height, width]`, and `labels`, `[images]`, each below `classes`, or it panics.
    pub fn new(pixels: Vec<u8>, labels: Vec<u8>, size: [usize; 2], classes: usize) -> Self {
        assert_eq!(pixels.len(), labels.len() * size[0] * size[1], "pixels of all the images");
        assert!(labels.iter().all(|&label| usize::from(label) < classes), "labels below {classes}");
        Self { pixels, labels, size, names: (0..classes).map(|class| class.to_string()).collect() }
    }

    /// Only the images with these labels, which become the classes, in this order and with their names.
    pub fn of(&self, labels: &[u8]) -> Self {
        let chosen = |index: usize| Some((index, labels.iter().position(|&label| label == self.labels[index])? as u8));
        let (indices, new): (Vec<usize>, Vec<u8>) = (0..self.len()).filter_map(chosen).unzip();
        // A class may be one that no image belongs to.
        let name = |&label: &u8| self.names.get(usize::from(label)).cloned().unwrap_or_else(|| label.to_string());
        Self { labels: new, names: labels.iter().map(name).collect(), ..self.at(&indices) }
    }

    /// The names of the classes that none of the images at `indices` belongs to.
    pub fn classes_without(&self, indices: impl IntoIterator<Item = usize>) -> Vec<String> {
        let mut names: Vec<_> = self.names.iter().map(Some).collect();
        indices.into_iter().for_each(|index| names[usize::from(self.labels[index])] = None);
        names.into_iter().flatten().cloned().collect()
    }

    /// The same images with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        let [height, width] = self.size;
        let from = |index: usize| {
            let (image, pixel) = (index / (height * width), index % (height * width));
            self.pixels[image * height * width + pixel % height * width + pixel / height]
        };
        Self { pixels: (0..self.pixels.len()).map(from).collect(), size: [width, height], ..self }
    }

    /// The same images, with these names of the classes. Panics if there are more or fewer names than classes.
    pub fn named(self, names: &[impl AsRef<str>]) -> Self {
        assert_eq!(names.len(), self.names.len(), "a name for each class");
        Self { names: names.iter().map(|name| name.as_ref().into()).collect(), ..self }
    }

    /// The same images among the classes `names`, each class by its name. `None` if it is not one of them.
    pub fn among(self, names: &[String]) -> Option<Self> {
        let place = |name: &String| names.iter().position(|it| it == name).map(|class| class as u8);
        let places = self.names.iter().map(place).collect::<Option<Vec<_>>>()?;
        let labels = self.labels.iter().map(|&label| places[usize::from(label)]).collect();
        Some(Self { labels, names: names.into(), ..self })
    }

    /// The images at `indices`, in this order.
    pub fn at(&self, indices: &[usize]) -> Self {
        let pixels = indices.iter().flat_map(|&index| self.pixels(index)).copied().collect();
        let labels = indices.iter().map(|&index| self.labels[index]).collect();
        Self { pixels, labels, size: self.size, names: self.names.clone() }
    }

    /// How many images there are.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// An image's `[height, width]` in pixels.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// The number of an image's pixels: the network's inputs.
    pub fn area(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// The number of classes. Every label is below it.
    pub fn classes(&self) -> usize {
        self.names.len()
    }

    /// The name of each class, in order: its number, unless it has been given a name.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The pixels of an image, `[height, width]` row by row, each 0 to 255.
    pub fn pixels(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.area()..][..self.area()]
    }

    /// All labels, `[images]`.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use tempfile::TempDir;

    use super::*;

    /// Writes `count` images of 1x2 pixels and the labels, and reads them back.
    fn read(count: u8, labels: &[u8], classes: Option<usize>) -> (TempDir, Result<Images, DataError>) {
        let dir = TempDir::new().unwrap();
        let [image_path, label_path]: [PathBuf; 2] = ["images", "labels"].map(|name| dir.path().join(name));
        let header = [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 1, 0, 0, 0, 2];
        fs::write(&image_path, header.into_iter().chain(0..2 * count).collect::<Vec<_>>()).unwrap();
        fs::write(&label_path, [&[0, 0, 8, 1, 0, 0, 0, labels.len() as u8], labels].concat()).unwrap();
        let images = Images::read(&image_path, &label_path, classes);
        (dir, images)
    }

    #[test]
    fn image_keeps_its_pixels_and_its_label() {
        let images = read(3, &[5, 0, 2], Some(10)).1.unwrap();
        assert_eq!((images.len(), images.size(), images.classes()), (3, [1, 2], 10));
        assert_eq!((images.pixels(1), images.labels()[1]), ([2, 3].as_slice(), 0));
        assert_eq!((images.pixels(2), images.labels()[2]), ([4, 5].as_slice(), 2));
        assert_eq!(images.labels(), [5, 0, 2]);
        let some = images.at(&[2, 0]);
        assert_eq!((some.pixels(0), some.labels(), some.classes()), ([4, 5].as_slice(), [2, 5].as_slice(), 10));
    }

    #[test]
    fn chosen_labels_become_the_classes_in_the_order_given() {
        let images = read(4, &[5, 0, 2, 5], Some(10)).1.unwrap().of(&[5, 2]);
        assert_eq!((images.labels(), images.names()), ([0, 1, 0].as_slice(), ["5".into(), "2".into()].as_slice()));
        assert_eq!((images.pixels(1), images.pixels(2)), ([4, 5].as_slice(), [6, 7].as_slice()));
    }

    #[test]
    fn transposed_images_have_their_columns_as_rows() {
        let images = Images::new((0..12).collect(), vec![1, 0], [2, 3], 2).transposed();
        assert_eq!((images.size(), images.labels()), ([3, 2], [1, 0].as_slice()));
        assert_eq!((images.pixels(0), images.pixels(1)), (&[0, 3, 1, 4, 2, 5][..], &[6, 9, 7, 10, 8, 11][..]));
    }

    #[test]
    fn number_of_classes_follows_from_the_largest_label() {
        assert_eq!(read(3, &[5, 0, 2], None).1.unwrap().classes(), 6);
        assert_eq!(read(1, &[255], None).1.unwrap().classes(), 256);
    }

    #[test]
    fn missing_label_is_refused() {
        let (dir, images) = read(3, &[5, 0], None);
        let dir = dir.path().display();
        assert_eq!(
            images.unwrap_err().to_string(),
            format!("{dir}/images holds 3 images, but {dir}/labels holds 2 labels: use files of one data set")
        );
    }

    #[test]
    fn label_that_names_no_class_is_refused() {
        let (dir, images) = read(3, &[5, 10, 2], Some(10));
        let dir = dir.path().display();
        assert_eq!(
            images.unwrap_err().to_string(),
            format!("{dir}/labels: label 1 (from 0) is 10, but the 10 classes are 0 to 9: correct it")
        );
    }
}
