//! The position of a training, and the rate of each update: a function of its number and, for a plateau, of past epochs.
//!
//! Burn's own schedulers have neither warm-up nor one-cycle as a single scheduler, and derive each rate from the one
//! before. A function of the number and the epochs, which a checkpoint has, gives the same rates after a resume.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::{collections::BTreeMap, f64::consts::PI, slice, sync::Arc};

use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use burn::optim::LearningRate;

use super::history::History;
use crate::config::{Schedule, ScheduleKind};
use crate::model::layer_group;

/// One-cycle's first rate as a fraction of the highest one: PyTorch's `div_factor`.
const ONE_CYCLE_START: f64 = 1.0 / 25.0;
/// One-cycle's last rate as a fraction of the first one: PyTorch's `final_div_factor`.
const ONE_CYCLE_END: f64 = 1e-4;

/// The updates so far, and so the epoch. Copies share it: the model advances it, and all that changes over time reads it.
#[derive(Debug, Clone)]
pub struct Position {
    update: Arc<AtomicUsize>,
    pub(super) updates_per_epoch: usize,
}

impl Position {
    /// The position after `epochs` whole epochs of `updates_per_epoch` updates, at least 1.
    pub fn after_epochs(epochs: usize, updates_per_epoch: usize) -> Self {
        Self { update: Arc::new(AtomicUsize::new(epochs * updates_per_epoch)), updates_per_epoch }
    }

    /// The number of the next update, counted from 0.
    pub fn update(&self) -> usize {
        self.update.load(Ordering::Relaxed)
    }

    /// Advances by one update.
    pub fn advance(&self) {
        self.update.fetch_add(1, Ordering::Relaxed);
    }
}

/// The learning rates of a whole training, as a Burn scheduler. It reads position and history, and keeps no state.
#[derive(Clone)]
pub struct LrSchedule {
    schedule: Schedule,
    /// `optimizer.learning_rate`.
    peak: f64,
    epochs: usize,
    pub(super) position: Position,
    /// What a plateau follows.
    pub(super) history: Option<History>,
}

impl LrSchedule {
    /// The rates of `epochs` epochs, at least 1, with the highest rate `peak`, for the training at `position`.
    pub fn new(schedule: &Schedule, peak: f64, epochs: usize, position: Position) -> Self {
        Self { schedule: schedule.clone().resolved(), peak, epochs, position, history: None }
    }

    /// Burn's scheduler of these rates, multiplied by the factor of each of `layers`.
    pub fn with_layers(self, layers: &BTreeMap<String, f64>) -> ModuleLrScheduler {
        layers.iter().fold(ModuleLrScheduler::new(self.clone()), |all, (layer, factor)| {
            let mut rates = Self { peak: self.peak * factor, ..self.clone() };
            rates.schedule.min_learning_rate = self.schedule.min_learning_rate.map(|lowest| lowest * factor);
            all.with_group(layer_group(slice::from_ref(layer)), rates)
        })
    }

    /// The rate of `update`, counted from 0.
    pub fn at(&self, update: usize) -> f64 {
        // A key that the kind does not use is unset, and its default here is not read.
        let factor = self.schedule.factor.unwrap_or(1.0);
        let warmup = self.schedule.warmup.unwrap_or(0.0);
        let every = self.schedule.every.unwrap_or(1);
        let updates_per_epoch = self.position.updates_per_epoch;
        let updates = updates_per_epoch * self.epochs;
        match self.schedule.kind {
            ScheduleKind::Constant => self.peak,
            ScheduleKind::Step => self.peak * factor.powf((update / updates_per_epoch / every) as f64),
            ScheduleKind::Exponential => self.peak * factor.powf(update as f64 / updates_per_epoch as f64),
            ScheduleKind::Cosine => cosine(self.peak, warmup, update, updates),
            ScheduleKind::OneCycle => one_cycle(self.peak, warmup, update as f64, updates as f64),
            ScheduleKind::Plateau => self.peak * self.plateau(update / updates_per_epoch),
        }
    }

    /// The fraction of the rate that is left after `epochs` epochs:
    /// [Keras' `ReduceLROnPlateau`](https://keras.io/api/callbacks/reduce_lr_on_plateau/).
    fn plateau(&self, epochs: usize) -> f64 {
        let Schedule { factor, patience, min_delta, cooldown, min_learning_rate, .. } = self.schedule;
        let lowest = min_learning_rate.unwrap_or(0.0) / self.peak;
        let (mut rate, mut best, mut waited, mut cooling) = (1.0_f64, f64::INFINITY, 0, 0);
        let done = self.history.as_ref().map(|history| history.until(epochs)).unwrap_or_default();
        for loss in done.iter().filter_map(|epoch| epoch.validation_loss) {
            cooling = usize::saturating_sub(cooling, 1);
            if loss < best - min_delta.unwrap_or(0.0) {
                (best, waited) = (loss, 0);
            } else if cooling == 0 {
                waited += 1;
                if waited >= patience.unwrap_or(1) && rate > lowest {
                    rate = (rate * factor.unwrap_or(1.0)).max(lowest);
                    (cooling, waited) = (cooldown.unwrap_or(0), 0);
                }
            }
        }
        rate
    }
}

/// The value on half a cosine from `from` to `to`, after the fraction `done` of it.
fn half_cosine(from: f64, to: f64, done: f64) -> f64 {
    to + 0.5 * (from - to) * (1.0 + (done * PI).cos())
}

/// Rises linearly in the first fraction `warmup` of all updates, then falls along half a cosine to 0: Loshchilov and
/// Hutter 2017, <https://arxiv.org/abs/1608.03983>, without restarts. Only an update after the last would have the rate 0.
fn cosine(peak: f64, warmup: f64, update: usize, updates: usize) -> f64 {
    let rising = ((warmup * updates as f64).round() as usize).min(updates - 1);
    if update < rising {
        return peak * (update + 1) as f64 / (rising + 1) as f64;
    }
    half_cosine(peak, 0.0, (update - rising) as f64 / (updates - rising) as f64)
}

/// PyTorch's `OneCycleLR` for the rate only: highest after the warm-up, which may end between two updates, lowest at the end.
fn one_cycle(peak: f64, warmup: f64, update: f64, updates: f64) -> f64 {
    let (start, top) = (peak * ONE_CYCLE_START, warmup * updates - 1.0);
    if update < top {
        return half_cosine(start, peak, update / top);
    }
    // With less than one update of warm-up, the top lies before the first update, as in PyTorch.
    half_cosine(peak, start * ONE_CYCLE_END, (update - top) / (updates - 1.0 - top))
}

impl LrScheduler for LrSchedule {
    fn step(&mut self) -> LearningRate {
        self.at(self.position.update())
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new()
    }

    fn load_record(&mut self, _: LrSchedulerRecord) {}
}

#[cfg(test)]
mod tests {
    use burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
    use burn::module::ParamId;

    use super::*;
    use crate::config::EarlyStopping;
    use crate::data::EpochPlan;
    use crate::run::metrics::Epoch;

    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (update, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!((found - expected).abs() < 1e-12, "update {update}: {found} is not {expected}");
        }
    }

    const KINDS: [ScheduleKind; 6] = [
        ScheduleKind::Constant,
        ScheduleKind::Step,
        ScheduleKind::Exponential,
        ScheduleKind::Cosine,
        ScheduleKind::OneCycle,
        ScheduleKind::Plateau,
    ];

    fn schedule(kind: ScheduleKind) -> Schedule {
        Schedule { kind, ..Schedule::default() }
    }

    /// The rates of all updates of a training whose highest rate is 0.5.
    fn all(schedule: Schedule, updates_per_epoch: usize, epochs: usize) -> Vec<f64> {
        let rates = LrSchedule::new(&schedule, 0.5, epochs, Position::after_epochs(0, updates_per_epoch));
        (0..updates_per_epoch * epochs).map(|update| rates.at(update)).collect()
    }

    #[test]
    fn constant_rate_is_the_same_for_every_update() {
        assert_eq!(all(schedule(ScheduleKind::Constant), 3, 2), [0.5; 6]);
    }

    #[test]
    fn step_schedule_applies_its_factor_every_so_many_epochs() {
        let steps = Schedule { every: Some(2), factor: Some(0.1), ..schedule(ScheduleKind::Step) };
        assert_close(&all(steps, 2, 5), &[0.5, 0.5, 0.5, 0.5, 0.05, 0.05, 0.05, 0.05, 0.005, 0.005]);
    }

    #[test]
    fn exponential_rate_falls_by_its_factor_an_epoch_in_equal_ratios() {
        let exponential = Schedule { factor: Some(0.81), ..schedule(ScheduleKind::Exponential) };
        assert_close(&all(exponential, 2, 2), &[0.5, 0.45, 0.405, 0.3645]);
    }

    #[test]
    fn cosine_without_warm_up_equals_burns() {
        let mut burns = CosineAnnealingLrSchedulerConfig::new(0.5, 21).init().unwrap();
        let expected: Vec<f64> = (0..21).map(|_| burns.step().base()).collect();
        assert_eq!(all(schedule(ScheduleKind::Cosine), 7, 3), expected);
    }

    #[test]
    fn cosine_with_warm_up_first_rises_linearly_to_the_full_rate() {
        let cosine = Schedule { warmup: Some(0.3), ..schedule(ScheduleKind::Cosine) };
        assert_close(&all(cosine.clone(), 5, 2)[..4], &[0.125, 0.25, 0.375, 0.5]);
        // One update of five rises; the other four are at 0, 45, 90 and 135 degrees.
        let cosine = Schedule { warmup: Some(0.2), ..cosine };
        let root = 0.5f64.sqrt();
        let expected = [0.25, 0.5, 0.25 * (1.0 + root), 0.25, 0.25 * (1.0 - root)];
        assert_close(&all(cosine, 5, 1), &expected);
    }

    #[test]
    fn one_cycle_equals_pytorchs() {
        // torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=..., pct_start=...), by its formula in
        // Python.
        let one_cycle = |warmup| Schedule { warmup, ..schedule(ScheduleKind::OneCycle) };
        let expected = [
            0.02,
            0.26,
            0.5,
            0.47524231600673683,
            0.40587282697488153,
            0.30563101096814466,
            0.19437098903185537,
            0.09412917302511849,
            0.024759683993263143,
            0.000002,
        ];
        assert_close(&all(one_cycle(None), 5, 2), &expected);
        let expected = [0.42677698818985565, 0.250001, 0.07322501181014432, 0.000002];
        assert_close(&all(one_cycle(Some(0.0)), 1, 4), &expected);
    }

    /// A history of epochs with these validation losses.
    fn history(losses: &[f64]) -> History {
        let epoch = |(number, &loss)| Epoch { epoch: number, validation_loss: Some(loss), ..Epoch::default() };
        History::new(EarlyStopping::default(), EpochPlan::default(), 9, (1..).zip(losses).map(epoch).collect())
    }

    #[test]
    fn plateau_equals_keras() {
        // keras.callbacks.ReduceLROnPlateau(...), by its on_epoch_end in Python, for an optimiser with the rate 0.5. The last loss
        // of each is of the last epoch, which no rate follows.
        let plateau = |patience, min_delta, cooldown, lowest| Schedule {
            factor: Some(0.5),
            patience: Some(patience),
            min_delta: Some(min_delta),
            cooldown: Some(cooldown),
            min_learning_rate: Some(lowest),
            ..schedule(ScheduleKind::Plateau)
        };
        let losses = [1.0, 0.9, 0.85, 0.95, 0.9, 0.8, 0.8, 0.81, 0.85, 0.9, 0.82, 0.81];
        for (schedule, halvings) in [
            (plateau(2, 0.0, 0, 0.0), [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3]),
            (plateau(1, 0.0, 0, 0.0), [0, 0, 0, 0, 1, 2, 2, 3, 4, 5, 6, 7]),
            (plateau(2, 0.2, 0, 0.0), [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5]),
            (plateau(1, 0.0, 3, 0.0), [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]),
            (plateau(1, 0.0, 1, 0.0), [0, 0, 0, 0, 1, 2, 2, 3, 4, 5, 6, 7]),
            (plateau(1, 0.0, 0, 0.125), [0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 2]),
        ] {
            let mut rates = LrSchedule::new(&schedule, 0.5, 12, Position::after_epochs(0, 3));
            rates.history = Some(history(&losses));
            let expected: Vec<f64> = halvings.iter().map(|&halvings| 0.5_f64.powi(1 + halvings)).collect();
            let at = |update: usize| (0..12).map(|epoch| rates.at(3 * epoch + update)).collect::<Vec<_>>();
            assert_eq!([at(0), at(2)], [expected.clone(), expected], "{schedule:?}");
        }
    }

    #[test]
    fn lowest_rate_of_a_plateau_is_multiplied_by_the_factor_of_a_layer() {
        let (patience, lowest) = (Some(1), Some(0.2));
        let plateau = Schedule { patience, min_learning_rate: lowest, ..schedule(ScheduleKind::Plateau) };
        let mut rates = LrSchedule::new(&plateau, 0.5, 9, Position::after_epochs(5, 3));
        rates.history = Some(history(&[1.0; 5]));
        let mut scheduler = rates.with_layers(&[("output".to_string(), 0.1)].into());
        let mut rate = |path| scheduler.step().lr_from_param(ParamId::new(), Some(path));
        assert_close(&[rate("hidden.0.weight"), rate("output.weight")], &[0.2, 0.02]);
    }

    #[test]
    fn rates_of_every_kind_are_above_0_and_at_most_the_full_one_in_short_trainings_too() {
        for kind in KINDS {
            for warmup in [0.0, 0.2, 0.3, 0.5, 0.999] {
                let schedule = Schedule { warmup: Some(warmup), ..schedule(kind) };
                for (per_epoch, epochs) in [(1, 1), (2, 1), (1, 3), (10, 1), (7, 30)] {
                    let rates = all(schedule.clone(), per_epoch, epochs);
                    assert!(rates.iter().all(|&rate| rate > 0.0 && rate < 0.5 + 1e-12), "{schedule:?}: {rates:?}");
                }
            }
        }
    }

    #[test]
    fn scheduler_gives_the_rate_of_the_position_for_every_layer() {
        for kind in KINDS {
            let position = Position::after_epochs(1, 4);
            let mut schedule = LrSchedule::new(&schedule(kind), 0.5, 3, position.clone());
            let rates: Vec<f64> = (4..12).map(|update| schedule.at(update)).collect();
            for rate in rates {
                assert_eq!([schedule.step(), schedule.clone().step()], [rate, rate]);
                position.advance();
            }
        }
    }

    #[test]
    fn position_is_shared_by_its_copies() {
        let position = Position::after_epochs(2, 3);
        let copy = position.clone();
        assert_eq!(copy.update(), 6);
        position.advance();
        assert_eq!(copy.update(), 7);
    }
}
