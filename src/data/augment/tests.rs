//! Augmented images against values computed in another way.

use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::tensor::{Device, Tensor};

use super::*;
use crate::data::{EpochPlan, Loader, Scaling};

/// `side` by `side` pixels, all of them different.
fn pattern(side: usize) -> Vec<u8> {
    (0..side * side).map(|pixel| (pixel * 37 % 251) as u8).collect()
}

/// The image after `change`, without an elastic field.
fn changed(pixels: &[u8], size: [usize; 2], change: &Change) -> Vec<u8> {
    let mut augmented = vec![0; pixels.len()];
    Canvas::new(size).augment(pixels, change.inverse(size), &mut augmented);
    augmented
}

/// Images of 28 by 28 pixels with a round dot, `[right, down]` of the middle.
fn dots(count: usize, [right, down]: [f64; 2]) -> Images {
    let dot = |pixel: usize| {
        let (x, y) = ((pixel % 28) as f64 - 13.5 - right, (pixel / 28) as f64 - 13.5 - down);
        (255.0 * (-(x * x + y * y) / 8.0).exp()).round() as u8
    };
    Images::new((0..count * 784).map(|pixel| dot(pixel % 784)).collect(), vec![0; count], [28, 28], 1)
}

/// The centre of mass of an image of 28 by 28 pixels, `[right, down]` of the middle.
fn centre(pixels: &[u8]) -> [f64; 2] {
    let (mut ink, mut right, mut down) = (0.0, 0.0, 0.0);
    for (index, &pixel) in pixels.iter().enumerate() {
        ink += f64::from(pixel);
        right += f64::from(pixel) * ((index % 28) as f64 - 13.5);
        down += f64::from(pixel) * ((index / 28) as f64 - 13.5);
    }
    [right / ink, down / ink]
}

fn assert_near(found: [f64; 2], expected: [f64; 2], what: &str) {
    let distance = (found[0] - expected[0]).hypot(found[1] - expected[1]);
    assert!(distance < 0.05, "{what}: {found:?} is not {expected:?}");
}

/// All ranges in use.
fn all_ranges() -> Augment {
    Augment {
        rotation: Some(20.0),
        scale: Some(0.2),
        shear: Some(15.0),
        translation: Some(2.0),
        elastic_alpha: Some(30.0),
        elastic_sigma: Some(4.0),
        stroke_width: Some(2.0),
        blur: Some(0.8),
        contrast: Some(0.4),
    }
}

#[test]
fn augmentation_without_ranges_is_none() {
    assert!(Augmentation::new(&Augment::default(), 1, [28, 28]).is_none());
}

#[test]
fn ranges_of_zero_leave_every_pixel_as_it_is() {
    let zero = Some(0.0);
    let [rotation, scale, shear, translation, elastic_alpha] = [zero; 5];
    let ranges = Augment { rotation, scale, shear, translation, elastic_alpha, ..Augment::default() };
    for side in [1, 7, 28] {
        let images = Images::new(pattern(side), vec![3], [side, side], 10);
        assert_eq!(Augmentation::new(&ranges, 1, [side, side]).unwrap().apply(&images, &[0], 1), images);
    }
}

#[test]
fn translation_moves_every_pixel_and_brings_in_background() {
    let pixels = [1, 2, 3, 4, 5, 6];
    let moved = |translation| changed(&pixels, [2, 3], &Change { translation, ..Change::default() });
    assert_eq!(moved([1.0, 0.0]), [0, 1, 2, 0, 4, 5]);
    assert_eq!(moved([-1.0, 1.0]), [0, 0, 0, 2, 3, 0]);
    assert_eq!(moved([1000.0, -1000.0]), [0; 6]);
}

#[test]
fn translation_by_a_fraction_of_a_pixel_is_bilinear() {
    let moved = |translation| changed(&[40, 80, 120, 200], [2, 2], &Change { translation, ..Change::default() });
    assert_eq!(moved([-0.5, 0.0])[0], 60);
    // 3/4 of (40 + 80)/2 and 1/4 of (120 + 200)/2.
    assert_eq!(moved([-0.5, -0.25])[0], 85);
}

#[test]
fn rotation_by_90_degrees_turns_rows_into_columns() {
    for side in [4, 28] {
        let pixels = pattern(side);
        let turned = changed(&pixels, [side, side], &Change { rotation: 90.0, ..Change::default() });
        let expected: Vec<u8> =
            (0..side * side).map(|pixel| pixels[(side - 1 - pixel % side) * side + pixel / side]).collect();
        assert_eq!(turned, expected);
    }
}

#[test]
fn augmentation_scales_then_shears_then_rotates() {
    let from = [4.0, -3.0];
    let dot = dots(1, from);
    let at = |change: &Change| centre(&changed(dot.pixels(0), [28, 28], change));
    assert_near(at(&Change { scale: [0.5, -0.2], ..Change::default() }), [6.0, -2.4], "size");
    let tan = 20.0_f64.to_radians().tan();
    assert_near(at(&Change { shear: 20.0, ..Change::default() }), [4.0 - 3.0 * tan, -3.0], "slant");
    let (x, y) = (6.0 - 2.4 * tan, -2.4);
    let (sin, cos) = 30.0_f64.to_radians().sin_cos();
    let all = Change { scale: [0.5, -0.2], shear: 20.0, rotation: 30.0, translation: [1.5, 0.5] };
    assert_near(at(&all), [cos * x - sin * y + 1.5, sin * x + cos * y + 0.5], "all");
}

#[test]
fn augmentation_covers_each_range_and_stays_within_it() {
    let images = dots(500, [6.0, 0.0]);
    let indices: Vec<usize> = (0..500).collect();
    let extremes = |ranges: Augment, measure: fn([f64; 2]) -> f64| {
        let augmented = Augmentation::new(&ranges, 1, [28, 28]).unwrap().apply(&images, &indices, 1);
        let values = indices.iter().map(|&index| measure(centre(augmented.pixels(index))));
        values.fold([f64::MAX, f64::MIN], |[low, high], value| [low.min(value), high.max(value)])
    };
    let angle = |[right, down]: [f64; 2]| down.atan2(right).to_degrees();
    let angles = extremes(Augment { rotation: Some(25.0), ..Augment::default() }, angle);
    let widths = extremes(Augment { scale: Some(0.3), ..Augment::default() }, |[right, _]| right / 6.0);
    let moves = extremes(Augment { translation: Some(3.0), ..Augment::default() }, |[_, down]| down);
    for ([low, high], [least, most]) in [(angles, [-25.0, 25.0]), (widths, [0.7, 1.3]), (moves, [-3.0, 3.0])] {
        let span: f64 = most - least;
        assert!(low > least - 0.02 * span && low < least + 0.05 * span, "{low} for {least}");
        assert!(high < most + 0.02 * span && high > most - 0.05 * span, "{high} for {most}");
    }
}

#[test]
fn elastic_field_alone_moves_ink_along_both_axes() {
    let ranges = Augment { elastic_alpha: Some(30.0), ..Augment::default() };
    let augmented = Augmentation::new(&ranges, 1, [28, 28]).unwrap().apply(&dots(50, [0.0; 2]), &[0, 1, 2, 3, 4], 1);
    let centres: Vec<[f64; 2]> = (0..5).map(|index| centre(augmented.pixels(index))).collect();
    for axis in [0, 1] {
        let largest = centres.iter().map(|centre| centre[axis].abs()).fold(0.0, f64::max);
        assert!((0.3..5.0).contains(&largest), "{largest}");
    }
    assert!(centres.iter().all(|centre| (centre[0] - centre[1]).abs() > 1e-3), "{centres:?}");
}

#[test]
fn augmented_image_depends_only_on_the_seed_the_epoch_and_its_index() {
    let images = dots(40, [2.0, 1.0]);
    let one = |seed, epoch, index: usize| {
        Augmentation::new(&all_ranges(), seed, [28, 28]).unwrap().apply(&images, &[index], epoch).pixels(0).to_vec()
    };
    // More images than one thread takes.
    let indices: Vec<usize> = (0..40).map(|position| position * 7 % 40).collect();
    let together = Augmentation::new(&all_ranges(), 1, [28, 28]).unwrap().apply(&images, &indices, 1);
    for (position, &index) in indices.iter().enumerate() {
        assert_eq!(one(1, 1, index), together.pixels(position), "{index}");
    }
    for other in [one(2, 1, 3), one(1, 2, 3), one(1, 1, 2)] {
        assert_ne!(one(1, 1, 3), other);
    }
}

#[test]
fn augmentation_range_does_not_change_the_draw_of_another() {
    let images = dots(1, [5.0, 0.0]);
    let at =
        |ranges: Augment| centre(Augmentation::new(&ranges, 7, [28, 28]).unwrap().apply(&images, &[0], 1).pixels(0));
    let translation = Some(3.0);
    let [alone, turned] =
        [None, Some(1e-6)].map(|rotation| at(Augment { rotation, translation, ..Augment::default() }));
    assert_near(turned, alone, "translation");
}

/// The images and the labels of the next epoch, batch after batch.
fn epoch(loader: &Loader) -> Vec<(Vec<f32>, Vec<i32>)> {
    let numbers = |batch: crate::data::Batch| {
        let [images, targets] = [batch.images().into_data(), batch.targets.into_data()];
        (images.iter::<f32>().collect(), targets.iter::<i32>().collect())
    };
    loader.iter().map(|batch| numbers(batch.unwrap())).collect()
}

/// A loader of 30 images that have their own labels, with a change.
fn loader(augmentation: Option<Augmentation>, change: impl FnOnce(&mut Loader)) -> Loader {
    let labels: Vec<u8> = (0..30).collect();
    let images = Arc::new(Images::new(dots(1, [2.0, 1.0]).pixels(0).repeat(30), labels, [28, 28], 30));
    let mut loader = Loader::new(&images, (0..30).collect(), Scaling::UNIT, 4, Device::flex());
    (loader.shuffle, loader.augmentation) = (Some(1), augmentation);
    change(&mut loader);
    loader
}

#[test]
fn augmented_images_change_with_every_epoch_but_not_with_threads_or_interruptions() {
    let augmented = |done: u64, threads: usize| {
        loader(Augmentation::new(&all_ranges(), 1, [28, 28]), |it| {
            (it.epochs, it.threads) = (Arc::new(done.into()), threads)
        })
    };
    let (one, three) = (augmented(0, 0), augmented(0, 3));
    let first = epoch(&one);
    assert_eq!(epoch(&three), first);
    let second = epoch(&one);
    assert_eq!(epoch(&three), second);
    assert_eq!(epoch(&augmented(1, 1)), second);

    let image_of = |epoch: &[(Vec<f32>, Vec<i32>)], label: i32| {
        let mut all = epoch.iter().flat_map(|(images, labels)| images.chunks(784).zip(labels));
        all.find(|(_, found)| **found == label).unwrap().0.to_vec()
    };
    let plain = epoch(&loader(None, |_| ()));
    assert!((0..30).all(|label| image_of(&first, label) != image_of(&second, label)));
    assert!((0..30).all(|label| image_of(&first, label) != image_of(&plain, label)));
}

#[test]
fn image_repeated_within_an_epoch_is_augmented_differently() {
    let loader = loader(Augmentation::new(&all_ranges(), 1, [28, 28]), |it| it.plan = EpochPlan::one_pass(60, 4));
    let (images, labels): (Vec<_>, Vec<_>) = epoch(&loader).into_iter().unzip();
    let (images, labels) = (images.concat(), labels.concat());
    let of = |label| images.chunks(784).zip(&labels).filter(move |(_, found)| **found == label).map(|(image, _)| image);
    assert!((0..30).all(|label| of(label).count() == 2 && of(label).next() != of(label).nth(1)));
}

#[test]
fn unlabelled_image_comes_plain_and_augmented() {
    let images = dots(1, [2.0, 1.0]);
    let loader = loader(Augmentation::new(&all_ranges(), 1, [28, 28]), |it| {
        it.plan = EpochPlan { unlabelled_per_batch: 1, unlabelled: 1, ..EpochPlan::one_pass(4, 4) };
        it.unlabelled = [7].into();
    });
    let unlabelled = loader.iter().next().unwrap().unwrap().unlabelled.unwrap();
    let bytes =
        |images: Tensor<2>| images.into_data().iter::<f32>().map(|value| (value * 255.0).round() as u8).collect();
    let [plain, augmented]: [Vec<u8>; 2] =
        [&unlabelled.plain, &unlabelled.augmented].map(|images| bytes(images.scaled(&Device::flex())));
    assert_eq!(plain, images.pixels(0));
    let turned = Augmentation::new(&all_ranges(), 1, [28, 28]).unwrap();
    assert_eq!(augmented, turned.pixels(&dots(30, [2.0, 1.0]), &[Sample { index: 7, epoch: 1 }]));
}
