//! Every backend computes the same network. There is a public report of a backend that trains worse than another.

use burn::tensor::Device;
use mnist_burn::config::{Model, Optimizer};
use mnist_burn::training::optimizer;

use super::{batch, devices, network, step, tensors, without_dropout};

const INPUTS: usize = 784;
const CLASSES: usize = 10;
const BATCH: usize = 32;

/// Images and labels from a fixed formula: blobs whose position depends on the class.
fn images(step: usize) -> (Vec<f32>, Vec<i32>) {
    let labels: Vec<i32> = (0..BATCH).map(|i| ((i * 7 + step * 3) % CLASSES) as i32).collect();
    let pixel = |label: i32, i: usize, p: usize| {
        let centre = 60 + 70 * label as usize + (i * 13 + step * 5) % 17;
        (1.0 - (p.abs_diff(centre) as f32 / 40.0)).max(0.0)
    };
    let pixels =
        labels.iter().enumerate().flat_map(|(i, &label)| (0..INPUTS).map(move |p| pixel(label, i, p))).collect();
    (pixels, labels)
}

/// The losses of 20 steps, and the logits afterwards.
fn train(model: &Model, start: &std::collections::BTreeMap<String, Vec<f32>>, device: &Device) -> (Vec<f32>, Vec<f32>) {
    let device = device.clone().autodiff();
    let mut network = super::filled(network(model, INPUTS, CLASSES, &device), start);
    let mut optimizer = optimizer(&Optimizer::default());
    let mut losses = vec![];
    for number in 0..20 {
        let (pixels, labels) = images(number);
        let (loss, stepped) = step(network, &mut optimizer, 1e-3, batch(pixels, labels, &device));
        losses.push(loss);
        network = stepped;
    }
    let (pixels, labels) = images(20);
    let logits = network.forward(batch(pixels, labels, &device).images()).into_data().iter::<f32>().collect();
    (losses, logits)
}

#[test]
fn losses_and_logits_agree_to_a_thousandth_of_the_largest() {
    let devices = devices();
    let model = without_dropout(vec![128]);
    let (first, reference_device) = &devices[0];
    reference_device.seed(3);
    let start = tensors(&network(&model, INPUTS, CLASSES, reference_device));
    let (losses, logits) = train(&model, &start, reference_device);
    assert!(losses[19] < 0.9 * losses[0], "the network learns: {losses:?}");

    for (name, device) in &devices[1..] {
        let (other_losses, other_logits) = train(&model, &start, device);
        for (what, ours, others) in [("loss", &losses, &other_losses), ("logit", &logits, &other_logits)] {
            let largest = ours.iter().map(|value| value.abs()).fold(0.0, f32::max);
            for (index, (a, b)) in ours.iter().zip(others).enumerate() {
                assert!((a - b).abs() <= 1e-3 * largest, "{what} {index}: {a} on {first}, {b} on {name}");
            }
        }
    }
}
