//! Which of Burn's training loops runs on which devices, and our own for a CPU.
//!
//! After each step, Burn's loop hands the metrics to another thread, which hands them to a third. Waking both takes up to a
//! fifth of the baseline's time. [`HostLoop`] is Burn's loop for one device, but hands several steps' metrics over at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::data::dataloader::DataLoader;
use burn::module::Module;
use burn::tensor::Device;
use burn::train::{
    EventProcessorTraining, ExecutionStrategy, InferenceStep, Learner, LearnerEvent, MultiDeviceOptim,
    SupervisedLearningStrategy, SupervisedTrainingEventProcessor, TrainLoader, TrainingComponents, TrainingItem,
    TrainingStrategy, ValidLoader,
};

use super::{history::History, metrics::BatchOutput, model::TrainingModel};
use crate::{data::Batch, device::Opened};

/// The loop for `devices`. On a CPU whose every step is an update, `history` checks each loss at once, and the metrics are
/// handed over once per `interval`.
///
/// With several devices, Burn sums their gradients on the first one. Its alternative `ddp`, in 0.22 for CUDA only, waits for
/// all devices in every step, and hangs if one has a batch fewer, as at the end of most epochs, or sees Ctrl-C first.
pub fn strategy(
    devices: &[Opened],
    accumulation: usize,
    history: &History,
    interval: Duration,
) -> TrainingStrategy<TrainingModel> {
    let autodiff = |opened: &Opened| opened.device.clone().autodiff();
    match devices {
        [device] if device.shares_memory() && accumulation == 1 => {
            let (device, history) = (autodiff(device), history.clone());
            TrainingStrategy::Custom(Arc::new(HostLoop { device, history, interval }))
        }
        [device] => ExecutionStrategy::single(autodiff(device)).into(),
        _ => ExecutionStrategy::multi(devices.iter().map(autodiff).collect(), MultiDeviceOptim::OptimMainDevice).into(),
    }
}

struct HostLoop {
    device: Device,
    history: History,
    interval: Duration,
}

type Events = SupervisedTrainingEventProcessor<TrainingModel>;

impl SupervisedLearningStrategy<TrainingModel> for HostLoop {
    fn fit(
        &self,
        components: TrainingComponents<TrainingModel>,
        mut learner: Learner<TrainingModel>,
        training: TrainLoader<TrainingModel>,
        validation: ValidLoader<TrainingModel>,
        first: usize,
    ) -> (TrainingModel, Events) {
        let TrainingComponents { event_processor: mut events, interrupter, event_store: store, .. } = components;
        let (mut checkpointer, mut early_stopping) = (components.checkpointer, components.early_stopping);
        let (training, validation) =
            (training.to_device(&self.device), validation.to_device(&self.device.clone().inner()));
        learner.fork(&self.device);
        for epoch in first..=components.num_epochs {
            let start = |images| LearnerEvent::StartSplit { epoch_number: epoch, total_items: images };
            interrupter.fail_on_error(events.process_train(start(training.num_items())));
            self.train(epoch, &mut learner, &*training, &mut events);
            interrupter.fail_on_error(events.process_train(LearnerEvent::EndSplit(epoch)));
            if interrupter.should_stop() {
                break;
            }
            interrupter.fail_on_error(events.process_valid(start(validation.num_items())));
            self.validate(&learner, &*validation, &mut events);
            interrupter.fail_on_error(events.process_valid(LearnerEvent::EndSplit(epoch)));
            interrupter.fail_on_error(events.process_train(LearnerEvent::EndEpoch(epoch)));
            interrupter.fail_on_error(events.flush());
            if interrupter.should_stop() {
                break;
            }
            checkpointer.iter_mut().for_each(|it| it.checkpoint(&learner, epoch, &store));
            if early_stopping.as_mut().is_some_and(|it| it.should_stop(epoch, &store)) {
                break;
            }
        }
        (learner.model(), events)
    }
}

impl HostLoop {
    fn train(
        &self,
        epoch: usize,
        learner: &mut Learner<TrainingModel>,
        loader: &dyn DataLoader<Batch>,
        events: &mut Events,
    ) {
        let interrupter = &self.history.interrupter;
        let (mut batches, mut number) = (loader.iter(), 0);
        while !interrupter.should_stop() {
            let (start, mut outputs) = (Instant::now(), vec![]);
            for batch in batches.by_ref() {
                let Ok(batch) = batch.map_err(|error| interrupter.fail(error)) else { break };
                let output = learner.train_step(batch);
                learner.lr_step();
                learner.optimizer_step(output.grads);
                number += 1;
                self.history.check(output.item.loss.number(), epoch, number);
                outputs.push(output.item);
                if start.elapsed() >= self.interval || interrupter.should_stop() {
                    break;
                }
            }
            let Some(last) = outputs.pop() else { break };
            let output = BatchOutput { earlier: outputs, ..last };
            let item = TrainingItem::new(output, batches.progress(), Some(number), Some(learner.lr_current()));
            interrupter.fail_on_error(events.process_train(LearnerEvent::ProcessedItem(item)));
        }
    }

    fn validate(&self, learner: &Learner<TrainingModel>, loader: &dyn DataLoader<Batch>, events: &mut Events) {
        let (interrupter, model) = (&self.history.interrupter, learner.model().valid());
        let mut batches = loader.iter();
        while !interrupter.should_stop()
            && let Some(batch) = batches.next()
        {
            let Ok(batch) = batch.map_err(|error| interrupter.fail(error)) else { break };
            let item = TrainingItem::new(InferenceStep::step(&model, batch), batches.progress(), None, None);
            interrupter.fail_on_error(events.process_valid(LearnerEvent::ProcessedItem(item)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{ops::Range, slice};

    use burn::train::metric::store::{Aggregate, EventStoreClient, Split};
    use burn::train::renderer::CliMetricsRenderer;
    use burn::train::{EarlyStoppingStrategy, SupervisedTraining};
    use parking_lot::Mutex;

    use super::*;
    use crate::config::{Activation, EarlyStopping, Experiment, Gradients, Model, Training};
    use crate::data::{Images, Loader, Scaling};
    use crate::device;
    use crate::model::{Mlp, weights};
    use crate::training::metrics::BufferedMetric;
    use crate::training::{LrSchedule, Position, optimizer};

    const EPOCHS: usize = 2;

    /// Burn's means of each epoch.
    #[derive(Clone, Default)]
    struct Means(Arc<Mutex<Vec<f64>>>);

    impl EarlyStoppingStrategy for Means {
        fn should_stop(&mut self, epoch: usize, store: &EventStoreClient) -> bool {
            for (metric, split) in [("Loss", Split::Train), ("Accuracy", Split::Train), ("Loss", Split::Valid)] {
                self.0.lock().extend(store.find_metric(metric, epoch, Aggregate::Mean, &split));
            }
            false
        }
    }

    /// The weights and the means after a training in 23 batches an epoch, the last one smaller, and where it diverged.
    fn trained(
        gradients: Gradients,
        rate: f64,
        strategy: impl FnOnce(&[Opened], &History) -> TrainingStrategy<TrainingModel>,
    ) -> (Vec<u8>, Vec<f64>, Option<[usize; 2]>) {
        let opened = device::list().into_iter().find_map(|(_, adapters)| adapters.into_iter().next()).unwrap();
        let pixels = (0..70 * 4).map(|i| (i * 37 % 256) as u8).collect();
        let images = Arc::new(Images::new(pixels, (0..70).map(|i| i % 3).collect(), [2, 2], 3));
        let loader = |indices: Range<usize>, batch_size| {
            Loader::new(&images, indices.collect(), Scaling::UNIT, batch_size, opened.device.clone())
        };
        let mut experiment = Experiment {
            model: Model { hidden: vec![5], activation: Activation::Tanh, noise: 0.1, ..Model::default() },
            training: Training { gradients, ..Training::default() },
            ..Experiment::default()
        };
        experiment.optimizer.learning_rate = rate;
        let (training, validation) = (loader(0..68, 3), loader(68..70, 1));
        let position = Position::after_epochs(0, training.plan.batches);
        let device = opened.device.clone().autodiff();
        let network = Mlp::new(&experiment.model, &experiment.init, 4, 3, Some(1), &device);
        let model = TrainingModel::new(network, &experiment, position.clone());
        let schedule = LrSchedule::new(&experiment.schedule, rate, EPOCHS, position).with_layers(&Default::default());
        let history = History::new(EarlyStopping::default(), training.plan, 2, vec![]);
        let (means, folder) = (Means::default(), tempfile::tempdir().unwrap());
        let result = SupervisedTraining::new(folder.path(), Arc::new(training), Arc::new(validation))
            .metrics((BufferedMetric::new("Loss", 1), BufferedMetric::new("Accuracy", 1)))
            .with_metric_logger(history.clone())
            .with_interrupter(history.interrupter.clone())
            .early_stopping(means.clone())
            .renderer(Box::new(CliMetricsRenderer::new()))
            .with_application_logger(None)
            .with_training_strategy(strategy(slice::from_ref(&opened), &history))
            .num_epochs(EPOCHS)
            .launch(Learner::new(model, optimizer(&experiment.optimizer), schedule));
        let means = means.0.lock().clone();
        (weights::to_bytes(result.model.eval_model()).unwrap(), means, history.divergence())
    }

    #[test]
    fn loop_that_hands_over_several_steps_trains_as_burns_does() {
        for gradients in [Gradients::ClosedForm, Gradients::Autodiff] {
            let burns = |devices: &[Opened], _: &History| {
                ExecutionStrategy::single(devices[0].device.clone().autodiff()).into()
            };
            let (weights, means, _) = trained(gradients, 0.01, burns);
            assert_eq!(means.len(), 3 * EPOCHS);
            for interval in [Duration::ZERO, Duration::from_micros(300), Duration::MAX] {
                let (found, found_means, _) =
                    trained(gradients, 0.01, |devices, it| strategy(devices, 1, it, interval));
                assert!(found == weights, "{gradients:?}, every {interval:?}");
                assert_eq!(found_means, means, "{gradients:?}, every {interval:?}");
            }
        }
    }

    #[test]
    fn loop_that_is_stopped_before_it_begins_takes_no_step() {
        let (_, means, divergence) = trained(Gradients::ClosedForm, 0.01, |devices, history| {
            history.interrupter.stop(None);
            strategy(devices, 1, history, Duration::MAX)
        });
        assert_eq!((means, divergence), (vec![], None));
    }

    #[test]
    fn divergence_is_seen_in_the_batch_in_which_it_happens() {
        let diverged =
            |interval| trained(Gradients::ClosedForm, 1e38, |devices, it| strategy(devices, 1, it, interval)).2;
        let [epoch, batch] = diverged(Duration::ZERO).unwrap();
        assert!(epoch == 1 && (2..23).contains(&batch), "{epoch} {batch}");
        assert_eq!(diverged(Duration::MAX), Some([epoch, batch]));
    }
}
