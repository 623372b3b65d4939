//! Each epoch's mean of each metric, for Burn's event store. Burn also logs every batch's loss, which the guard checks.
//!
//! Burn's own loggers store every batch, in memory or in files, but only the means are needed.

use std::collections::HashMap;
use std::sync::Arc;

use burn::train::logger::MetricLogger;
use burn::train::metric::store::{EpochSummary, MetricsUpdate, Split};
use burn::train::metric::{MetricDefinition, MetricId, NumericEntry};

use super::history::DivergenceGuard;

/// The means of the epochs so far.
pub struct EpochMeans {
    means: HashMap<(MetricId, usize, Split), f64>,
    guard: DivergenceGuard,
    /// Training batches of the epoch so far.
    batches: usize,
    /// Whether the current split has had a batch: Burn also gives the mean of an empty one.
    has_batches: bool,
}

impl EpochMeans {
    /// An empty store, which has `guard` check each loss.
    pub fn new(guard: DivergenceGuard) -> Self {
        Self { means: HashMap::new(), guard, batches: 0, has_batches: false }
    }
}

impl MetricLogger for EpochMeans {
    fn log(&mut self, update: MetricsUpdate, epoch: usize, split: &Split) {
        for metric in update.entries_numeric {
            let is_loss = metric.entry.metric_id == id("Loss");
            match metric.numeric_entry {
                // Burn gives the mean at the end of the split.
                Some(NumericEntry::Final(mean)) => {
                    // Some of its losses may have been read only now.
                    if is_loss && std::mem::take(&mut self.has_batches) {
                        self.guard.check(mean, epoch, self.batches);
                    }
                    self.means.insert((metric.entry.metric_id, epoch, split.clone()), mean);
                    self.batches = if *split == Split::Train { self.batches } else { 0 };
                }
                // The loss of a batch, or of several that were read together, or none yet.
                loss if is_loss => {
                    self.has_batches = true;
                    self.batches += usize::from(*split == Split::Train);
                    loss.into_iter().for_each(|loss| self.guard.check(loss.current(), epoch, self.batches));
                }
                _ => {}
            }
        }
    }

    fn read_numeric(&mut self, name: &str, epoch: usize, split: &Split) -> Result<Vec<NumericEntry>, String> {
        let mean = self.means.get(&(id(name), epoch, split.clone()));
        Ok(mean.map(|&mean| NumericEntry::Final(mean)).into_iter().collect())
    }

    fn log_metric_definition(&mut self, _: MetricDefinition) {}

    fn log_epoch_summary(&mut self, _: EpochSummary) {}
}

/// Burn's key of a metric.
fn id(name: &str) -> MetricId {
    MetricId::new(Arc::new(name.into()))
}
