//! Each epoch's mean of each metric, stored for Burn's event store. Burn also logs every batch's loss here, which the
//! divergence guard checks.
//!
//! Burn's own loggers store every batch, in memory or in files, but only the means are needed.

use std::collections::HashMap;
use std::sync::Arc;

use burn::train::logger::MetricLogger;
use burn::train::metric::store::{EpochSummary, MetricsUpdate, Split};
use burn::train::metric::{MetricDefinition, MetricId, NumericEntry};

use super::divergence::DivergenceGuard;

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

    /// Counts a batch. `loss` is its loss, or the mean of several batches read together, or `None` if none was read.
    fn see(&mut self, loss: Option<f64>, epoch: usize, split: &Split) {
        self.has_batches = true;
        if *split == Split::Train {
            self.batches += 1;
        }
        if let Some(loss) = loss {
            self.guard.check(loss, epoch, self.batches);
        }
    }
}

impl MetricLogger for EpochMeans {
    fn log(&mut self, update: MetricsUpdate, epoch: usize, split: &Split) {
        for metric in update.entries_numeric {
            match metric.numeric_entry {
                // Burn gives the mean at the end of the split.
                Some(NumericEntry::Final(value)) => {
                    // Some of its losses may have been read only now.
                    if is_loss(&metric.entry.metric_id) && std::mem::take(&mut self.has_batches) {
                        self.guard.check(value, epoch, self.batches);
                    }
                    self.means.insert((metric.entry.metric_id, epoch, split.clone()), value);
                    self.batches = if *split == Split::Train { self.batches } else { 0 };
                }
                Some(NumericEntry::Value(loss) | NumericEntry::Aggregated { aggregated_value: loss, .. })
                    if is_loss(&metric.entry.metric_id) =>
                {
                    self.see(Some(loss), epoch, split);
                }
                None if is_loss(&metric.entry.metric_id) => self.see(None, epoch, split),
                _ => {}
            }
        }
    }

    fn read_numeric(&mut self, name: &str, epoch: usize, split: &Split) -> Result<Vec<NumericEntry>, String> {
        let mean = self.means.get(&(MetricId::new(Arc::new(name.into())), epoch, split.clone()));
        Ok(mean.map(|&mean| NumericEntry::Final(mean)).into_iter().collect())
    }

    fn log_metric_definition(&mut self, _: MetricDefinition) {}

    fn log_epoch_summary(&mut self, _: EpochSummary) {}
}

fn is_loss(metric: &MetricId) -> bool {
    *metric == MetricId::new(Arc::new("Loss".into()))
}
