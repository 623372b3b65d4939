//! The closed form against Burn's autodiff, option by option, on every CPU backend of the build.

use burn::module::Module;
use burn::nn::activation::Activation as Function;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use burn::train::TrainStep;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::*;
use crate::config::{Activation, Experiment, Gradients, Init, Model, Optimizer, OptimizerKind, SemiSupervised};
use crate::data::prepare::Look;
use crate::data::{BatchImages, ImageBatcher, Scaling, Unlabelled};
use crate::device;
use crate::evaluation::{Classifier, Network};
use crate::model::passes::HostNetwork;
use crate::random::{Purpose, generator};
use crate::run::Member;
use crate::training::distillation::Distillation;
use crate::training::metrics::Mean;
use crate::training::{Position, TrainingModel, cross_entropy, optimizer};

mod private;

const INPUTS: usize = 60;
const CLASSES: usize = 4;
const IMAGES: usize = 12;

/// The CPU backends of this build, with autodiff.
fn devices() -> Vec<Device> {
    let cpus = device::list().into_iter().flat_map(|(_, adapters)| adapters).filter(|opened| opened.shares_memory());
    cpus.map(|opened| opened.device.autodiff()).collect()
}

/// An option of a training, and a batch for it.
#[derive(Clone)]
struct Case {
    what: &'static str,
    experiment: Experiment,
    unlabelled: bool,
    class_weights: Option<Vec<f32>>,
    /// The scalings of the pixels of a teacher's networks.
    teachers: Vec<Scaling>,
    loss_weight: f64,
    scaling: Scaling,
    /// The fraction of pixels that are not background, in tenths.
    ink: usize,
}

fn case(what: &'static str, change: impl FnOnce(&mut Case)) -> Case {
    let model = Model { hidden: vec![149, 20], dropout: 0.0, ..Model::default() };
    let experiment = Experiment { model, ..Experiment::default() };
    let mut case = Case {
        what,
        experiment,
        unlabelled: false,
        class_weights: None,
        teachers: vec![],
        loss_weight: 1.0,
        scaling: Scaling::UNIT,
        ink: 2,
    };
    change(&mut case);
    case
}

fn cases() -> Vec<Case> {
    let freeze = |layer: &str| Init { freeze: vec![layer.into()], ..Init::default() };
    let normalized = |case: &mut Case| case.experiment.model.batch_norm = true;
    vec![
        case("ReLU", |_| {}),
        case("sigmoid", |it| it.experiment.model.activation = Activation::Sigmoid),
        case("tanh", |it| it.experiment.model.activation = Activation::Tanh),
        case("GELU", |it| it.experiment.model.activation = Activation::Gelu),
        case("no hidden layer", |it| it.experiment.model.hidden = vec![]),
        case("standardised pixels", |it| it.scaling = Scaling { mean: 0.13, deviation: 0.3 }),
        case("hardly any background", |it| it.ink = 9),
        case("dropout", |it| it.experiment.model.dropout = 0.3),
        case("dropout after tanh", |it| {
            it.experiment.model = Model { dropout: 0.3, activation: Activation::Tanh, ..it.experiment.model.clone() };
        }),
        case("noise", |it| it.experiment.model.noise = 0.2),
        case("batch normalisation", normalized),
        case("batch normalisation with noise and dropout", |it| {
            it.experiment.model = Model { batch_norm: true, noise: 0.2, dropout: 0.3, ..it.experiment.model.clone() };
        }),
        case("label smoothing", |it| it.experiment.training.label_smoothing = 0.2),
        case("class weights", |it| it.class_weights = Some(vec![0.5, 2.0, 1.0, 0.1])),
        case("clipping by the global norm", |it| it.experiment.optimizer.global_clip_norm = Some(0.1)),
        case("a teacher", |it| it.teachers = vec![Scaling::UNIT]),
        case("an ensemble of teachers with other pixels", |it| {
            it.teachers = vec![Scaling { mean: 0.13, deviation: 0.3 }, Scaling { mean: 0.5, deviation: 2.0 }];
            it.class_weights = Some(vec![0.5, 2.0, 1.0, 0.1]);
            it.experiment.training.label_smoothing = 0.2;
        }),
        case("a part of an update", |it| it.loss_weight = 0.25),
        case("frozen first layer", |it| it.experiment.init = freeze("hidden.0")),
        case("frozen output layer", |it| it.experiment.init = freeze("output")),
        case("frozen normalisation", |it| {
            normalized(it);
            it.experiment.init = freeze("norm.0");
        }),
        case("frozen layer before normalisation that learns", |it| {
            normalized(it);
            it.experiment.init = freeze("hidden.0");
        }),
        case("unlabelled images", |it| {
            normalized(it);
            it.unlabelled = true;
            it.class_weights = Some(vec![0.5, 2.0, 1.0, 0.1]);
            it.experiment.training.ema_decay = Some(0.9);
            it.experiment.semi_supervised =
                SemiSupervised { weight: Some(0.7), threshold: Some(0.3), ..SemiSupervised::default() };
        }),
        case("unlabelled images, aligned", |it| {
            it.unlabelled = true;
            it.experiment.training.ema_decay = Some(0.9);
            it.experiment.semi_supervised = SemiSupervised {
                weight: Some(0.7),
                threshold: Some(0.3),
                distribution_alignment: Some(true),
                ..SemiSupervised::default()
            };
        }),
    ]
}

impl Case {
    fn network(&self, device: &Device) -> Mlp {
        let Experiment { model, init, .. } = &self.experiment;
        Mlp::new(model, init, INPUTS, CLASSES, Some(1), device)
    }

    /// `network` in training, with its own running statistics, which a clone would share.
    fn model(&self, network: &Mlp, gradients: Gradients) -> TrainingModel {
        let mut experiment = self.experiment.clone();
        experiment.training.gradients = gradients;
        let mut model = TrainingModel::new(network.valid().train(), &experiment, Position::after_epochs(100, 1));
        model.loss.class_weights = self.class_weights.clone();
        model.loss.distillation = (!self.teachers.is_empty()).then(|| self.distillation(network));
        model
    }

    /// What teachers of other seeds and sizes say.
    fn distillation(&self, network: &Mlp) -> Distillation {
        let device = network.layers().next().unwrap().weight.device().inner();
        let model = Model { hidden: vec![70], batch_norm: true, ..Model::default() };
        let teacher = |(seed, &scaling): (u64, &Scaling)| Network {
            model: Mlp::new(&model, &Init::default(), INPUTS, CLASSES, Some(seed), &device),
            batcher: ImageBatcher::new(scaling),
        };
        let teacher = Classifier {
            networks: (7..).zip(&self.teachers).map(teacher).collect(),
            sha256: String::new(),
            device,
            size: [1, INPUTS],
            look: Look::MNIST,
            names: (0..CLASSES).map(|class| class.to_string()).collect(),
        };
        let source = Member { run: "teacher".into(), sha256: String::new() };
        let scaling = ImageBatcher::new(self.scaling);
        Distillation { teacher: Arc::new(teacher), source, scaling, temperature: 3.0, weight: 0.7 }
    }

    fn batch(&self, step: usize, in_bytes: bool, device: &Device) -> Batch {
        let images = |count: usize, salt: usize| {
            let byte =
                |i: usize| if (i + salt + i / 7) % 10 < self.ink { ((i * 37 + salt * 11) % 255) as u8 } else { 0 };
            let bytes: Vec<u8> = (step * 101..step * 101 + count * INPUTS).map(byte).collect();
            let images = BatchImages::Bytes { bytes, area: INPUTS, batcher: ImageBatcher::new(self.scaling) };
            if in_bytes { images } else { BatchImages::Scaled(images.scaled(device)) }
        };
        let labels = (0..IMAGES).map(|i| ((i * 5 + step) % CLASSES) as i32).collect();
        let unlabelled = Unlabelled { plain: images(30, 1), augmented: images(30, 2), loss_weight: self.loss_weight };
        Batch {
            images: images(IMAGES, 0),
            unlabelled: self.unlabelled.then_some(unlabelled),
            seed: step as u64,
            loss_weight: self.loss_weight,
            ..Batch::new(Tensor::zeros([1, 1], device), labels)
        }
    }

    fn is_random(&self) -> bool {
        self.experiment.model.dropout > 0.0 || self.experiment.model.noise > 0.0
    }

    /// Loss and gradients by autodiff. The network itself draws other noise and dropout than the closed form.
    fn by_autodiff(&self, model: &TrainingModel, batch: Batch) -> (f64, GradientsParams) {
        if !self.is_random() {
            let output = TrainStep::step(model, batch);
            return (number(&output.item.loss), output.grads);
        }
        let logits = composed(&HostNetwork::of(&model.network).unwrap(), batch.images(), batch.seed);
        let loss = cross_entropy(logits, batch.targets, model.loss.label_smoothing).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &model.network);
        (loss.into_scalar::<f32>().into(), gradients)
    }
}

/// The logits in Burn's operations, with the noise and the dropout of the closed form.
fn composed(network: &HostNetwork, images: Tensor<2>, seed: u64) -> Tensor<2> {
    let noise = |shape: [usize; 2], layer: u64, device: &Device| -> Tensor<2> {
        let mut stream = generator(seed, Purpose::Noise { layer, part: 0 });
        let mut number = || network.mlp.noise.std as f32 * stream.sample::<f32, _>(StandardNormal);
        Tensor::from_data(
            TensorData::new((0..shape[0] * shape[1]).map(|_| number()).collect::<Vec<_>>(), shape),
            device,
        )
    };
    let device = images.device();
    let (hidden, output) = network.layers.split_at(network.layers.len() - 1);
    let mut x = images.clone() + noise(images.dims(), 0, &device);
    for (number, linear) in (0..).zip(hidden) {
        let z = linear.layer.forward(x);
        let shape = z.dims();
        let noise = noise(shape, number + 1, &device);
        let a = match network.mlp.norm.get(number as usize) {
            Some(norm) => norm.forward(z) + noise * norm.gamma.val().unsqueeze(),
            None => z + noise,
        };
        let mut stream = generator(seed, Purpose::Dropout { layer: number });
        let dropout = network.mlp.dropout.prob;
        let kept = |draw: u32| if f64::from(draw) < dropout * 2f64.powi(32) { 0.0 } else { 1.0 };
        let mask: Vec<f64> = (0..shape[0] * shape[1]).map(|_| kept(stream.next_u32()) / (1.0 - dropout)).collect();
        x = network.mlp.activation.forward(a) * Tensor::from_data(TensorData::new(mask, shape), &device);
    }
    output[0].layer.forward(x)
}

fn number(mean: &Mean) -> f64 {
    match mean {
        Mean::Number(number) => *number,
        Mean::OnDevice(tensor) => tensor.clone().into_scalar::<f32>().into(),
    }
}

/// The gradient of each parameter of a network by its name, if it has one.
fn by_name(network: &Mlp, gradients: &GradientsParams) -> Vec<(String, Option<Vec<f32>>)> {
    let mut all = vec![];
    let network = HostNetwork::of(network).unwrap();
    for (number, linear) in network.layers.iter().enumerate() {
        let norm = network.mlp.norm.get(number);
        let vector = |id| gradients.get::<1>(id).map(|it| it.into_data().iter::<f32>().collect());
        let weight = gradients.get::<2>(linear.layer.weight.id).map(|it| it.into_data().iter::<f32>().collect());
        all.push((format!("weight {number}"), weight));
        // Before batch normalisation of the batch, a bias has no gradient but for rounding errors.
        if !norm.is_some_and(|norm| norm.training.is_enabled()) {
            all.push((format!("bias {number}"), vector(linear.layer.bias.as_ref().unwrap().id)));
        }
        if let Some(norm) = norm {
            all.push((format!("gamma {number}"), vector(norm.gamma.id)));
            all.push((format!("beta {number}"), vector(norm.beta.id)));
        }
    }
    all
}

#[test]
fn closed_form_has_the_gradients_and_the_loss_of_autodiff_for_every_option() {
    for (device, case) in
        devices().into_iter().flat_map(|device| cases().into_iter().map(move |it| (device.clone(), it)))
    {
        let network = case.network(&device);
        for in_bytes in [false, true] {
            let model = case.model(&network, Gradients::ClosedForm);
            let found = TrainStep::step(&model, case.batch(3, in_bytes, &device));
            // Burn approximates GELU's derivative on ndarray.
            let is_gelu = matches!(HostNetwork::of(&model.network).unwrap().mlp.activation, Function::Gelu(_));
            let exact = if is_gelu { Device::flex().autodiff() } else { device.clone() };
            let reference = case.model(&network.clone().fork(&exact), Gradients::Autodiff);
            let (loss, gradients) = case.by_autodiff(&reference, case.batch(3, in_bytes, &exact));

            let what = format!("{}, {device:?}, bytes: {in_bytes}", case.what);
            assert!((number(&found.item.loss) - loss).abs() < 1e-5, "{what}: {:?} is not {loss}", found.item.loss);
            let (found, expected) = (by_name(&model.network, &found.grads), by_name(&reference.network, &gradients));
            for ((name, found), (_, expected)) in found.iter().zip(&expected) {
                assert_eq!(found.is_some(), expected.is_some(), "{what}, {name}");
                let (Some(found), Some(expected)) = (found, expected) else { continue };
                assert_eq!(found.len(), expected.len(), "{what}, {name}");
                let largest = expected.iter().fold(0.0, |largest: f32, it| largest.max(it.abs()));
                assert!(largest > 0.0, "{what}, {name}: the comparison can fail");
                for (found, expected) in found.iter().zip(expected) {
                    assert!((found - expected).abs() <= 1e-5 * largest, "{what}, {name}: {found} is not {expected}");
                }
            }
        }
    }
}

#[test]
fn twenty_steps_in_closed_form_have_the_losses_of_autodiff() {
    let sgd = || Optimizer { kind: OptimizerKind::Sgd, momentum: Some(0.9), ..Optimizer::default() };
    for (device, case) in
        devices().into_iter().flat_map(|device| cases().into_iter().map(move |it| (device.clone(), it)))
    {
        if case.what == "GELU" && format!("{device:?}").contains("NdArray") {
            // Burn approximates its derivative there.
            continue;
        }
        let network = case.network(&device);
        let losses = |gradients, step: &dyn Fn(&TrainingModel, Batch) -> (f64, GradientsParams)| -> Vec<f64> {
            let (mut model, mut optimizer): (_, ModuleOptimizer) = (case.model(&network, gradients), optimizer(&sgd()));
            let one = |number| {
                let (loss, gradients) = step(&model, case.batch(number, true, &device));
                model = model.clone().optimize(&mut optimizer, 0.02.into(), gradients);
                loss
            };
            (0..20).map(one).collect()
        };
        let found = losses(Gradients::ClosedForm, &|model, batch| {
            let output = TrainStep::step(model, batch);
            (number(&output.item.loss), output.grads)
        });
        let expected = losses(Gradients::Autodiff, &|model, batch| case.by_autodiff(model, batch));
        assert!(expected[19] != expected[0], "{}: the comparison can fail", case.what);
        for (step, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() < 1e-5, "{}, {device:?}, step {step}: {found}, {expected}", case.what);
        }
    }
}

#[test]
fn step_in_closed_form_changes_no_bit_with_the_number_of_threads_and_reuses_its_buffers() {
    for device in devices() {
        let case = case("wide", |it| {
            it.experiment.model =
                Model { hidden: vec![3000, 700], noise: 0.1, dropout: 0.3, ..it.experiment.model.clone() };
        });
        let network = case.network(&device);
        let with = |threads, steps: &[usize]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let model = case.model(&network, Gradients::ClosedForm);
            let step = |&number| TrainStep::step(&model, case.batch(number, true, &device)).grads;
            let gradients = pool.install(|| steps.iter().map(step).collect::<Vec<_>>()).pop().unwrap();
            by_name(&model.network, &gradients)
        };
        assert!(with(1, &[2]) == with(5, &[2]));
        assert!(with(1, &[2]) == with(3, &[1, 2]));
        assert!(with(1, &[2]) != with(1, &[1]));
    }
}

#[test]
fn loss_that_is_nan_is_reported() {
    for device in devices() {
        let case = case("NaN", |_| {});
        let model = case.model(&case.network(&device), Gradients::Auto);
        let images = BatchImages::Scaled(Tensor::full([IMAGES, INPUTS], f32::NAN, &device));
        let output = TrainStep::step(&model, Batch { images, ..case.batch(0, false, &device) });
        assert!(number(&output.item.loss).is_nan());
    }
}
