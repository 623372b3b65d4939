//! The progress of a training on stderr: a line per epoch, and a bar in a terminal. A download has a line, or a bar.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::train::metric::{MetricDefinition, MetricId, NumericEntry};
use burn::train::renderer::{MetricState, MetricsRenderer, MetricsRendererTraining};
use burn::train::{Interrupter, logger::TrainingProgressLogger};
use indicatif::{HumanDuration, ProgressBar, ProgressFinish, ProgressStyle};
use smart_default::SmartDefault;

use super::notice::{is_quiet, notice};

/// A renderer for Burn's training loop. Burn's own plain one prints a line per batch, without metrics.
#[derive(SmartDefault)]
pub struct Progress {
    #[default(["Loss", "Accuracy"].map(|name| MetricId::new(Arc::new(name.into()))))]
    metrics: [MetricId; 2],
    epoch: usize,
    epochs: usize,
    images: usize,
    #[default(Instant::now())]
    started: Instant,
    /// The training time of the current epoch, without validation. The speed is computed from it.
    trained: Duration,
    training: Means,
    validation: Means,
    #[default(ProgressBar::hidden())]
    bar: ProgressBar,
    #[default(Instant::now())]
    drawn: Instant,
    interrupter: Interrupter,
}

/// Sums of the loss and of the accuracy in percent over the images of a split so far, and the numbers of these images.
#[derive(Default)]
struct Means([(f64, usize); 2]);

impl Means {
    /// Adds what Burn reports of one of these `metrics`. It also reports metrics that are for `metrics.csv` only.
    fn add(&mut self, metrics: &[MetricId; 2], state: MetricState) {
        let MetricState::Numeric(metric, Some(entry)) = state else { return };
        let Some(index) = metrics.iter().position(|id| *id == metric.metric_id) else { return };
        let (sum, count) = &mut self.0[index];
        match entry {
            NumericEntry::Aggregated { aggregated_value, count: images } => {
                *sum += aggregated_value * images as f64;
                *count += images;
            }
            // The mean over a whole split, some batches of which may not have been read before. NaN for an empty one.
            NumericEntry::Final(value) if !value.is_nan() => (*sum, *count) = (value, 1),
            _ => {}
        }
    }

    /// The loss and the accuracy. `None` before the first image.
    fn get(&self) -> Option<[f64; 2]> {
        (self.0[0].1 > 0).then(|| self.0.map(|(sum, count)| sum / count as f64))
    }
}

/// `loss 0.1234  accuracy 96.52 %`. Nothing if there are no images.
fn metrics(means: Option<[f64; 2]>) -> String {
    means.map_or_else(String::new, |[loss, accuracy]| format!("loss {loss:.4}  accuracy {accuracy:5.2} %"))
}

/// `epoch 1/5  loss 0.1234  accuracy 96.52 %`, followed by the validation's loss and accuracy, if there are any.
fn heading(epoch: usize, epochs: usize, training: Option<[f64; 2]>, validation: Option<[f64; 2]>) -> String {
    let width = epochs.to_string().len();
    let heading = format!("epoch {epoch:width$}/{epochs}  {}", metrics(training));
    if validation.is_some() { format!("{heading}  validation {}", metrics(validation)) } else { heading }
}

/// The line of an earlier epoch, of at most `epochs`.
#[cfg(feature = "tui")]
pub fn line(epoch: &crate::run::Epoch, epochs: usize) -> String {
    let training = [epoch.train_loss, 100.0 * epoch.train_accuracy];
    let validation = epoch.validation_loss.zip(epoch.validation_accuracy);
    let validation = validation.map(|(loss, accuracy)| [loss, 100.0 * accuracy]);
    format!("{}  {:.1} s", heading(epoch.epoch, epochs, Some(training), validation), epoch.seconds)
}

impl Progress {
    /// A renderer for a training that `interrupter` can stop. Draws a bar if stderr is a terminal.
    pub fn new(interrupter: Interrupter) -> Self {
        Self { interrupter, ..Self::default() }
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
            (self.training, self.validation) = Default::default();
            self.started = Instant::now();
        }
        if io::stderr().is_terminal() && !is_quiet() {
            let template = "epoch {prefix} {bar:16} {percent:>3} %  {msg}";
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            self.bar = ProgressBar::new(total_items as u64).with_style(style);
            self.bar.set_prefix(format!("{}/{} {split}", self.epoch, self.epochs));
        }
    }

    fn update_split(&mut self, items_processed: usize) {
        // Formatting at each step would take longer than a step of a small network.
        if !self.bar.is_hidden() && self.drawn.elapsed() > Duration::from_millis(100) {
            let metrics = metrics(self.validation.get().or(self.training.get()));
            self.bar.set_position(items_processed as u64);
            // The remaining time of the training: the rest of this epoch, and the other epochs, as long as this one.
            let epoch = self.started.elapsed() + self.bar.eta();
            let left = self.bar.eta() + epoch * self.epochs.saturating_sub(self.epoch) as u32;
            let speed = self.bar.per_sec();
            self.bar.set_message(format!("{metrics}  {speed:.0} images/s  {:#} left", HumanDuration(left)));
            self.drawn = Instant::now();
        }
    }

    fn end_split(&mut self) {
        if self.validation.get().is_none() {
            self.trained = self.started.elapsed();
        }
        self.bar.finish_and_clear();
    }

    fn update_epoch(&mut self, epoch: usize) {
        // Burn also reports the end of an interrupted epoch, which is not saved.
        if !self.interrupter.should_stop() {
            notice(format!(
                "{}  {:.0} images/s  {:.1} s, {:#} left",
                heading(epoch, self.epochs, self.training.get(), self.validation.get()),
                self.images as f64 / self.trained.as_secs_f64(),
                self.started.elapsed().as_secs_f64(),
                HumanDuration(self.started.elapsed() * (self.epochs - epoch) as u32),
            ));
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
        self.training.add(&self.metrics, state);
    }

    fn update_valid(&mut self, state: MetricState) {
        self.validation.add(&self.metrics, state);
    }
}

impl MetricsRenderer for Progress {
    fn manual_close(&mut self) {}

    fn register_metric(&mut self, _: MetricDefinition) {}
}

shows_no_evaluation!(Progress);

/// Shows a download of `size` bytes on stderr. The result is called with the bytes that have arrived so far.
pub fn download_bar(url: &str, size: u64) -> Box<dyn Fn(u64)> {
    if !io::stderr().is_terminal() || is_quiet() {
        notice(format!("downloading {url} ({size} bytes)"));
        return Box::new(|_| ());
    }
    let style = ProgressStyle::with_template("downloading {msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}")
        .expect("the template above is well-formed");
    // Abandon: the bar stays on the screen and shows how far the download got.
    let bar = ProgressBar::new(size).with_style(style).with_finish(ProgressFinish::Abandon);
    let bar = bar.with_message(url.to_owned());
    Box::new(move |bytes| bar.set_position(bytes))
}
