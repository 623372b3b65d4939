//! Training with differential privacy: DP-SGD, Abadi and others 2016, <https://arxiv.org/abs/1607.00133>.
//!
//! A step takes each image with the probability q, independently of the others. With g(x) the gradient of an image, C the
//! largest norm, and B the expected number of images, the gradient of the step is
//!
//! ```text
//! (Σ g(x)·min(1, C/|g(x)|) + σ·C·v) / B        v ~ N(0, 1) for each weight
//! ```
//!
//! The samples and v come from a secret key, so that a repeated step has the same ones. What follows costs no privacy.

use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use rand::RngExt;
use rand_distr::StandardNormal;

use super::accountant::{epsilon, noise_multiplier};
use super::{error::TrainingError, low_pass::LowPass, optimizer::each_gradient};
use crate::random::{Key, Purpose};
use crate::{config::Experiment, data::EpochPlan, model::Mlp, run::PrivacyRecord};

/// The noise of a private training, and the privacy that it costs.
#[derive(Debug, Clone)]
pub struct PrivacyPlan {
    pub total: PrivacyRecord,
    /// A step's batch has its number of images on average.
    pub epoch: EpochPlan,
}

impl PrivacyPlan {
    /// The plan of `experiment`, if its training is private. Refused if no noise is enough for its budget.
    pub fn new(experiment: &Experiment, plan: &EpochPlan) -> Result<Option<Self>, TrainingError> {
        let privacy = experiment.privacy.clone().resolved();
        let Some((delta, clip)) = privacy.delta.zip(privacy.clip) else { return Ok(None) };
        let steps = experiment.training.epochs * plan.batches;
        let sampling_rate = plan.batch_size as f64 / plan.images as f64;
        let noise = match privacy.epsilon {
            Some(epsilon) => noise_multiplier(sampling_rate, steps, epsilon, delta)
                .ok_or(TrainingError::PrivacyBudget { epsilon, steps })?,
            None => privacy.noise_multiplier.unwrap_or_default(),
        };
        let total = PrivacyRecord { epsilon: 0.0, delta, clip, noise_multiplier: noise, sampling_rate, steps };
        let plan = Self { total, epoch: *plan };
        Ok(Some(Self { total: plan.spent(experiment.training.epochs), ..plan }))
    }

    pub fn spent(&self, epochs: usize) -> PrivacyRecord {
        let PrivacyRecord { sampling_rate, noise_multiplier, delta, .. } = self.total;
        let steps = (epochs * self.epoch.batches).min(self.total.steps);
        PrivacyRecord { epsilon: epsilon(sampling_rate, noise_multiplier, steps, delta), steps, ..self.total }
    }
}

#[derive(Debug, Clone)]
pub struct GaussianMechanism {
    pub plan: PrivacyPlan,
    pub key: Key,
    pub low_pass: Option<LowPass>,
}

impl GaussianMechanism {
    /// The gradients of the step `step`, counted from 0, from the sums of the clipped gradients of its images.
    pub fn gradients(&self, network: &Mlp, sums: GradientsParams, step: usize) -> GradientsParams {
        let PrivacyPlan { total, epoch } = &self.plan;
        let (deviation, batch) = ((total.noise_multiplier * total.clip) as f32, epoch.batch_size as f32);
        let mut generator = self.key.generator(Purpose::PrivacyNoise { step: step as u64 });
        let mut gradients = each_gradient(network, sums, |sum| {
            let (device, mut values) = (sum.device(), sum.into_data());
            for value in values.as_mut_slice::<f32>().expect("gradients are f32") {
                *value = (*value + deviation * generator.sample::<f32, _>(StandardNormal)) / batch;
            }
            Tensor::from_data(values, &device)
        });
        if let Some((filter, id)) = self.low_pass.zip(network.layers().next().map(|first| first.weight.id))
            && let Some(gradient) = gradients.remove(id)
        {
            gradients.register(id, filter.filter(gradient));
        }
        gradients
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::config::{BatchSize, Init, Model};
    use crate::data::Split;
    use crate::device;
    use crate::model::passes::HostNetwork;

    fn device_in_memory() -> Device {
        let mut opened = device::list().into_iter().flat_map(|(_, adapters)| adapters);
        opened.find(device::Opened::shares_memory).unwrap().device
    }

    fn plan(change: impl FnOnce(&mut Experiment)) -> Result<Option<PrivacyPlan>, TrainingError> {
        let mut experiment = Experiment::default();
        (experiment.training.batch_size, experiment.training.epochs) = (BatchSize::Images(100), 3);
        change(&mut experiment);
        let split = Split { training: (0..950).collect(), ..Split::default() };
        PrivacyPlan::new(&experiment, &EpochPlan::new(&experiment, &split))
    }

    #[test]
    fn budget_is_spent_by_the_last_epoch_and_never_exceeded() {
        let plan = plan(|it| it.privacy.epsilon = Some(2.0)).unwrap().unwrap();
        let spent: Vec<_> = (1..5).map(|epochs| plan.spent(epochs)).collect();
        assert_eq!(spent.iter().map(|it| it.steps).collect::<Vec<_>>(), [10, 20, 30, 30]);
        assert!(spent[0].epsilon < spent[1].epsilon && spent[1].epsilon < spent[2].epsilon);
        assert!((1.9999..=2.0).contains(&spent[2].epsilon), "{spent:?}");
        assert_eq!(spent[3], plan.total);
        assert_eq!(plan.total.sampling_rate, 100.0 / 950.0);
    }

    #[test]
    fn noise_of_the_config_is_used_as_it_is() {
        let plan = plan(|it| it.privacy.noise_multiplier = Some(1.5)).unwrap().unwrap();
        assert_eq!(plan.total.noise_multiplier, 1.5);
        assert_eq!(plan.total.epsilon, epsilon(100.0 / 950.0, 1.5, 30, 1e-5));
    }

    #[test]
    fn budget_that_no_noise_is_enough_for_is_refused() {
        let refused = plan(|it| (it.privacy.epsilon, it.privacy.delta) = (Some(1e-9), Some(1e-300))).unwrap_err();
        assert!(
            refused.to_string().starts_with("privacy.epsilon = 0.000000001 is too small for 30 steps"),
            "{refused}"
        );
        assert!(plan(|_| {}).unwrap().is_none());
    }

    #[test]
    fn noise_has_its_deviation_and_is_the_same_when_a_step_is_done_again() {
        let device = device_in_memory();
        let network =
            Mlp::new(&Model { hidden: vec![40], ..Model::default() }, &Init::default(), 500, 4, Some(1), &device);
        let noise = |key: &Key, step| {
            let total = PrivacyRecord {
                epsilon: 1.0,
                delta: 1e-5,
                clip: 2.0,
                noise_multiplier: 3.0,
                sampling_rate: 1.0,
                steps: 9,
            };
            let plan = PrivacyPlan { total, epoch: EpochPlan { batches: 9, batch_size: 3, ..EpochPlan::default() } };
            let mechanism = GaussianMechanism { plan, key: key.clone(), low_pass: None };
            let mut sums = GradientsParams::new();
            let weight = &HostNetwork::of(&network).unwrap().layers[0].layer.weight;
            sums.register(weight.id, weight.val().ones_like());
            let gradients = mechanism.gradients(&network, sums, step);
            gradients.get::<2>(weight.id).unwrap().into_data().try_to_vec::<f32>().unwrap()
        };
        let [one, other] = [Key::new().unwrap(), Key::new().unwrap()];
        let drawn = noise(&one, 7);
        let mean = drawn.iter().sum::<f32>() / drawn.len() as f32;
        let variance = drawn.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / drawn.len() as f32;
        assert!((mean - 1.0 / 3.0).abs() < 0.07 && (variance.sqrt() - 2.0).abs() < 0.06, "{mean} {variance}");
        assert_eq!(noise(&one, 7), drawn);
        assert!(noise(&one, 8) != drawn && noise(&other, 7) != drawn);
    }

    #[test]
    fn low_pass_leaves_the_first_layer_few_frequencies_and_the_others_all() {
        let device = device_in_memory();
        let network =
            Mlp::new(&Model { hidden: vec![4], ..Model::default() }, &Init::default(), 12, 3, Some(1), &device);
        let key = Key::new().unwrap();
        let gradients = |low_pass| {
            let total = PrivacyRecord {
                epsilon: 1.0,
                delta: 1e-5,
                clip: 1.0,
                noise_multiplier: 1.0,
                sampling_rate: 1.0,
                steps: 9,
            };
            let plan = PrivacyPlan { total, epoch: EpochPlan { batches: 9, batch_size: 3, ..EpochPlan::default() } };
            let mut sums = GradientsParams::new();
            let weights = network.layers().map(|layer| layer.weight.clone()).collect::<Vec<_>>();
            weights.iter().for_each(|weight| sums.register(weight.id, weight.val().zeros_like()));
            let gradients = GaussianMechanism { plan, key: key.clone(), low_pass }.gradients(&network, sums, 0);
            weights.iter().map(|weight| gradients.get::<2>(weight.id).unwrap().into_data()).collect::<Vec<_>>()
        };
        let filter = LowPass { frequencies: 2, size: [3, 4] };
        let (all, few) = (gradients(None), gradients(Some(filter)));
        let expected = filter.filter(Tensor::from_data(all[0].clone(), &device)).into_data();
        assert!(few[0] != all[0]);
        few[0].assert_approx_eq::<f32>(&expected, Default::default());
        assert_eq!(few[1], all[1]);
    }
}
