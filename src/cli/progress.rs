//! The progress of a training on stderr: a line per epoch, and a bar in a terminal.
//!
//! Burn's own renderer for plain output prints a line per batch, without metrics. For Burn's dashboard, see
//! `dashboard`.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use burn::train::Interrupter;
use burn::train::logger::TrainingProgressLogger;
use burn::train::metric::{MetricDefinition, MetricId, NumericEntry};
use burn::train::renderer::{MetricState, MetricsRenderer, MetricsRendererTraining};
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use super::notice::notice;

/// A renderer for Burn's training loop.
pub struct Progress {
    loss: MetricId,
    accuracy: MetricId,
    epoch: usize,
    epochs: usize,
    images: usize,
    /// The start of the current epoch.
    started: Instant,
    /// The training time of the current epoch, without validation. The speed is computed from it.
    trained: Duration,
    training: RunningMetrics,
    validation: RunningMetrics,
    bar: ProgressBar,
    drawn: Instant,
    interrupter: Interrupter,
}

/// Mean loss and accuracy over the images of the split so far.
#[derive(Debug, Clone, Copy, Default)]
struct RunningMetrics {
    loss: Mean,
    accuracy: Mean,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn value(self) -> f64 {
        self.sum / self.count as f64
    }
}

impl RunningMetrics {
    fn add(&mut self, is_loss: bool, entry: NumericEntry) {
        let mean = if is_loss { &mut self.loss } else { &mut self.accuracy };
        match entry {
            NumericEntry::Aggregated { aggregated_value, count } => {
                mean.sum += aggregated_value * count as f64;
                mean.count += count;
            }
            // The mean over the whole split, at its end: some batches may not have been read before. It is NaN for an
            // empty split.
            NumericEntry::Final(value) if !value.is_nan() => *mean = Mean { sum: value, count: 1 },
            _ => {}
        }
    }
}

/// `loss 0.1234  accuracy 96.52 %`.
impl std::fmt::Display for RunningMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.loss.count {
            0 => Ok(()),
            _ => write!(f, "loss {:.4}  accuracy {:5.2} %", self.loss.value(), self.accuracy.value()),
        }
    }
}

/// `epoch 1/5  loss 0.1234  accuracy 96.52 %`, followed by the validation's loss and accuracy, if there are any.
fn heading(epoch: usize, epochs: usize, training: RunningMetrics, validation: RunningMetrics) -> String {
    let width = epochs.to_string().len();
    let validation = match validation.loss.count {
        0 => String::new(),
        _ => format!("  validation {validation}"),
    };
    format!("epoch {epoch:width$}/{epochs}  {training}{validation}")
}

/// The line of an earlier epoch, of at most `epochs`.
#[cfg(feature = "tui")]
pub fn line(epoch: &crate::run::Epoch, epochs: usize) -> String {
    let mean = |sum| Mean { sum, count: 1 };
    let metrics = |loss, accuracy| RunningMetrics { loss: mean(loss), accuracy: mean(100.0 * accuracy) };
    let training = metrics(epoch.train_loss, epoch.train_accuracy);
    let validation = epoch.validation_loss.zip(epoch.validation_accuracy);
    let validation = validation.map(|(loss, accuracy)| metrics(loss, accuracy)).unwrap_or_default();
    format!("{}  {:.1} s", heading(epoch.epoch, epochs, training, validation), epoch.seconds)
}

impl Progress {
    /// A renderer for a training that `interrupter` can stop. Draws a bar if stderr is a terminal.
    pub fn new(interrupter: Interrupter) -> Self {
        Self {
            loss: MetricId::new(std::sync::Arc::new("Loss".into())),
            accuracy: MetricId::new(std::sync::Arc::new("Accuracy".into())),
            epoch: 0,
            epochs: 0,
            images: 0,
            started: Instant::now(),
            trained: Duration::ZERO,
            training: RunningMetrics::default(),
            validation: RunningMetrics::default(),
            bar: ProgressBar::hidden(),
            drawn: Instant::now(),
            interrupter,
        }
    }

    fn line(&self) -> String {
        let speed = self.images as f64 / self.trained.as_secs_f64();
        format!(
            "{}  {speed:.0} images/s  {:.1} s, {:#} left",
            heading(self.epoch, self.epochs, self.training, self.validation),
            self.started.elapsed().as_secs_f64(),
            HumanDuration(self.started.elapsed() * (self.epochs - self.epoch) as u32),
        )
    }
}

impl TrainingProgressLogger for Progress {
    fn start(&mut self, total_epochs: usize, starting_epoch: usize, _: Option<usize>, _: Option<&str>) {
        self.epochs = total_epochs;
        self.epoch = starting_epoch;
    }

    fn start_split(&mut self, split: &str, total_items: usize) {
        if split == "train" {
            self.images = total_items;
            self.training = RunningMetrics::default();
            self.validation = RunningMetrics::default();
            self.started = Instant::now();
        }
        if std::io::stderr().is_terminal() {
            let template = "epoch {prefix} {bar:16} {percent:>3} %  {msg}";
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            self.bar = ProgressBar::new(total_items as u64).with_style(style);
            self.bar.set_prefix(format!("{}/{} {split}", self.epoch, self.epochs));
        }
    }

    fn update_split(&mut self, items_processed: usize) {
        // Formatting at each step would take longer than a step of a small network.
        if !self.bar.is_hidden() && self.drawn.elapsed() > Duration::from_millis(100) {
            let metrics = if self.validation.loss.count > 0 { &self.validation } else { &self.training };
            self.bar.set_position(items_processed as u64);
            // The remaining time of the training: the rest of this epoch, and the other epochs, each as long as this
            // one.
            let epoch = self.started.elapsed() + self.bar.eta();
            let left = self.bar.eta() + epoch * self.epochs.saturating_sub(self.epoch) as u32;
            let speed = self.bar.per_sec();
            self.bar.set_message(format!("{metrics}  {speed:.0} images/s  {:#} left", HumanDuration(left)));
            self.drawn = Instant::now();
        }
    }

    fn end_split(&mut self) {
        if self.validation.loss.count == 0 {
            self.trained = self.started.elapsed();
        }
        self.bar.finish_and_clear();
    }

    fn update_epoch(&mut self, epoch: usize) {
        self.epoch = epoch;
        // Burn also reports the end of an interrupted epoch, which is not saved.
        if !self.interrupter.should_stop() {
            notice(self.line());
        }
        self.epoch = epoch + 1;
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }

    fn log_event_training(&mut self, _: String) {}
}

impl MetricsRendererTraining for Progress {
    fn update_train(&mut self, state: MetricState) {
        if let MetricState::Numeric(metric, Some(entry)) = state {
            self.training.add(metric.metric_id == self.loss, entry);
        }
    }

    fn update_valid(&mut self, state: MetricState) {
        // With a moving average, Burn also reports the raw validation metrics. They are for `metrics.csv` only.
        if let MetricState::Numeric(metric, Some(entry)) = state
            && (metric.metric_id == self.loss || metric.metric_id == self.accuracy)
        {
            self.validation.add(metric.metric_id == self.loss, entry);
        }
    }
}

impl MetricsRenderer for Progress {
    fn manual_close(&mut self) {}

    fn register_metric(&mut self, _: MetricDefinition) {}
}

shows_no_evaluation!(Progress);
