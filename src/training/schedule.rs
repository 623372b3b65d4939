//! The learning rate: a function of the update's number.

use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use burn::optim::LearningRate;

use crate::config::{Schedule, ScheduleKind};

/// The learning rate of each update.
#[derive(Debug, Clone)]
pub struct Rates {
    kind: ScheduleKind,
    rate: f64,
    updates: usize,
    next: usize,
}

impl Rates {
    /// The rates of a schedule.
    pub fn new(schedule: &Schedule, rate: f64, updates_per_epoch: usize, epochs: usize) -> Self {
        Self { kind: schedule.kind, rate, updates: updates_per_epoch * epochs, next: 0 }
    }

    /// The same, the next update being `update`, counted from 0.
    pub fn starting_at(self, update: usize) -> Self {
        Self { next: update, ..self }
    }

    /// The rate of update `update`, counted from 0.
    pub fn at(&self, update: usize) -> f64 {
        match self.kind {
            ScheduleKind::Constant => self.rate,
            ScheduleKind::Cosine => {
                0.5 * self.rate * (1.0 + (std::f64::consts::PI * update as f64 / self.updates as f64).cos())
            }
        }
    }
}

impl LrScheduler for Rates {
    fn step(&mut self) -> LearningRate {
        self.next += 1;
        self.at(self.next - 1)
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new().with_scalar("next", self.next)
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        self.next = record.scalar("next").unwrap_or(self.next);
    }
}
