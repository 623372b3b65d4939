//! Each epoch's mean of each metric, kept for Burn's event store.
//!
//! Burn's own loggers keep every batch, in memory or in files; only the means are asked for.

use burn::train::logger::MetricLogger;
use burn::train::metric::store::{EpochSummary, MetricsUpdate, Split};
use burn::train::metric::{MetricDefinition, MetricId, NumericEntry};

/// The means of the epochs so far.
#[derive(Debug, Default)]
pub struct EpochTotals {
    means: Vec<Mean>,
}

#[derive(Debug)]
struct Mean {
    metric: MetricId,
    epoch: usize,
    split: Split,
    value: f64,
}

impl MetricLogger for EpochTotals {
    fn log(&mut self, update: MetricsUpdate, epoch: usize, split: &Split) {
        for metric in update.entries_numeric {
            // Burn gives the mean at the end of the split.
            if let Some(NumericEntry::Final(value)) = metric.numeric_entry {
                self.means.push(Mean { metric: metric.entry.metric_id, epoch, split: split.clone(), value });
            }
        }
    }

    fn read_numeric(&mut self, name: &str, epoch: usize, split: &Split) -> Result<Vec<NumericEntry>, String> {
        let metric = MetricId::new(std::sync::Arc::new(name.to_string()));
        let found = self.means.iter().find(|mean| mean.metric == metric && mean.epoch == epoch && mean.split == *split);
        Ok(found.map(|mean| NumericEntry::Final(mean.value)).into_iter().collect())
    }

    fn log_metric_definition(&mut self, _: MetricDefinition) {}

    fn log_epoch_summary(&mut self, _: EpochSummary) {}
}
